"""Evaluation results as a table for people and as JSON for programs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from pta_ros.evaluation.compare.text import grid, spaced
from pta_ros.metrics.poses import SubsetResult


def markdown_table(refined: Sequence[SubsetResult], plain: Sequence[SubsetResult]) -> str:
    """One row per subset: errors with refined and with plain student features, and coverage."""
    lines = [
        "| subset | MPJPE mm | PA-MPJPE mm | MPJPE mm, plain | PA-MPJPE mm, plain "
        "| within 1 std | within 2 std | frames |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for r, p in zip(refined, plain, strict=True):
        lines.append(
            f"| {r.subset.replace('+', ' + ')} | {r.mpjpe_mm:.1f} | {r.pa_mpjpe_mm:.1f} "
            f"| {p.mpjpe_mm:.1f} | {p.pa_mpjpe_mm:.1f} "
            f"| {r.coverage_1std:.0%} | {r.coverage_2std:.0%} | {r.frames} |"
        )
    return "\n".join(lines)


def as_json(
    refined: Sequence[SubsetResult],
    plain: Sequence[SubsetResult],
    mean_pose_mm: float,
    context: dict[str, Any],
) -> dict[str, Any]:
    """Everything measured, with `context` (model, data, subjects, synthetic or not)."""
    results = [
        {"refined": name, **asdict(r)} for name, part in ((True, refined), (False, plain))
        for r in part
    ]  # fmt: skip
    return {"schema": 1, **context, "mean_pose_mpjpe_mm": mean_pose_mm, "results": results}


def activity_table(results: Sequence[dict[str, Any]]) -> str:
    """One row per subset: a second head's accuracy; `results` are ActivityResults as containers."""
    rows = [[spaced(r["subset"]), f"{r['accuracy']:.1f}", str(r["samples"])] for r in results]
    return grid(["subset", "activity, accuracy %", "frames"], rows)
