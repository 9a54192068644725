"""What all systems of a run share: data, encoders, and the features of frames good and bad."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from torch import nn

from pta_ros.errors import ConfigError
from pta_ros.training.begin import Source
from pta_ros.training.config import TrainConfig
from pta_ros.training.distributed import ALONE, Ranks
from pta_ros.training.encoders import features_of, train_encoders
from pta_ros.training.makers import Bench
from pta_ros.training.prepare import Watcher, prepare
from pta_ros.training.single_heads import with_single_heads
from pta_ros.workers.workforce import EVERY_CORE, Workforce


def make_bench(
    config: TrainConfig,
    root: Path,
    folder: Path,
    cache: Path,
    watcher: Watcher,
    corrupt: bool,
    train: bool = True,
    ranks: Ranks = ALONE,
    source: Source | None = None,
    workforce: Workforce = EVERY_CORE,
) -> Bench:
    """Prepare data, encoders, features; with `corrupt` or meta.corrupt of corrupted frames, too.

    What data and configuration do not allow is an error before anything is trained. Of several
    processes the first one does it all, and leaves it in files to the others.
    """
    corrupt = corrupt or bool(config.meta.corrupt)
    if corrupt and config.model.encoders != "lite":
        raise ConfigError(
            f"model.encoders is {config.model.encoders!r}; the gate and corrupted frames are made "
            "for 'lite': set model.gate to false, leave out meta.corrupt, and train one model"
        )
    with ranks.one_by_one():
        folder.mkdir(parents=True, exist_ok=True)
        ready = prepare(config, root, cache, watcher, source, workforce)
        singles = train_encoders(config, ready, folder, watcher, train, ranks)
        encoders: dict[str, nn.Module] = {m: single.encoder for m, single in singles.items()}
        place = cache if ready.given else folder  # every seed has the encoders that are given
        clean, corrupted = features_of(
            config, ready, encoders, place, watcher, corrupt, ranks, workforce
        )
    # The gate and a second head have stages of their own, after everything else.
    task = config.model.tasks[0]
    classes = config.model.classes if task == "activity" else ()
    first = replace(config.model, gate=False, tasks=(task,), classes=classes)
    config = replace(config, model=first)
    bench = Bench(
        config, ready, singles, clean, corrupted, folder, watcher, train, ranks=ranks,
        workforce=workforce,
    )  # fmt: skip
    return with_single_heads(bench) if ready.given else bench
