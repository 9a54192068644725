"""The report for programs: JSON and CSV."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from pta_ros.evaluation.replay.record import Moment, Replayed
from pta_ros.evaluation.report.context import Context
from pta_ros.evaluation.report.measure import Measured
from pta_ros.evaluation.report.scores import Scored
from pta_ros.evaluation.report.states import seconds, states_at
from pta_ros.evaluation.report.words import verdict
from pta_ros.metrics.subsets import subset_name
from pta_ros.skeleton import JOINT_NAMES

SCHEMA = 1
_DIGITS = 3


def replay_record(seen: Measured, run: Replayed, files: Sequence[str]) -> dict[str, Any]:
    """One replay in plain types; what is not known is left out."""
    changes = [
        {"time_s": float(seconds(run, c.time_ns)), "sensor": c.modality, "state": c.state,
         "reason": c.reason}
        for c in run.changes
    ]  # fmt: skip
    moments = [
        {"time_s": float(seconds(run, m.stamp_ns)), "error_mm": _error(m), "weights": m.weights}
        for m in run.moments
    ]
    record = asdict(seen) | {"verdict": verdict(seen), "ratio": seen.ratio, "kept": seen.kept}
    record |= {"gain_points": seen.gain_points, "limit": seen.limit}
    record |= {"changes": changes, "moments": moments, "losses": list(run.losses)}
    return {**_rounded(record), "files": list(files)}


def _error(moment: Moment) -> float | None:
    """None without ground truth, where `error_mm` is the model's own guess."""
    return None if moment.truth_m is None else moment.error_mm


def report_record(
    context: Context, replays: Sequence[dict[str, Any]], timings: dict[str, Any]
) -> dict[str, Any]:
    """The whole report; only `timings` differs from run to run."""
    about = {
        "bags": list(context.bags),
        "topics": context.topics,
        "model": context.model,
        "model_synthetic": context.model_synthetic,
        "data_synthetic": context.data_synthetic,
        "command": context.command,
        "settings": context.settings,
    }
    return {"schema": SCHEMA, **about, "replays": list(replays), "timings": _rounded(timings)}


def _rounded(value: Any) -> Any:
    """Plain types with rounded numbers; None and NaN entries of mappings are left out."""
    if isinstance(value, dict):
        return {str(k): _rounded(v) for k, v in value.items() if not _unknown(v)}
    if isinstance(value, (list, tuple)):
        return [_rounded(v) for v in value]
    if isinstance(value, (float, np.floating)):
        return round(float(value), _DIGITS) + 0.0  # no minus zero
    return value


def _unknown(value: Any) -> bool:
    return value is None or (isinstance(value, (float, np.floating)) and not math.isfinite(value))


def write_json(record: dict[str, Any], path: Path) -> None:
    """Write a record as JSON."""
    path.write_text(json.dumps(record, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def write_estimates(scored: Scored, path: Path) -> None:
    """One row per estimate: answer, weights, states; empty weight: not used.

    The answer is the joints (metres), or the activity: class, its probability, the true class (-1:
    none that the whole window lies in).
    """
    run = scored.run
    head = ["time_s", "stamp_ns"]
    head += [f"weight_{name}" for name in run.modalities]
    head += [f"state_{name}" for name in run.modalities]
    joints = [f"{joint}_{axis}" for joint in JOINT_NAMES for axis in "xyz"]
    head += ["class_id", "label", "confidence", "true_class_id"] if run.classes else joints
    states = [states_at(run, name, scored.seconds) for name in run.modalities]
    _write_csv(path, head, (_estimate(scored, row, states) for row in range(len(run.stamp_ns))))


def _estimate(scored: Scored, row: int, states: Sequence[Sequence[str]]) -> list[str]:
    run = scored.run
    shares = zip(run.weights[row].tolist(), run.used[row].tolist(), strict=True)
    weights = [f"{weight:.4f}" if used else "" for weight, used in shares]
    told = [state[row] for state in states]
    answer = [f"{value:.4f}" for value in run.joints_m[row].flatten().tolist()]
    if run.classes:
        said, true = int(run.class_id[row]), int(run.true_class[row])
        answer = [str(said), run.classes[said], f"{run.confidence[row]:.4f}", str(true)]
    return [f"{scored.seconds[row]:.4f}", str(run.stamp_ns[row]), *weights, *told, *answer]


def write_errors(replays: Iterable[Scored], path: Path) -> None:
    """One row per estimate with ground truth, of all replays: errors in mm."""
    head = ["replay", "time_s", "stamp_ns", "used", "mpjpe_mm", "pa_mpjpe_mm"]
    head += [f"{joint}_mm" for joint in JOINT_NAMES]
    known = ((s, row) for s in replays for row in np.flatnonzero(np.isfinite(s.error_mm)))
    _write_csv(path, head, (_error_row(scored, row) for scored, row in known))


def _error_row(scored: Scored, row: np.intp) -> list[str]:
    run = scored.run
    names = [name for name, used in zip(run.modalities, run.used[row], strict=True) if used]
    mm = [scored.error_mm[row], scored.pa_mm[row], *scored.joint_mm[row]]
    start = [run.name, f"{scored.seconds[row]:.4f}", str(run.stamp_ns[row])]
    return [*start, subset_name(tuple(names)), *(f"{value:.2f}" for value in mm)]


def _write_csv(path: Path, head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(head)
        writer.writerows(rows)
