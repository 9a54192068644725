"""What the benchmarks measured as Markdown: docs/performance.md, and bench_train's table."""

from __future__ import annotations

from collections.abc import Mapping

from pta_ros.bench.runs import Measured
from pta_ros.bench.speed import STAGES, Series, Speed
from pta_ros.bench.step import StepBench, spread
from pta_ros.metrics.markdown import NOTHING, bounds_table, grid

_VARIANTS = {"plain": "plain", "fast": "fast, float32", "bf16": "fast, bfloat16"}
_STEPS = {"cached": "from cached features", "encoding": "encoding its frames"}
_NODE = {
    "latency_ms": "message to skeleton",
    "model_ms": "of it the model's",
    "overhead_ms": "the rest",
}
_HEAD = """\
# Performance

Written by `bench_pta --docs docs`: one command, one run; every variant in turn within each repeat.
Medians, and in brackets the limits of the middle 80 %, in milliseconds. Inputs are synthetic
(a person in a room; the cloud has 1,024 points), weights random but for a head fitted by ridge
regression to {fitted} (its own error {error:.0f} mm). Plain is a direct transcription of the
published graph; fast folds norms, traces, merges the LiDAR attention's layers and skips what
nothing reads. How much the LiDAR's fast path saves depends on the cloud and on the weights: on
units of `fc_delta` that no offset in the cloud switches.

{machine}
"""


def page(measured: Measured) -> str:
    """Markdown of everything measured."""
    speeds, step, node = measured.speeds, measured.step, measured.node
    error = next(iter(speeds.values())).head_error_mm
    parts = [
        _HEAD.format(fitted="synthetic frames", error=error, machine=measured.machine),
        f"## Bounds\n\n{bounds_table(measured.bounds(), where=False)}\n",
    ]
    for device, speed in speeds.items():
        for batch in sorted({s.batch for s in speed.series}):
            parts.append(f"## {device}, batch {batch}\n\n{_table(speed, device, batch)}\n")
    if step:
        rows = [[_STEPS[name], _spread(ms)] for name, ms in step["step_ms"].items()]
        title = f"## Training step, batch {step['batch']}, on the CPU"
        parts.append(f"{title}\n\n{grid(['step', 'ms'], rows)}\n")
    if node:
        rows = [[name, _spread(node[key])] for key, name in _NODE.items()]
        title = f"## Live node, {node['estimates']} estimates from CSI alone"
        parts.append(f"{title}\n\n{grid(['part', 'ms'], rows)}\n")
    parts += [f"- {note}" for note in measured.notes]
    return "\n".join(parts).rstrip() + "\n"


def step_text(bench: StepBench, source: str, threads: int) -> str:
    """Median and spread of both kinds of step, as Markdown; `source` says where frames are from."""
    rows = []
    for name, kind in (("cached", bench.cached), ("encoding", bench.encoding)):
        rows.append([_STEPS[name], _spread(spread(kind.ms)), str(kind.encoder_calls)])
    return (
        f"Training step at batch {bench.batch}, {len(bench.ratio)} repeats in turn, "
        f"{threads} threads, {source} ({bench.frames} frames)\n\n"
        f"{grid(['step', 'ms', 'encoder calls'], rows)}\n\n"
        f"Cached is so many times as fast: {_spread(spread(bench.ratio), digits=2)}\n"
    )


def _table(speed: Speed, device: str, batch: int) -> str:
    found = {
        (s.family, s.variant, s.stage): s
        for s in speed.series
        if (s.device, s.batch) == (device, batch)
    }
    columns = list(dict.fromkeys((family, variant) for family, variant, _ in found))
    rows = [
        [stage, *(_cell(found.get((*column, stage))) for column in columns)] for stage in STAGES
    ]
    return grid(["stage", *(f"{f}, {_VARIANTS[v]}" for f, v in columns)], rows)


def _cell(series: Series | None) -> str:
    if series is None:
        return NOTHING
    return _spread(spread(series.ms))


def _spread(values: Mapping[str, float], digits: int = 1) -> str:
    """The median, and in brackets the limits of the middle 80 %."""
    return "{:.{n}f} [{:.{n}f} {:.{n}f}]".format(
        *(values[part] for part in ("median", "p10", "p90")), n=digits
    )
