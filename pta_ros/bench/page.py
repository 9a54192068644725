"""docs/performance.md: what bench_pta measured, as tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pta_ros.bench.speed import STAGES, Series, Speed
from pta_ros.bench.step import spread
from pta_ros.evaluation.compare.text import NOTHING, grid
from pta_ros.metrics.bound import Bound

_VARIANTS = {"plain": "plain", "fast": "fast, float32", "bf16": "fast, bfloat16"}
_STEPS = {"cached": "from cached features", "encoding": "encoding its frames"}
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


def page(
    speeds: Mapping[str, Speed],
    bounds: Sequence[Bound],
    machine: str,
    notes: Sequence[str],
    step: Mapping[str, Any],
    node: Mapping[str, Any],
) -> str:
    """Markdown of everything measured; `speeds` by device.

    `step` and `node` are what speed_runs gives; empty: not measured.
    """
    first = next(iter(speeds.values()))
    head = _HEAD.format(fitted="synthetic frames", error=first.head_error_mm, machine=machine)
    parts = [head, "## Bounds\n", _bounds(bounds), ""]
    for device, speed in speeds.items():
        for batch in sorted({s.batch for s in speed.series}):
            parts += [f"## {device}, batch {batch}\n", _table(speed, device, batch), ""]
    if step:
        rows = [[_STEPS[name], _spread(ms)] for name, ms in step["step_ms"].items()]
        title = f"## Training step, batch {step['batch']}, on the CPU\n"
        parts += [title, grid(["step", "ms"], rows), ""]
    if node:
        names = {"latency_ms": "message to skeleton", "model_ms": "of it the model's"}
        rows = [[n, _spread(node[k])] for k, n in (names | {"overhead_ms": "the rest"}).items()]
        title = f"## Live node, {node['estimates']} estimates from CSI alone\n"
        parts += [title, grid(["part", "ms"], rows), ""]
    parts += [f"- {note}" for note in notes]
    return "\n".join(parts).rstrip() + "\n"


def _bounds(bounds: Sequence[Bound]) -> str:
    rows = [
        [
            b.name,
            f"{b.sense} {b.limit:g} {b.unit}",
            "not measured" if b.value is None else f"{b.value:.2f} {b.unit}",
            "kept" if b.ok else "**missed**",
        ]
        for b in bounds
    ]
    return grid(["bound", "limit", "measured", ""], rows)


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


def _spread(ms: Mapping[str, float]) -> str:
    return f"{ms['median']:.1f} [{ms['p10']:.1f} {ms['p90']:.1f}]"
