"""The fusion node activated and deactivated again and again while frames arrive: does it grow?"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from pta_ros.demo.plan import Plan
from pta_ros.demo.processes import Usage
from pta_ros.demo.run import child_environment
from pta_ros.soak.kills import FUSION, members
from pta_ros.soak.stage import Member, Stage

CYCLER = "cycler"
#: Longest time that one cycle may take, on a very busy machine.
_EACH_S = 30.0
#: The first tenth of the cycles warms up; what is held at its end is compared with the end.
_WARM_UP = 10


def run(plan: Plan, folder: Path, cycles: int) -> dict[str, Any]:
    """Run so many cycles; what the fusion process held after each, ready for JSON."""
    usages: list[Usage] = []
    whole = members(plan, composed=True)
    whole[CYCLER] = Member("cycle_node", {"cycles": cycles}, record="record", ends=True)
    with Stage(whole, folder, child_environment(plan.fastdds)) as stage:
        for name in whole:
            stage.start(name)

        while len(usages) < cycles and not stage.crashes:
            if not _another(stage, len(usages)):
                stage.crashes.append(f"cycle {len(usages) + 1} did not end in {_EACH_S:g} s")
            elif usage := stage.children[FUSION].usage():
                usages += [usage] * (len(stage.cycles_s) - len(usages))
    lasted_s = stage.cycles_s
    return {
        "cycles": len(lasted_s),
        "cycle_s": round(median(lasted_s), 3) if lasted_s else None,
        "crashes": stage.crashes,
        "growth": {name: grown(usages, name) for name in ("memory_mb", "threads", "files")},
        "samples": [(round(u.memory_mb, 1), u.threads, u.files) for u in usages],
    }


def _another(stage: Stage, before: int) -> bool:
    """Wait for one more cycle."""
    return bool(stage.until(lambda: len(stage.cycles_s) > before or None, _EACH_S))


def grown(usages: Sequence[Usage], name: str) -> float | None:
    """How much one figure grew from the end of the first tenth of the cycles to the last ones.

    Half a tenth of the cycles at either end; None of fewer than two.
    """
    if len(usages) < 2:
        return None
    first = max(1, len(usages) // _WARM_UP)
    many = max(1, first // 2)
    values = [float(getattr(usage, name)) for usage in usages]
    begin, end = median(values[first - many : first]), median(values[-many:])
    return round(end / begin - 1.0, 4)
