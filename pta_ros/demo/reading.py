"""A recorded demo read from the JSON lines that the simulator and monitor_node write."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from pta_ros.demo.records import (
    COUNTERS,
    MONITOR_FILE,
    TICKS_FILE,
    Estimate,
    Report,
    Run,
    StreamEntry,
    Tick,
    TruePerson,
)
from pta_ros.errors import DatasetError
from pta_ros.frames import Person
from pta_ros.people.centred import trunk

#: The records of each task's estimates.
_KINDS = {"pose": "skeleton", "activity": "activity", "people": "people"}


def _streams(record: dict[str, Any]) -> dict[str, StreamEntry]:
    return {
        name: StreamEntry(
            stream["state"],
            stream.get("weight") or 0.0,
            stream.get("stamp_ns", 0),
            {counter: stream[counter] for counter in COUNTERS},
        )
        for name, stream in record["streams"].items()
    }


def _tick(record: dict[str, Any], sensors: Collection[str] | None) -> Tick:
    faults = {
        name: fault if sensors is None or name in sensors else "silent"
        for name, fault in record["faults"].items()
    }
    joints = np.asarray(record.get("joints", []), dtype=np.float64).reshape(-1, 3)
    timing = record["render_ms"], record["late_ms"]
    place = record["index"], record["stamp_ns"], record["phase"]
    people = tuple(_true_person(one) for one in record.get("people", ()))
    return Tick(*place, faults, joints, *timing, record.get("activity", -1), people)


def _true_person(record: dict[str, Any]) -> TruePerson:
    sight = {modality: tuple(joints) for modality, joints in record["sight"].items()}
    return TruePerson(np.asarray(record["joints"], np.float64), sight, record["counts"])


def _estimate(record: dict[str, Any]) -> Estimate:
    joints = np.asarray(record.get("joints", []), dtype=np.float64).reshape(-1, 3)
    place = record["stamp_ns"], record["received_ns"], record["latency_ms"]
    people = tuple(_person(one) for one in record.get("people", ()))
    return Estimate(*place, joints, _streams(record), record.get("class_id", -1), people)


def _person(record: dict[str, Any]) -> Person:
    joints = np.asarray(record["joints"], np.float64)
    deviation = np.asarray(record["std"], np.float64)  # None becomes NaN
    return Person(record["presence"], trunk(joints), joints, deviation, record["weights"])


def _report(record: dict[str, Any]) -> Report:
    streams = _streams(record)
    told = record.get("device", ""), record.get("message", "")
    return Report(record["received_ns"], record["level"], streams, *told)


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    """The records of a file; a last line cut short by a killed writer is left out."""
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except OSError as error:
        raise DatasetError(f"no recording at {path}: {error.strerror}; run pta_demo") from error
    for number, line in enumerate(lines[:-1], 1):
        try:
            yield json.loads(line)
        except ValueError as error:
            raise DatasetError(f"{path}:{number} is not JSON ({error}); record it again") from error


def load_run(folder: Path, sensors: Collection[str] | None = None) -> Run:
    """Read the two recordings of a demo in `folder`; raises DatasetError when they are unusable.

    `sensors` are those that the fusion was to use (None: all); the others count as silent.
    """
    sent = list(_lines(folder / TICKS_FILE))
    published = list(_lines(folder / MONITOR_FILE))
    session = next((r for r in sent if r["type"] == "session"), None)
    if session is None:
        raise DatasetError(f"{folder / TICKS_FILE} has no session line; run pta_demo again")
    kind = _KINDS[session.get("estimates", "pose")]
    estimates = [_estimate(r) for r in published if r["type"] == kind]
    return Run(
        session,
        tuple(_tick(r, sensors) for r in sent if r["type"] == "tick"),
        tuple(e for e in estimates if e.used),
        tuple(_report(r) for r in published if r["type"] == "diagnostics"),
        tuple(r["stamp_ns"] for r in published if r["type"] == "skeleton"),
        tuple(e for e in estimates if not e.used),
    )
