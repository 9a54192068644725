"""The run of `forward` in a process of its own, watched: growth, drift, and how fast it went."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any

from pta_ros.demo.plan import Plan, shipped
from pta_ros.demo.processes import Child, ProcessError, stop_all
from pta_ros.demo.tail import Tail
from pta_ros.metrics.growth import growth_of_any
from pta_ros.soak.forward import Settings
from pta_ros.soak.real import rounded

_POLL_S = 0.5
_SHARE = 10
_COUNTS = ("messages", "refused", "estimates", "of_all_sensors", "predictions", "steps", "unsound")


def run(
    plan: Plan, folder: Path, hours: float, rate_hz: float, say: Callable[[str], None]
) -> dict[str, Any]:
    """Run it; what came of it, ready for JSON."""
    folder.mkdir(parents=True, exist_ok=True)
    record, given = folder / "forward.jsonl", folder / "settings.json"
    record.unlink(missing_ok=True)
    config = shipped(plan.task.config)
    settings = Settings(
        hours, rate_hz, str(plan.model), str(plan.params), str(config), str(record)
    )  # fmt: skip
    given.write_text(json.dumps(asdict(settings)) + "\n", encoding="utf-8")
    command = [sys.executable, "-m", "pta_ros.soak.forward", str(given)]
    environment = {**os.environ, "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1")}
    child = Child.start("forward", command, environment, folder / "forward.txt")
    tail, lines, crashes = Tail(record), [], []
    try:
        while True:
            ended = child.ended()
            for line in tail.records():
                lines.append(line)
                if not len(lines) % _SHARE:
                    say(_progress(line, hours))
            if ended:
                break
            time.sleep(_POLL_S)
    except ProcessError as error:
        crashes.append(str(error))
    finally:
        stop_all([child])
    return summary(lines, crashes)


def summary(lines: Sequence[Mapping[str, Any]], crashes: Sequence[str]) -> dict[str, Any]:
    """What the lines of a run say, ready for JSON."""
    last = lines[-1] if lines else {}
    names = ("memory_mb", "threads", "files")
    growth = {n: rounded(growth_of_any([(li["wall_s"], li[n]) for li in lines])) for n in names}
    wall_s = last.get("wall_s")
    return {
        "hours": round(last.get("simulated_s", 0.0) / 3600.0, 3),
        "wall_s": wall_s,
        "times_real": round(last["simulated_s"] / wall_s, 1) if wall_s else None,
        "crashes": list(crashes),
        **{name: last.get(name, 0) for name in _COUNTS},
        "growth": growth,
        "held": {n: [lines[0][n], lines[-1][n]] for n in names} if lines else {},
        "estimate_cpu_ms": last.get("estimate_cpu_ms"),
        "estimate_drift": rounded(drift(lines)),
        "back": max(last.get("back", []), default=None),
        "returned": len(last.get("back", [])),
    }


def drift(lines: Sequence[Mapping[str, Any]]) -> float | None:
    """The processor time of an estimate in the last tenth over that in the first, minus 1.

    The first tenth's first line is left out, as everything is warmed up in it; None of fewer than
    three lines.
    """
    spent = [line["estimate_cpu_ms"] for line in lines[1:] if line["estimate_cpu_ms"]]
    many = max(1, len(spent) // _SHARE)
    if len(spent) < 2:
        return None
    return median(spent[-many:]) / median(spent[:many]) - 1.0


def _progress(line: Mapping[str, Any], hours: float) -> str:
    done, wall_s = line["simulated_s"] / 3600.0, line["wall_s"]
    spent = "no estimates" if line["estimate_cpu_ms"] is None else (
        f"{line['estimate_cpu_ms']:.1f} ms of processor time per estimate"
    )  # fmt: skip
    return (
        f"   {done:.3g} of {hours:g} simulated hours after {wall_s:.0f} s "
        f"({line['memory_mb']:.0f} MB, {spent})"
    )
