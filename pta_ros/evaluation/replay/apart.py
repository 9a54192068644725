"""Reads, decodes and encodes recordings in a process of its own, ahead of their replays.

with reading_apart(engine) as apart:
    engine.start()
    replay(engine, bag, source, plan, apart=apart)

Decoding and what follows both take much of Python's time, which threads of one process share. The
numbers are those of a replay without it. That process loads the model once.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache

import torch

from pta_ros.bags.bag import Bag
from pta_ros.evaluation.faults.injector import FaultPlan
from pta_ros.evaluation.replay.batches import Batches, Chunk, chunks, foresees
from pta_ros.evaluation.replay.source import Apart, Source, reading_of
from pta_ros.fusion.config import StreamParams
from pta_ros.fusion.engine import Engine, resolve_precision
from pta_ros.fusion.params import FusionParams
from pta_ros.workers.beside import Beside

Streams = tuple[tuple[str, StreamParams], ...]


@dataclass(frozen=True)
class _Task:
    """One replay: plain values, and a bag that is not open."""

    params: FusionParams
    streams: Streams
    bag: Bag
    source: Source
    plan: FaultPlan


@contextmanager
def reading_apart(engine: Engine) -> Iterator[Apart | None]:
    """Start the process for replays of this engine; it ends with the context.

    None, and no process, where a replay has no use for it: see `foresees`.
    """
    if engine.device != "cpu" or not foresees(engine):
        yield None
        return
    model = engine.params, tuple(engine.streams.items())
    with Beside(_read) as beside:

        def apart(bag: Bag, source: Source, plan: FaultPlan) -> Iterator[Chunk]:
            return beside.made(_Task(*model, bag.again(), source, plan))

        yield apart


def _read(task: _Task) -> Iterator[Chunk]:
    """In that process: the chunks of one replay."""
    engine, batches = _ready(task.params, task.streams)
    with task.bag as bag:
        decoder, _ = reading_of(engine, bag, task.source, task.plan)
        yield from chunks(decoder, batches)


@lru_cache(maxsize=1)
def _ready(params: FusionParams, streams: Streams) -> tuple[Engine, Batches]:
    engine = Engine.load(params, dict(streams))
    precision = resolve_precision(params.precision, engine.device, engine.finds_people)
    return engine, Batches(engine.loaded, torch.device(engine.device), precision)
