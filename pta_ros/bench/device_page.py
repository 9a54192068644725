"""docs/performance_gpu.md: what bench_pta --device measured, or that nothing was measured yet."""

from __future__ import annotations

from collections.abc import Iterable

from pta_ros.bench.cases import SHIPPED
from pta_ros.bench.device import BATCHES, EAGER, GRAPHS, LOW, PAPER, Report
from pta_ros.bench.step import spread
from pta_ros.metrics.markdown import NOTHING, bounds_table, grid

COMMAND = "python -m pta_ros.cli.bench_pta --device cuda --minutes 8 --docs docs"
#: What the page says where no GPU was at hand.
UNMEASURED = f"""\
# Performance on a GPU

Not measured yet: no GPU was at hand. On a machine with one,

    {COMMAND}

measures every shipped model and the paper's graph, and writes this page. It runs from a plain
checkout: torch, numpy, safetensors and fpsample are enough. Exit code 3: a bound is missed.

Until then all that is known is what a CPU can tell. The same command with `--device cpu` goes
through the same code, without CUDA graphs: no joint moves by more than 1 mm. Nothing in the graphs
of the shipped models and of the paper's waits for the device or reads the host's memory
(`test/model/test_graphs.py`), which a CUDA graph could not hold.
"""
_HEAD = """\
# Performance on a GPU

Written by `bench_pta --device {device} --minutes {minutes:g}`: one command, one run. {machine}.

Every time is from inputs in the host's memory to the answer there, copies included: medians, and
in brackets the limits of the middle 80 %, in milliseconds; ways in turn within each repeat. Inputs
are synthetic. The weights of `xfi`, the paper's graph, are random but for its head, which is fitted
to synthetic frames. In float32 nothing is rounded to TF32. bfloat16 is that of encoders `xfi` and
of convolutions that see people; other models have no such layer, and their columns are alike.
"""
_WAYS = (EAGER, GRAPHS, LOW)


def device_page(report: Report) -> str:
    """Markdown of everything measured."""
    parts = [
        _HEAD.format(device=report.device, minutes=report.minutes, machine=report.machine),
        f"## Bounds\n\n{bounds_table(report.bounds(), where=False)}\n",
        f"## Away from the CPU\n\n{_away(report)}\n",
        f"## Batch 1\n\n{_first(report)}\n",
        f"## Graphs, by the batch\n\n{_batches(report)}\n",
        f"## Share of the device's limits, graphs, batch 1\n\n{_shares(report)}\n",
        f"## A training step\n\n{_steps(report)}\n",
    ]
    return "\n".join(parts) + "\n" + "\n".join(_notes(report)) + "\n"


def _away(report: Report) -> str:
    rows = []
    for case in (*SHIPPED, PAPER):
        pairs = [report.away.get((case, way)) for way in (GRAPHS, LOW)]
        rows.append([case, *(cell for pair in pairs for cell in _pair(pair))])
    header = ["model", "joint, mm", "probability", "bfloat16: joint, mm", "probability"]
    return grid(header, rows)


def _pair(pair: tuple[float, float] | None) -> tuple[str, str]:
    return (NOTHING, NOTHING) if pair is None else (f"{pair[0]:.3f}", f"{pair[1]:.5f}")


def _first(report: Report) -> str:
    rows = []
    for case in _cases(report):
        times = [_cell(report.ms.get((case, way, 1))) for way in _WAYS]
        faster = report.times_as_fast(case)
        rows.append([case, *times, NOTHING if faster is None else f"{faster:.1f} x"])
    return grid(["model", *_WAYS, "graphs / step by step"], rows)


def _batches(report: Report) -> str:
    sizes = (1, *BATCHES)
    rows = [
        [f"{case}, {way}", *(_cell(report.ms.get((case, way, n))) for n in sizes)]
        for case in (*SHIPPED, PAPER)
        for way in (GRAPHS, LOW)
    ]
    return grid(["model", *map(str, sizes)], rows)


def _shares(report: Report) -> str:
    """Of what the device did in a large product and in a large copy, in the same run."""
    if not report.limits:
        return "Not measured.\n"
    rows = []
    for case, (operations, size) in report.work.items():
        ms = report.median(case, GRAPHS)
        if ms is not None:
            arithmetic = operations / report.limits["arithmetic, float32"] / ms * 1e3
            memory = size / report.limits["memory"] / ms * 1e3
            told = [f"{operations / 1e9:.2f}", f"{size / 1e6:.1f}"]
            rows.append([case, *told, f"{arithmetic:.1%}", f"{memory:.1%}"])
    limits = ", ".join(
        f"{name} {value / 1e12:.2f} {'TB/s' if name == 'memory' else 'TFLOP/s'}"
        for name, value in report.limits.items()
    )
    header = ["model", "GFLOP", "MB, at least", "of float32 arithmetic", "of memory"]
    return (
        f"Limits, by a large product and a large copy in the same run: {limits}. Products and "
        "convolutions are counted, and weights and inputs, which have to be read once.\n\n"
        f"{grid(header, rows)}"
    )


def _steps(report: Report) -> str:
    rows = [[name, _cell(ms)] for name, ms in report.step_ms.items()]
    return grid(["step", "ms"], rows or [["", NOTHING]])


def _notes(report: Report) -> Iterable[str]:
    yield f"- CUDA graphs recorded: {report.captured}."
    for name, why in report.refused.items():
        yield f"- Without a graph: {name}: {why}"
    for what in report.missing:
        yield f"- Did not fit into {report.minutes:g} minutes: {what}."


def _cases(report: Report) -> list[str]:
    return list(dict.fromkeys(case for case, _, batch in report.ms if batch == 1))


def _cell(ms: tuple[float, ...] | None) -> str:
    if ms is None:
        return NOTHING
    found = spread(ms)
    return "{median:.2f} [{p10:.2f} {p90:.2f}]".format(**found)
