"""Every model on one device within so many minutes: right or not, and how fast; see cases.py."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch

from pta_ros.bench.cases import (
    SHIPPED,
    Ways,
    difference,
    paper_case,
    search_difference,
    shipped_case,
    work,
)
from pta_ros.bench.device_steps import training_steps
from pta_ros.bench.step import spread
from pta_ros.metrics.bound import Bound, as_records, at_least, at_most
from pta_ros.model.device import resolve_device, use_float32

PAPER = "xfi"
BATCHES = (2, 4, 8, 16)
#: What may differ from the CPU: a joint, and a probability.
MOST_MM, MOST_CHANCE = 1.0, 0.001
#: A series ends after so many repeats, or so many seconds; three are made all the same.
_REPEATS, _SERIES_S = 50, 3.0
#: Side of the matrices and size of the copy that show what the device can do at most.
_SIDE, _COPY_BYTES = {"cuda": 8192, "cpu": 1024}, {"cuda": 2**31, "cpu": 2**27}
EAGER, GRAPHS, LOW = "step by step", "graphs", "graphs, bfloat16"


@dataclass
class Report:
    """What was measured on `device`; times in ms, by (case, way, batch).

    `limits`: operations or bytes per second. `away`: (case, way) -> mm and probability from the
    CPU. `work`: case -> operations and bytes. `missing` names what the minutes did not hold.
    """

    device: str
    machine: str
    minutes: float
    limits: dict[str, float] = field(default_factory=dict)
    away: dict[tuple[str, str], tuple[float, float]] = field(default_factory=dict)
    ms: dict[tuple[str, str, int], tuple[float, ...]] = field(default_factory=dict)
    work: dict[str, tuple[int, int]] = field(default_factory=dict)
    step_ms: dict[str, tuple[float, ...]] = field(default_factory=dict)
    captured: int = 0
    refused: dict[str, str] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)

    def median(self, case: str, way: str, batch: int = 1) -> float | None:
        """Milliseconds; None where it was not measured."""
        ms = self.ms.get((case, way, batch))
        return None if ms is None else spread(ms)["median"]

    def times_as_fast(self, case: str) -> float | None:
        """Graphs beside steps, at batch 1."""
        slow, fast = self.median(case, EAGER), self.median(case, GRAPHS)
        return None if slow is None or fast is None else slow / fast

    def bounds(self) -> list[Bound]:
        """What must hold; how fast it is on a GPU alone."""
        found = []
        for case in (*SHIPPED, PAPER):
            mm, chance = self.away.get((case, GRAPHS), (None, None))
            found.append(at_most(f"{case}: a joint, from the CPU", mm, MOST_MM, "mm"))
            found.append(at_most(f"{case}: a probability, from the CPU", chance, MOST_CHANCE))
        if self.device == "cpu":
            return found
        return [
            *found,
            at_most("xfi, graphs, batch 1", self.median(PAPER, GRAPHS), 3.0, "ms"),
            at_least("xfi, graphs / step by step", self.times_as_fast(PAPER), 10.0, "x"),
            at_most("mmfi_lite, graphs, batch 1", self.median("mmfi_lite", GRAPHS), 1.0, "ms"),
            at_most("functions without a graph", len(self.refused), 0),
        ]

    def to_dict(self) -> dict[str, Any]:
        """Plain containers, for JSON."""
        return {
            **vars(self),
            "away": {" | ".join(key): value for key, value in self.away.items()},
            "ms": {" | ".join(map(str, key)): spread(ms) for key, ms in self.ms.items()},
            "step_ms": {name: spread(ms) for name, ms in self.step_ms.items()},
            "bounds": as_records(self.bounds()),
        }


#: What is done, how many seconds it may need, and how.
Part = tuple[str, float, Callable[[], None]]


def measure_device(
    asked: str,
    minutes: float,
    note: Callable[[str], None],
    now: Callable[[], float] = time.monotonic,
) -> Report:
    """Measure what fits into `minutes`, the most important first.

    Raises ConfigError for a device that is not there.
    """
    device = torch.device(resolve_device(asked))
    use_float32()  # as Engine.prepare
    report = Report(device.type, _machine(device), minutes)
    end = now() + 60 * minutes
    for what, needs_s, run in _parts(device, report):
        if end - now() < needs_s:
            report.missing.append(what)
            continue
        note(f"{what} ({end - now():.0f} s left)")
        run()
    return report


def _parts(device: torch.device, report: Report) -> Iterator[Part]:
    """Correctness first, then batch 1, training, and larger batches."""
    ways: dict[str, Ways] = {}
    slow = 4.0 if device.type == "cpu" else 1.0
    yield "limits of memory and arithmetic", 5.0, partial(_limits, device, report)
    for name in (*SHIPPED, PAPER):
        needs_s = slow * (10.0 if name == PAPER else 5.0)
        yield f"{name} against the CPU", needs_s, partial(_check, name, device, ways, report)
    for name in (PAPER, *SHIPPED):
        yield f"{name}, batch 1", 5.0, partial(_time, name, (1,), ways, report)
    yield "training step", 5 * slow, partial(_train, device, report)
    for name in (PAPER, *SHIPPED):
        yield f"{name}, batches to 16", 10 * slow, partial(_time, name, BATCHES, ways, report)


def _check(name: str, device: torch.device, ways: dict[str, Ways], report: Report) -> None:
    """How far a model is from the CPU, by graphs and in bfloat16."""
    case = paper_case(device) if name == PAPER else shipped_case(name)
    own = ways[name] = Ways(case, device)
    for way, precision in ((GRAPHS, "float32"), (LOW, "bfloat16")):
        mm, chance = difference(case, partial(own.replayed, precision=precision))
        if case.finder is not None:
            chance = max(chance, search_difference(case, own.find(precision)))
        report.away[name, way] = (mm, chance)
    report.work[name] = work(case)
    _note_graphs(own, report)


@torch.inference_mode()
def _time(name: str, batches: Sequence[int], ways: dict[str, Ways], report: Report) -> None:
    """Milliseconds of each way, one after the other within each repeat."""
    own = ways.get(name)
    if own is None:
        report.missing.append(f"times of {name}: it was not checked")
        return
    for batch in batches:
        inputs = own.case.inputs(batch)
        calls: dict[str, Callable[[], Any]] = {
            EAGER: own.eager(inputs),
            GRAPHS: own.replayed(inputs),
            LOW: own.replayed(inputs, "bfloat16"),
        }
        for way, ms in in_turn(calls).items():
            report.ms[name, way, batch] = ms
        if batch == 1 and own.case.finder is not None:
            finds = {GRAPHS: own.find(), LOW: own.find("bfloat16")}
            for way, ms in in_turn(finds).items():
                report.ms[f"{name}, search", way, 1] = ms
    _note_graphs(own, report)


def _train(device: torch.device, report: Report) -> None:
    """Inner steps from cached features, and an encoder's steps in either precision."""
    for name, step in training_steps(device).items():
        report.step_ms[name] = in_turn({name: step}, limit_s=_SERIES_S)[name]


def _note_graphs(own: Ways, report: Report) -> None:
    name = own.case.name
    report.captured += own.graphs.captured
    report.refused |= {f"{name}, {what}": why for what, why in own.graphs.refused.items()}
    own.graphs.captured = 0


def in_turn(
    calls: dict[str, Callable[[], Any]], repeats: int = _REPEATS, limit_s: float = _SERIES_S
) -> dict[str, tuple[float, ...]]:
    """Milliseconds of calls that wait for their results, each once in every repeat."""
    ms: dict[str, list[float]] = {way: [] for way in calls}
    for call in calls.values():
        call()
    begun = time.perf_counter()
    for number in range(repeats):
        if number >= 3 and time.perf_counter() - begun > limit_s:
            break
        for way, call in calls.items():
            start = time.perf_counter()
            call()
            ms[way].append(1e3 * (time.perf_counter() - start))
    return {way: tuple(values) for way, values in ms.items()}


@torch.inference_mode()
def _limits(device: torch.device, report: Report) -> None:
    """The best of five large products in either precision, and of five copies."""
    side = _SIDE[device.type]
    for name, dtype in (("float32", torch.float32), ("bfloat16", torch.bfloat16)):
        a = torch.randn(side, side, device=device, dtype=dtype)
        seconds = best_seconds(lambda a=a: a @ a, device)  # type: ignore[misc]
        report.limits[f"arithmetic, {name}"] = 2 * side**3 / seconds
    source = torch.zeros(_COPY_BYTES[device.type] // 4, device=device)
    target = torch.empty_like(source)
    seconds = best_seconds(lambda: target.copy_(source), device)
    report.limits["memory"] = 2 * source.nbytes / seconds  # read and written


def best_seconds(call: Callable[[], Any], device: torch.device, times: int = 5) -> float:
    """The shortest of some runs, after one."""
    found = []
    for _ in range(times + 1):
        start = time.perf_counter()
        call()
        if device.type == "cuda":
            torch.cuda.synchronize()
        found.append(time.perf_counter() - start)
    return min(found[1:])


def _machine(device: torch.device) -> str:
    if device.type == "cpu":
        threads = torch.get_num_threads()
        return f"{threads} threads of {platform.machine()}, torch {torch.__version__}"
    about = torch.cuda.get_device_properties(device)
    return (
        f"{about.name}, {about.total_memory / 2**30:.0f} GiB, CUDA {torch.version.cuda}, "
        f"torch {torch.__version__}"
    )
