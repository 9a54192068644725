"""What became of a recording: its frames, what was left out of it and why, by its clips."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pta_ros.errors import DatasetError


def summary(paths: Sequence[Path], notes: list[str], absent: Mapping[str, str]) -> dict[str, Any]:
    """What became of a recording, from the reports of its clips."""
    reports = [_read(path) for path in paths]
    left, present = Counter[str](), Counter[str]()
    unusable: dict[str, Counter[str]] = {}
    lacking: dict[str, Counter[str]] = {}
    remarks: dict[str, None] = {}
    for report in reports:
        left.update(report["left_out"])
        present.update(report["with"])
        remarks.update(dict.fromkeys(report["remarks"]))
        for total, name in ((unusable, "unusable_messages"), (lacking, "absent")):
            for modality, reasons in report.get(name, {}).items():
                total.setdefault(modality, Counter()).update(reasons)
    frames = sum(report["frames"] for report in reports)
    return {
        "frames": frames,
        "with": {m: present[m] for m in reports[0]["with"]} if reports else {},
        "left_out": dict(left),
        "unusable_messages": {m: dict(reasons) for m, reasons in unusable.items()},
        "absent": {m: dict(reasons) for m, reasons in lacking.items()},
        "clips_without_frames": sum(not report["frames"] for report in reports),
        "no_topic": dict(absent),
        "notes": [*notes, *remarks],
    }


def _read(path: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DatasetError(f"{path}: {error}; expected what became of the clip") from error
    return found
