"""The compared systems over the test subjects: records for the tables, from cached features."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pta_ros.datasets.features import FeatureSet
from pta_ros.errors import CheckpointError
from pta_ros.evaluation.compare.stream_checks import frozen_in_use
from pta_ros.evaluation.compare.table import PLAIN, UNGATED, Context, Data, Machine, Record
from pta_ros.metrics.poses import evaluate_subsets, mean_pose_error_mm
from pta_ros.metrics.subsets import subsets
from pta_ros.model.projector import Projected
from pta_ros.training.config import TrainConfig
from pta_ros.training.corrupt import FROZEN
from pta_ros.training.prepare import Watcher, provenance_of
from pta_ros.training.run import GATED, read_bench
from pta_ros.training.systems import SYSTEMS, Bench, make_system

#: Systems that are also tested with corrupted frames.
TESTED_BROKEN = (UNGATED, GATED)


def table_records(
    root: Path, folder: Path, seeds: Sequence[int], command: str, watcher: Watcher
) -> tuple[list[Record], Context]:
    """Test every system of every seed in `folder` (train_systems); every frame is encoded once.

    A compared system that is not trained to its end is left out and noted, and the tables say so.
    Raises CheckpointError when a seed was not begun, or PTA itself is not there.
    """
    begun = time.monotonic()
    records: list[Record] = []
    histories: dict[int, dict[str, list[float]]] = {}
    for seed in seeds:
        bench = read_bench(root, folder, seed, watcher)
        for name in SYSTEMS:
            try:
                system = make_system(name, bench)
            except CheckpointError as error:
                if name in ("pta", UNGATED, GATED):
                    raise
                watcher.note(f"seed {seed}: {name} left out: {error}")
                continue
            records += _records_of(name, seed, system, bench)
            watcher.note(f"seed {seed}: {name} tested")
        histories[seed] = _weights(bench)
    return records, _context(root, bench, seeds, command, histories, time.monotonic() - begun)


def _records_of(name: str, seed: int, system: Projected, bench: Bench) -> Iterator[Record]:
    rows = bench.ready.rows["test"]
    for result in evaluate_subsets(system, bench.clean, rows):
        yield Record(name, seed, corruption=None, **asdict(result))
    if name == "pta":
        for result in evaluate_subsets(system, bench.clean, rows, refine=False):
            yield Record(PLAIN, seed, corruption=None, **asdict(result))
    if name in TESTED_BROKEN:
        yield from _broken(name, seed, system, bench, rows)


def _broken(
    name: str, seed: int, system: Projected, bench: Bench, rows: Tensor
) -> Iterator[Record]:
    for modality, kinds in bench.corrupted.items():
        wider = [s for s in subsets(system.config.modalities) if modality in s and len(s) > 1]
        for kind, view in kinds.items():
            data = with_view(bench.clean, modality, view)
            unused = _unused(bench, modality) if (name, kind) == (GATED, FROZEN) else None
            for result in evaluate_subsets(system, data, rows, only=wider, unused=unused):
                yield Record(name, seed, corruption=f"{modality}/{kind}", **asdict(result))


def _unused(bench: Bench, modality: str) -> Tensor:
    """Frozen frames of `modality` that the live streams do not use: (frames, M) bool."""
    rows = bench.ready.rows["test"]
    unused = torch.zeros_like(bench.clean.present)
    column = list(bench.clean.tokens).index(modality)
    unused[rows, column] = ~frozen_in_use(bench.ready.data, modality, rows)
    return unused


def with_view(clean: FeatureSet, modality: str, view: FeatureSet) -> FeatureSet:
    """`clean` with one modality as it is in `view`, of the same rows."""
    return replace(
        clean,
        tokens={**clean.tokens, modality: view.tokens[modality]},
        points={**clean.points, **view.points},
    )


def _weights(bench: Bench) -> dict[str, list[float]]:
    """The meta-learned weights per epoch, by modality."""
    history = bench.histories["pta"]
    return {m: [f[f"weight_{m}"] for f in history] for m in bench.config.model.modalities}


def _context(
    root: Path,
    bench: Bench,
    seeds: Sequence[int],
    command: str,
    histories: dict[int, dict[str, list[float]]],
    wall_s: float,
) -> Context:
    made: Any = provenance_of(bench.config, root, bench.ready, 0)["synthetic"]
    about = made["runs"][0] if isinstance(made, dict) and made.get("runs") else {}
    joints = bench.ready.data.joints
    mean_pose = joints[bench.ready.rows["train"].numpy()].mean(axis=0)
    rows = bench.ready.rows["test"].numpy()
    return Context(
        command=command,
        data=Data(bool(made), about.get("preset"), about.get("seed")),
        machine=Machine(os.cpu_count() or 1, platform.machine(), torch.__version__),
        wall_s=wall_s,
        seeds=tuple(seeds),
        subjects=tuple(bench.ready.splits["test"]),
        frames=len(rows),
        mean_pose_mm=mean_pose_error_mm(np.asarray(mean_pose, np.float32), joints[rows]),
        histories=histories,
        training=_training(bench.config),
    )


def _training(config: TrainConfig) -> str:
    """How long and how wide the systems were trained."""
    xfi, single = (config.sized(name).dim for name in ("xfi", "single"))
    return (
        f"every system {config.meta.epochs} epochs on features of the same encoders; feature width "
        f"D = {config.model.dim}, X-Fi {xfi}, mean of predictions {single}"
    )
