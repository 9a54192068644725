"""Training runs, from a tree to a run folder; a killed run continues where it stopped."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from torch import nn

from pta_ros import checkpoint
from pta_ros.datasets.features import FeatureSet, cache_features
from pta_ros.errors import CheckpointError, ConfigError
from pta_ros.model.pta import PTA
from pta_ros.training.config import TrainConfig, config_from
from pta_ros.training.corrupt import corrupted_view, kinds
from pta_ros.training.distributed import ALONE, Ranks
from pta_ros.training.gate import Spoilt
from pta_ros.training.prepare import (
    Prepared,
    Watcher,
    prepare,
    provenance_of,
    statistics_of,
    train_encoders,
)
from pta_ros.training.pretrain import SingleModality
from pta_ros.training.systems import (
    BY_TASK,
    SYSTEMS,
    UNGATED,
    Bench,
    add_activity,
    make_system,
)

GATED = "pta_gate"


def train(
    config: TrainConfig, root: Path, folder: Path, watcher: Watcher, ranks: Ranks = ALONE
) -> None:
    """Train PTA, with its gate if `config.model.gate`, and write `folder`/model."""
    begun = time.monotonic()
    name = GATED if config.model.gate else UNGATED
    bench = make_bench(
        config, root, folder, folder / "cache", watcher, spoil=name == GATED, ranks=ranks
    )
    system = make_system(name, bench)
    assert isinstance(system, PTA)
    if config.model.tasks[1:]:
        system = add_activity(system, config, bench)
    if ranks.first:
        _write_settings(config, bench)
        _save(folder / "model", system, bench, config, root, begun)


def train_systems(
    config: TrainConfig,
    root: Path,
    folder: Path,
    names: Iterable[str],
    seeds: Iterable[int],
    watcher: Watcher,
    ranks: Ranks = ALONE,
) -> None:
    """Train several systems for several seeds: `folder`/seed0, seed1 and so on.

    Those that a node can run are written there as model folders, by their names.
    """
    begun = time.monotonic()
    names = list(names)
    for seed in seeds:
        own = replace(config, seed=seed)
        bench = make_bench(
            own, root, seed_folder(folder, seed), folder / "cache", watcher,
            spoil=GATED in names, ranks=ranks,
        )  # fmt: skip
        for name in names:
            system = make_system(name, bench)
            if ranks.first:
                _write_settings(own, bench)
                if isinstance(system, PTA):
                    _save(bench.folder / name, system, bench, own, root, begun)
            watcher.note(f"seed {seed}: {name} done, {time.monotonic() - begun:.0f} s so far")


def _save(
    folder: Path, system: PTA, bench: Bench, config: TrainConfig, root: Path, begun: float
) -> None:
    checkpoint.save(
        folder, system, bench.ready.sensors, statistics_of(bench.ready),
        provenance_of(config, root, bench.ready, time.monotonic() - begun),
    )  # fmt: skip


def seed_folder(folder: Path, seed: int) -> Path:
    """Where the systems of one seed lie."""
    return folder / f"seed{seed}"


def read_settings(folder: Path, seed: int) -> TrainConfig:
    """What train_systems was asked for `seed` in `folder`; CheckpointError when it was not run."""
    path = seed_folder(folder, seed) / "config.json"
    try:
        return config_from(json.loads(path.read_text()))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise CheckpointError(
            f"{path}: {reason}; train seed {seed} first, with train_pta --systems"
        ) from error


def read_bench(root: Path, folder: Path, seed: int, watcher: Watcher) -> Bench:
    """What train_systems left in `folder` for `seed`; nothing is trained.

    Raises CheckpointError when there is nothing, or it is not complete.
    """
    config, own = read_settings(folder, seed), seed_folder(folder, seed)
    spoil = config.model.has("pose")
    return make_bench(config, root, own, folder / "cache", watcher, spoil, train=False)


def make_bench(
    config: TrainConfig,
    root: Path,
    folder: Path,
    cache: Path,
    watcher: Watcher,
    spoil: bool,
    train: bool = True,
    ranks: Ranks = ALONE,
) -> Bench:
    """Prepare data and encoders, and their features; with `spoil` of corrupted frames too.

    Of several processes the first one does it all, and leaves it in files to the others.
    """
    with ranks.one_by_one():
        bench = _make_bench(config, root, folder, cache, watcher, spoil, train)
    return replace(bench, ranks=ranks)


def _make_bench(
    config: TrainConfig,
    root: Path,
    folder: Path,
    cache: Path,
    watcher: Watcher,
    spoil: bool,
    train: bool,
) -> Bench:
    if spoil and config.model.encoders != "lite":
        raise ConfigError(
            f"model.encoders is {config.model.encoders!r}; the gate and tests with corrupted "
            "frames are made for 'lite': set model.gate to false and train one model"
        )
    folder.mkdir(parents=True, exist_ok=True)
    ready = prepare(config, root, cache, watcher)
    singles = train_encoders(config, ready, folder, watcher, train)
    encoders: dict[str, nn.Module] = {m: single.encoder for m, single in singles.items()}
    clean = cache_features(
        encoders, config.model.channels, ready.data, folder / "features",
        progress=watcher.progress("encode frames"), position_points=config.model.tokens,
    )  # fmt: skip
    spoilt = _spoilt(config, ready, singles, folder, watcher) if spoil else {}
    # The gate and a second head have stages of their own, after everything else.
    task = config.model.tasks[0]
    classes = config.model.classes if task == "activity" else ()
    first = replace(config.model, gate=False, tasks=(task,), classes=classes)
    config = replace(config, model=first)
    return Bench(config, ready, singles, clean, spoilt, folder, watcher, train)


def _spoilt(
    config: TrainConfig,
    ready: Prepared,
    singles: dict[str, SingleModality],
    folder: Path,
    watcher: Watcher,
) -> Spoilt:
    def encode(modality: str, kind: str) -> FeatureSet:
        return cache_features(
            {modality: singles[modality].encoder}, config.model.channels, ready.data,
            folder / "features", view=corrupted_view(kind, ready.data),
            progress=watcher.progress(f"encode {modality}, {kind}"),
            position_points=config.model.tokens,
        )  # fmt: skip

    return {m: {kind: encode(m, kind) for kind in kinds(m)} for m in singles}


def _write_settings(config: TrainConfig, bench: Bench) -> None:
    """Note what a finished system was trained with; a run that is refused leaves it as it was."""
    _write_json(bench.folder / "config.json", config.to_dict())
    _write_json(bench.folder / "splits.json", bench.ready.splits)


def _write_json(path: Path, value: Any) -> None:
    checkpoint.write_atomically(path, (json.dumps(value, indent=1, default=asdict) + "\n").encode())


__all__ = [
    "BY_TASK",
    "SYSTEMS",
    "make_bench",
    "read_bench",
    "seed_folder",
    "train",
    "train_systems",
]
