"""What became of a recording: its frames, what was left out of it and why, by its clips."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pta_ros.errors import DatasetError
from pta_ros.recordings.clip import REPORT, empty_report
from pta_ros.recordings.cuts import Cut


def summary(
    root: Path, cuts: tuple[Cut, ...], notes: list[str], absent: Mapping[str, str]
) -> dict[str, Any]:
    """What became of a recording, from the reports of its clips."""
    reports = [_report_of(root, one) for one in cuts]
    left, present = Counter[str](), Counter[str]()
    unusable: dict[str, Counter[str]] = {}
    remarks: dict[str, None] = {}
    for report in reports:
        left.update(report["left_out"])
        present.update(report["with"])
        remarks.update(dict.fromkeys(report["remarks"]))
        for modality, reasons in report["unusable_messages"].items():
            unusable.setdefault(modality, Counter()).update(reasons)
    frames = sum(report["frames"] for report in reports)
    return {
        "frames": frames,
        "with": {m: present[m] for m in reports[0]["with"]} if reports else {},
        "left_out": dict(left),
        "unusable_messages": {m: dict(reasons) for m, reasons in unusable.items()},
        "clips_without_frames": sum(not report["frames"] for report in reports),
        "no_topic": dict(absent),
        "notes": [*notes, *remarks],
    }


def _report_of(root: Path, one: Cut) -> dict[str, Any]:
    path = root / one.name / REPORT
    path = path if path.is_file() else empty_report(root, one)
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DatasetError(f"{path}: {error}; expected what became of the clip") from error
    return found
