"""The report of a soak: report.json with everything, and report.md to be read."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pta_ros.metrics.bound import Bound, as_records

SCHEMA = 1
_RECOVERIES = (
    ("what", "ended"),
    ("how", "how"),
    ("told_s", "told (s)"),
    ("data_s", "data again (s)"),
    ("estimate_s", "estimate again (s)"),
    ("gap_s", "longest gap (s)"),
    ("start_cpu_s", "processor time of the start (s)"),
)
_LEFT_OUT = ("samples", "recoveries", "growth", "held")


def write(folder: Path, parts: Mapping[str, Any], bounds: Sequence[Bound], busy: int) -> Path:
    """Write both files; gives the one to be read."""
    machine = {
        "processors": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "busy": busy,
        "load": round(os.getloadavg()[0], 1),
    }
    whole = {"schema": SCHEMA, "synthetic": True, "machine": machine, **parts}
    whole["bounds"] = as_records(bounds)
    text = json.dumps(whole, indent=1) + "\n"
    (folder / "report.json").write_text(text, encoding="utf-8")
    path = folder / "report.md"
    path.write_text("\n".join(lines(parts, bounds, machine)) + "\n", encoding="utf-8")
    return path


def lines(
    parts: Mapping[str, Any], bounds: Sequence[Bound], machine: Mapping[str, Any]
) -> list[str]:
    """The page's lines."""
    beside = f", {machine['busy']} of them kept busy by other work" if machine["busy"] else ""
    return [
        "# Endurance",
        "",
        f"Written by `pta_soak`. Synthetic data. {machine['processors']} processors{beside}; load "
        f"{machine['load']} at the end.",
        "",
        "## Bounds",
        "",
        *_table(
            ("bound", "limit", "measured", ""),
            [(b.name, b.limit_text, b.value_text, b.verdict) for b in bounds],
        ),
        *(line for name, record in parts.items() for line in _part(name, record)),
    ]


def _part(name: str, record: Mapping[str, Any]) -> list[str]:
    plain = [(key, _text(value)) for key, value in record.items() if key not in _LEFT_OUT]
    found = ["", f"## {name}", "", *_table(("what", "value"), plain)]
    if "growth" in record:
        growth = [(n, _text(v), _text(record.get("held", {}).get(n))) for n, v in
                  record["growth"].items()]  # fmt: skip
        found += ["", *_table(("figure", "growth", "first and last"), growth)]
    if record.get("recoveries"):
        keys, heads = zip(*_RECOVERIES, strict=True)
        rows = [tuple(_text(one[key]) for key in keys) for one in record["recoveries"]]
        found += ["", *_table(heads, rows)]
    return found


def _text(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_text(one)}" for name, one in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(_text, value)) or "none"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    marks = ["---"] * len(heads)
    return [f"| {' | '.join(row)} |" for row in (heads, marks, *rows)]
