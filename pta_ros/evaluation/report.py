"""Evaluation results as a table for people and as JSON for programs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from pta_ros.evaluation.poses import SubsetResult


def markdown_table(results: Sequence[SubsetResult]) -> str:
    """One row per subset: MPJPE and PA-MPJPE with refined and with plain student features."""
    refined = {r.subset: r for r in results if r.refined}
    plain = {r.subset: r for r in results if not r.refined}
    lines = [
        "| subset | MPJPE mm | PA-MPJPE mm | MPJPE mm, plain | PA-MPJPE mm, plain | frames |",
        "|---|---|---|---|---|---|",
    ]
    for subset, r in refined.items():
        p = plain[subset]
        lines.append(
            f"| {subset} | {r.mpjpe_mm:.1f} | {r.pa_mpjpe_mm:.1f} "
            f"| {p.mpjpe_mm:.1f} | {p.pa_mpjpe_mm:.1f} | {r.frames} |"
        )
    return "\n".join(lines)


def as_json(
    results: Sequence[SubsetResult], mean_pose_mm: float, context: dict[str, Any]
) -> dict[str, Any]:
    """Everything measured, with `context` (model, data, subjects, synthetic or not)."""
    return {
        "schema": 1,
        **context,
        "mean_pose_mpjpe_mm": mean_pose_mm,
        "results": [asdict(r) for r in results],
    }
