"""`train_pta`: train a model on MM-Fi's or XRF55's tree."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pta_ros.cli import add_workforce, check_tree, run
from pta_ros.errors import ConfigError, TrainingError

if TYPE_CHECKING:
    from pta_ros.training.config import TrainConfig
    from pta_ros.training.distributed import Ranks
    from pta_ros.training.prepare import Watcher
    from pta_ros.workers.workforce import Workforce


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser("train_pta", description=__doc__)
    parser.add_argument(
        "data", type=Path, help="root of an MM-Fi or XRF55 tree (make_mmfi, make_xrf55)"
    )
    parser.add_argument("--config", type=Path, required=True, help="YAML, see config/")
    parser.add_argument(
        "--out", type=Path, required=True, help="run folder; continued if it exists"
    )
    _add_what(parser)
    _add_starts(parser)
    parser.add_argument(
        "--device", default="cpu", help="cpu (default), cuda, cuda:N or auto; under torchrun cuda "
        "is one GPU for each process",
    )  # fmt: skip
    parser.add_argument("--threads", type=int, default=0, help="CPU threads (0: torch's choice)")
    add_workforce(
        parser.add_argument_group(
            "who reduces the tree and encodes its frames, which is done once",
            "Frames are encoded by this process, unless one of the two is given and the device is "
            "the CPU.",
        )
    )
    return parser.parse_args(arguments)


def _add_what(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seed", type=int, help="instead of the configuration's")
    parser.add_argument(
        "--systems",
        nargs="+",
        metavar="NAME",
        help="train these compared systems instead of one model; 'all'",
    )
    parser.add_argument(
        "--only",
        nargs="+",
        metavar="PART",
        help="train these parts and stop: encoders by modality, find; several commands may train "
        "different parts side by side, the last one without --only does the rest",
    )
    parser.add_argument(
        "--seeds", nargs="+", type=int, metavar="N", default=[0, 1, 2], help="with --systems"
    )


def _add_starts(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--imported", metavar="FOLDER", help="import_xfi's folder, instead of the configuration's"
    )
    parser.add_argument(
        "--from",
        dest="start_from",
        metavar="MODEL",
        help="start from the weights of a model (a folder, or a shipped model's name), instead of "
        "the configuration's start_from; `freeze` there names parts that stay as they are",
    )
    parser.add_argument(
        "--take",
        choices=("all", "encoders"),
        help="with --from: all weights that fit, or the encoders alone and the search for people, "
        "which then stay as they are, as always with --systems; instead of the configuration's",
    )


def _main(arguments: list[str] | None) -> int:
    options = parse(arguments)
    check_tree(options.data)
    if options.out.exists() and not options.out.is_dir():
        raise ConfigError(f"{options.out}: not a folder; expected a run folder or a new one")
    import torch

    from pta_ros.training.distributed import launch_ranks
    from pta_ros.training.prepare import Silent
    from pta_ros.training.rehearse import with_own_classes
    from pta_ros.workers.workforce import Workforce

    config = with_own_classes(_config(options), options.data)
    if options.threads:
        torch.set_num_threads(options.threads)
    names = _systems(options, config)
    workforce = Workforce(options.jobs, options.cluster)
    if options.cluster is not None:  # its workers began in other folders
        options.data = options.data.absolute()
    ranks = launch_ranks(options.device)
    watcher: Watcher = Board(options.out) if ranks.first else Silent()
    _train(options, config, names, watcher, ranks, workforce)
    return 0


def _systems(options: argparse.Namespace, config: TrainConfig) -> list[str]:
    """The compared systems that are asked for; raises ConfigError for those that there are not."""
    from pta_ros.training.systems import systems_of

    known = systems_of(config)
    names = known if options.systems == ["all"] else options.systems or []
    if unknown := sorted(set(names) - set(known)):
        raise ConfigError(f"systems {unknown} are unknown; expected some of {known}")
    if names and options.take == "all":
        raise ConfigError(
            "--systems and --take all contradict each other; expected --take encoders: compared "
            "systems take no model's fusion"
        )
    if names and options.only:
        raise ConfigError("--only and --systems contradict each other; expected one of them")
    return names


def _train(
    options: argparse.Namespace,
    config: TrainConfig,
    names: list[str],
    watcher: Watcher,
    ranks: Ranks,
    workforce: Workforce,
) -> None:
    from pta_ros.training.run import train, train_parts, train_systems

    data, out, by = options.data, options.out, (watcher, ranks, workforce)
    if options.only:
        train_parts(config, data, out, options.only, *by)
        told = f"{' '.join(options.only)}: trained; the same command without --only goes on"
    elif names:
        train_systems(config, data, out, names, options.seeds, *by)
        told = f"systems: {out}; test them with evaluate_pta --table {out}"
    else:
        train(config, data, out, *by)
        told = f"model: {out / 'model'}"
    watcher.note(told)


def _config(options: argparse.Namespace) -> TrainConfig:
    """The configuration file, with the command line's options in place of its own."""
    from pta_ros.training.config import load_config

    config = load_config(options.config)
    if options.seed is not None:
        config = replace(config, seed=options.seed)
    if options.imported is not None:
        if not options.imported:
            raise ConfigError("--imported names nothing; expected import_xfi's folder")
        config = replace(config, imported=options.imported)
    if options.start_from is not None:
        if not options.start_from:
            raise ConfigError("--from names nothing; expected a model")
        config = replace(config, start_from=options.start_from)
    if options.take is not None:
        config = replace(config, take=options.take)
    return config


class Console:
    """Progress bars, and one line an epoch."""

    def progress(self, task: str) -> Callable[[int, int], None]:
        """A bar on a terminal, begun anew each time the task is."""
        from tqdm import tqdm

        bars: list[tqdm[None]] = []

        def update(done: int, total: int) -> None:
            if not bars:
                bars.append(tqdm(desc=task, total=total, leave=False, disable=None))
            bars[0].update(done - bars[0].n)
            if done >= total:
                bars.pop().close()

        return update

    def epoch(self, stage: str, number: int, figures: dict[str, float]) -> None:
        """Print one epoch."""
        text = "  ".join(f"{name} {value:.4g}" for name, value in figures.items())
        print(f"{stage} epoch {number + 1}: {text}", flush=True)

    def note(self, text: str) -> None:
        """Print one line."""
        print(text, flush=True)


class Board(Console):
    """The same, and TensorBoard under `folder`/tensorboard."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "tensorboard"

    @cached_property
    def board(self) -> Any:
        """The SummaryWriter, made with the first figures: a refused run leaves nothing behind."""
        from torch.utils.tensorboard import SummaryWriter

        return SummaryWriter(self.folder)

    def epoch(self, stage: str, number: int, figures: dict[str, float]) -> None:
        """Print and log one epoch."""
        super().epoch(stage, number, figures)
        try:
            for name, value in figures.items():
                self.board.add_scalar(f"{stage}/{name}", value, number)
            self.board.flush()
        except OSError as error:
            raise TrainingError(
                f"{self.folder}: {error.strerror or error}; expected room for the log: free "
                "some and run the command again"
            ) from error


def main(arguments: list[str] | None = None) -> int:
    """Console script; returns the exit code."""
    return run(lambda: _main(arguments))


if __name__ == "__main__":
    raise SystemExit(main())
