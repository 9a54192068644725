"""The tables that `evaluate_frames` prints."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pta_ros.evaluation.frames.marks import MARK_M
from pta_ros.evaluation.frames.measure import LIMITS_MM, SIGMAS, Measured

_NOTHING = "–"
_CAMERA = {"given": "as given", "floor": "from the floor", "assumed": "assumed"}


def tables(measured: Sequence[Measured], found: dict[str, Any]) -> str:
    """One row per frame, one per joint, and what they come to; `found`: measure.figures."""
    parts = [_columns(("frame", "there", "found", "error mm", "camera"), map(_frame, measured))]
    if found["joints"]:
        header = ("joint", "marks", "mean mm", "median", *(f"<= {n}" for n in LIMITS_MM))
        rows = [_joint(name, one) for name, one in [*found["per_joint"].items(), ("all", found)]]
        parts.append(_columns((*header, *(f"{k} sigma" for k in SIGMAS)), rows))
    parts.append("\n".join(_remarks(measured, found)))
    return "\n\n".join(parts)


def _frame(one: Measured) -> tuple[str, ...]:
    there = _NOTHING if one.frame.people is None else str(one.frame.people)
    error = _millimetres(one.mean_mm)
    if one.frame.marks and not one.found:
        error = "not found"
    stance = one.frame.stance
    pitch, roll = (round(angle) for angle in (stance.pitch_deg, stance.roll_deg))
    pose = f"{stance.height_m:.2f} m, pitch {pitch}, roll {roll} deg"
    camera = f"{pose}, {_CAMERA[one.frame.source]}"
    return one.frame.name, there, str(len(one.found)), error, camera


def _joint(name: str, one: dict[str, Any]) -> tuple[str, ...]:
    shares = [one[f"within_{limit}"] for limit in LIMITS_MM]
    shares += [one[f"within_{k}_sigma"] for k in SIGMAS]
    return (
        name.replace("_", " "), str(one["joints"]), _millimetres(one["mean_mm"]),
        _millimetres(one["median_mm"]), *(f"{100 * share:.0f} %" for share in shares),
    )  # fmt: skip


def _remarks(measured: Sequence[Measured], found: dict[str, Any]) -> list[str]:
    lines = []
    if found["counted_frames"]:
        lines.append(
            f"people: {found['people_found']} found, {found['people']} there; the number is right "
            f"in {found['frames_with_right_count']} of {found['counted_frames']} frames"
        )
    if found["nobody_frames"]:
        lines.append(
            f"nobody there: {found['nobody_frames']} frames, somebody found in "
            f"{found['nobody_frames_with_somebody']}"
        )
    if found["joints_not_found"]:
        empty = found["marked_frames_with_nobody_found"]
        lines.append(
            f"{found['joints_not_found']} marked joints in {empty} frames where nobody was found: "
            "beyond every limit, not in mean and median"
        )
    holes = [f"{one.frame.name}: {', '.join(one.no_depth)}" for one in measured if one.no_depth]
    lines += [f"no depth around the mark, left out: {hole}" for hole in holes]
    if found["joints"]:
        lines.append(
            f"sigma: per axis, over three axes, with {1000 * MARK_M:.0f} mm per axis of the marking"
        )
    if any(one.frame.source == "assumed" for one in measured):
        lines.append(
            "assumed: no pose in the JSON and no floor in sight; level at 1 m (set height_m, "
            "pitch_deg, roll_deg)"
        )
    return lines


def _millimetres(value: float | None) -> str:
    return _NOTHING if value is None else f"{value:.0f}"


def _columns(header: Sequence[str], rows: Any) -> str:
    """Aligned columns: words to the left, the rest to the right."""
    lines = [tuple(header), *rows]
    widths = [max(len(line[n]) for line in lines) for n in range(len(header))]
    left = {"frame", "joint", "camera"}
    return "\n".join(
        "  ".join(
            cell.ljust(width) if name in left else cell.rjust(width)
            for name, cell, width in zip(header, line, widths, strict=True)
        ).rstrip()
        for line in lines
    )
