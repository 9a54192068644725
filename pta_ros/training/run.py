"""Training runs, from a tree to a run folder; a killed run continues where it stopped."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from pta_ros import checkpoint
from pta_ros.checkpoint import Checkpoint
from pta_ros.errors import CheckpointError, ConfigError
from pta_ros.model.baselines import XFi
from pta_ros.model.finder import Finder
from pta_ros.model.pta import PTA
from pta_ros.tensors import write_atomically
from pta_ros.training.begin import begin, begin_compared
from pta_ros.training.config import TrainConfig, config_from
from pta_ros.training.distributed import ALONE, Ranks
from pta_ros.training.encoders import train_encoder
from pta_ros.training.find import find_stage
from pta_ros.training.make_bench import make_bench
from pta_ros.training.make_pta import UNGATED
from pta_ros.training.makers import Bench
from pta_ros.training.parts import FIND
from pta_ros.training.prepare import (
    Prepared,
    Watcher,
    identity_of,
    prepare,
    provenance_of,
    statistics_of,
)
from pta_ros.training.presence import fit_presence
from pta_ros.training.resume import run_stage
from pta_ros.training.systems import add_activity, make_system
from pta_ros.workers.workforce import EVERY_CORE, Workforce

GATED = "pta_gate"


def train(
    config: TrainConfig,
    root: Path,
    folder: Path,
    watcher: Watcher,
    ranks: Ranks = ALONE,
    workforce: Workforce = EVERY_CORE,
) -> None:
    """Train PTA, with its gate if `config.model.gate`, and write `folder`/model.

    `workforce` reduces the tree, here as below.
    """
    begun = time.monotonic()
    asked, (config, source) = config, begin(config)
    name = GATED if config.model.gate else UNGATED
    trains_gate = config.model.gate and "gate" not in config.freeze
    bench = make_bench(
        config, root, folder, folder / "cache", watcher, corrupt=trains_gate, ranks=ranks,
        source=source, workforce=workforce,
    )  # fmt: skip
    system = make_system(name, bench)
    assert isinstance(system, PTA)
    if config.model.tasks[1:]:
        system = add_activity(system, config, bench)
    with ranks.one_by_one():
        finder = _finder(config, bench.ready, folder, watcher, ranks)
    if ranks.first:
        if finder is not None:
            known = Checkpoint(system, bench.ready.sensors, {}, {}, folder.name, finder)
            finder = fit_presence(known, root, watcher.progress("judge who is there"))
        told = replace(config, freeze=asked.freeze)  # without what `take` adds to it
        _write_settings(told, bench)
        _save(folder / "model", system, bench, told, root, begun, finder)


def train_parts(
    config: TrainConfig,
    root: Path,
    folder: Path,
    parts: Iterable[str],
    watcher: Watcher,
    ranks: Ranks = ALONE,
    workforce: Workforce = EVERY_CORE,
) -> None:
    """Train parts that depend on nothing else: encoders by modality, and the search (`find`).

    Several processes may train different parts of one run side by side; `train` takes them up.
    Raises ConfigError for a part that the model does not have, or that is frozen.
    """
    if config.take == "encoders":
        raise ConfigError(
            f"parts to train are {list(parts)}, but take is 'encoders': what is taken is not "
            "trained; expected no --only"
        )
    config, source = begin(config)
    known = [*config.model.modalities, *([FIND] if config.model.joint_tokens else [])]
    known = [part for part in known if part not in config.freeze]
    if config.imported or (unknown := sorted(set(parts) - set(known))):
        named = f"imported {config.imported!r}" if config.imported else str(unknown)
        expected = f"some of {known}, neither imported nor frozen"
        raise ConfigError(f"parts to train are {named}; expected {expected}")
    folder.mkdir(parents=True, exist_ok=True)
    with ranks.one_by_one():
        ready = prepare(config, root, folder / "cache", watcher, source, workforce)
    for part in parts:
        if part == FIND:
            _finder(config, ready, folder, watcher, ranks)
        else:
            train_encoder(config, ready, part, folder, watcher, ranks=ranks)


def _finder(
    config: TrainConfig, ready: Prepared, folder: Path, watcher: Watcher, ranks: Ranks
) -> Finder | None:
    """The trained search for people; None where the data have one person in each frame."""
    if ready.people_of is None:
        return None
    shown = watcher.progress("find people")
    stage = find_stage(config.find, config.seed, ready.people_of, shown, ranks.alone())
    known = ready.start.source.loaded.finder if ready.start else None
    if known is not None:
        stage.module.load_state_dict(known.state_dict())
    assert isinstance(stage.module, Finder)
    if ready.given or FIND in config.freeze:
        return stage.module.eval()
    identity = identity_of(ready, [asdict(config.find), config.seed])
    run_stage(stage, folder, identity, watcher.epoch)
    return stage.module.eval()


def train_systems(
    config: TrainConfig,
    root: Path,
    folder: Path,
    names: Iterable[str],
    seeds: Iterable[int],
    watcher: Watcher,
    ranks: Ranks = ALONE,
    workforce: Workforce = EVERY_CORE,
) -> None:
    """Train several systems for several seeds: `folder`/seed0, seed1 and so on.

    PTA and its kin are written there as model folders, by their names; of people they are not, as a
    node needs a search for people that knows the model. Of a model that the configuration starts
    from all take the encoders, which stay as they are, and no more.
    """
    begun = time.monotonic()
    asked, (config, source) = config, begin_compared(config)
    names = list(names)
    gated = GATED in names and not config.model.joint_tokens
    if "xfi" in names:
        XFi(config.sized("xfi"))  # sizes that it cannot have are an error before any training
    for seed in seeds:
        own = replace(config, seed=seed)
        bench = make_bench(
            own, root, seed_folder(folder, seed), folder / "cache", watcher,
            corrupt=gated, ranks=ranks, source=source, workforce=workforce,
        )  # fmt: skip
        for name in names:
            system = make_system(name, bench)
            if ranks.first:
                _write_settings(replace(asked, seed=seed), bench)
                if isinstance(system, PTA) and not config.model.joint_tokens:
                    told = replace(own, freeze=())
                    _save(bench.folder / name, system, bench, told, root, begun)
            watcher.note(f"seed {seed}: {name} done, {time.monotonic() - begun:.0f} s so far")


def _save(
    folder: Path,
    system: PTA,
    bench: Bench,
    config: TrainConfig,
    root: Path,
    begun: float,
    finder: Finder | None = None,
) -> None:
    checkpoint.save(
        folder, system, bench.ready.sensors, statistics_of(bench.ready),
        provenance_of(config, root, bench.ready, time.monotonic() - begun), finder,
    )  # fmt: skip


def seed_folder(folder: Path, seed: int) -> Path:
    """The folder of one seed's systems."""
    return folder / f"seed{seed}"


def read_settings(folder: Path, seed: int) -> TrainConfig:
    """The configuration of `seed` in a folder of train_systems; CheckpointError for none."""
    path = seed_folder(folder, seed) / "config.json"
    try:
        return config_from(json.loads(path.read_text()))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise CheckpointError(
            f"{path}: {reason}; train seed {seed} first, with train_pta --systems"
        ) from error


def read_bench(root: Path, folder: Path, seed: int, watcher: Watcher) -> Bench:
    """What train_systems left in `folder` for `seed`, without any training.

    Raises CheckpointError when it is missing or not complete.
    """
    config, source = begin_compared(read_settings(folder, seed))
    own, corrupt = seed_folder(folder, seed), config.model.encoders == "lite"
    return make_bench(
        config, root, own, folder / "cache", watcher, corrupt, train=False, source=source
    )


def _write_settings(config: TrainConfig, bench: Bench) -> None:
    """Note what a finished system was trained with; a run that is refused changes nothing."""
    _write_json(bench.folder / "config.json", config.to_dict())
    _write_json(bench.folder / "splits.json", bench.ready.splits)


def _write_json(path: Path, value: Any) -> None:
    write_atomically(path, (json.dumps(value, indent=1, default=asdict) + "\n").encode())
