"""What an archive keeps of one evaluated recording: the figures of its fault-free replay."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from posixpath import commonpath
from typing import Any

from pta_ros.evaluation.replay.record import Heard, Replayed
from pta_ros.evaluation.replay.source import Source
from pta_ros.evaluation.report import scores, words
from pta_ros.evaluation.report.scores import EMPTY, LIVE, MISSING
from pta_ros.evaluation.report.seen import Measured
from pta_ros.frames import StreamState

SCHEMA = 1
#: Beside a recording's report when it is complete; written last.
FILE = "evaluated.json"
_REPORT = "report.html"

#: States in which a sensor does what it should: with EMPTY it says that nobody is there.
GOOD = (LIVE, EMPTY)
#: States in which it fails.
BAD = (MISSING, *(s.name for s in (StreamState.STALE, StreamState.CORRUPT)))
_DIGITS = 3


@dataclass(frozen=True)
class SensorResult:
    """One sensor in one recording. `topic` is empty where the recording has none of it.

    `state_s` are seconds in each state, `left_out_s` those in which it was LIVE and left out as it
    contradicted the others (`contradictions` times). `outages` is how often it stopped being LIVE
    or EMPTY, 1 where it never was. `refused` messages are those that the decoder refused, `why` is
    in words why no estimate used it, empty where one did.
    """

    modality: str
    topic: str
    state_s: dict[str, float]
    left_out_s: float
    contradictions: int
    outages: int
    received: int
    refused: int
    why: str

    @property
    def lost_s(self) -> float:
        """Seconds in which it gave nothing of use: MISSING, STALE, CORRUPT or left out."""
        return sum(self.state_s.get(state, 0.0) for state in BAD) + self.left_out_s

    @property
    def watched_s(self) -> float:
        """Seconds in which it was wanted: all but those in which it was DISABLED."""
        return sum(self.state_s.get(state, 0.0) for state in (*GOOD, *BAD))


@dataclass(frozen=True)
class Figure:
    """The mean of `estimates` against the ground truth: the error, or the share that is right."""

    name: str
    unit: str
    value: float
    estimates: int


@dataclass(frozen=True)
class Result:
    """One recording. `robot` is the namespace of its topics, empty where they have none.

    `judged` is None without ground truth. `plans` of faults were replayed, those `missed` cost more
    than going without the sensor may. `synthetic`: the data say so of themselves.
    """

    robot: str
    duration_s: float
    estimates: int
    rate_hz: float
    silent_s: float
    judged: Figure | None
    sensors: tuple[SensorResult, ...]
    verdict: str
    no_estimate: str
    plans: int
    missed: tuple[str, ...]
    synthetic: bool


def result_of(run: Replayed, measured: list[Measured], source: Source, robot: str) -> Result:
    """The result of a recording's replays, of which the first, `run`, is without faults."""
    seen = measured[0]
    whole = seen.whole
    why = {one.sensor: one.why for one in seen.undelivered}
    return Result(
        robot=robot,
        duration_s=round(seen.duration_s, _DIGITS),
        estimates=seen.estimates,
        rate_hz=round(seen.rate_hz, _DIGITS),
        silent_s=round(seen.silent_s, _DIGITS),
        judged=None
        if whole is None
        else Figure(whole.name, whole.unit, round(whole.value, _DIGITS), whole.estimates),
        sensors=tuple(_sensor(run, seen, modality, why) for modality in run.modalities),
        verdict=words.verdict(seen),
        no_estimate=seen.no_estimate,
        plans=len(measured) - 1,
        missed=tuple(one.name for one in measured if one.kept is False),
        synthetic=bool(source.synthetic),
    )


def _sensor(run: Replayed, seen: Measured, modality: str, why: Mapping[str, str]) -> SensorResult:
    mine = next(one for one in seen.sensors if one.modality == modality)
    heard = run.heard.get(modality, Heard())
    out = [one for one in run.left_out if one.modality == modality]
    return SensorResult(
        modality=modality,
        topic=heard.topic,
        state_s={state: round(value, _DIGITS) for state, value in mine.state_s.items()},
        left_out_s=round(sum(one.end_ns - one.begin_ns for one in out) / 1e9, _DIGITS),
        contradictions=len(out),
        outages=_outages([span.state for span in scores.spans(run, modality)]),
        received=mine.received,
        refused=sum(kind.count for kind in heard.refused),
        why=why.get(modality, ""),
    )


def _outages(states: list[str]) -> int:
    """How often it went from good to bad; 1 if it never was good. Before the first is start-up."""
    if not any(state in GOOD for state in states):
        return int(any(state in BAD for state in states))
    return sum(before in GOOD and after in BAD for before, after in pairwise(states))


def namespace(topics: Mapping[str, str], usual: Mapping[str, str]) -> str:
    """What the sensors' topics have in common before their names; empty where it is nothing.

    `topics` are those found by modality, `usual` what they are called without a namespace.
    """
    before = []
    for modality, topic in topics.items():
        ending = f"/{usual.get(modality, '').lstrip('/')}"
        rest = topic.removesuffix(ending) if topic.endswith(ending) else topic.rpartition("/")[0]
        before.append(rest.strip("/"))
    return commonpath(before) if before else ""


def save(folder: Path, digest: str, result: Result) -> None:
    """Say that a folder's report is complete, and of what: whole or not at all."""
    record = {"schema": SCHEMA, "digest": digest, **asdict(result)}
    part = folder / f"{FILE}.part"
    part.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    part.replace(folder / FILE)


def kept(folder: Path, digest: str) -> Result | None:
    """The result of a complete report that was made of just this; else None.

    A report that was made anew since, by evaluate_bag of the recording alone, is another.
    """
    try:
        if (folder / _REPORT).stat().st_mtime_ns > (folder / FILE).stat().st_mtime_ns:
            return None
        record = json.loads((folder / FILE).read_text(encoding="utf-8"))
        if record.pop("schema") != SCHEMA or record.pop("digest") != digest:
            return None
        return _read(record)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None  # not there or damaged: it is made again


def _read(record: dict[str, Any]) -> Result:
    judged = record.pop("judged")
    sensors = tuple(SensorResult(**one) for one in record.pop("sensors"))
    missed = tuple(record.pop("missed"))
    return Result(judged=judged and Figure(**judged), sensors=sensors, missed=missed, **record)
