"""Where the fusion's error comes from: trials that each change one thing, on validation people.

`python docs/fusion.py DATA --out FOLDER [--epochs 6] [--only TRIAL ...] [--test]` trains what is
not trained yet, in minutes a trial, and prints a row for each. All trials see the same features, of
the encoders of models/mmfi_lite, which are not trained again. `--test` takes the test people in
place of validation's. docs/fusion.md tells what came out. Everything is synthetic.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pta_ros import checkpoint
from pta_ros.cli import run
from pta_ros.cli.train_pta import Console
from pta_ros.datasets.features import FeatureSet, cache_features
from pta_ros.metrics.evaluate import SubsetResult, evaluate_subsets
from pta_ros.model.baselines import ConcatenateMlp, XFi
from pta_ros.model.heads import answer
from pta_ros.model.projector import Projected
from pta_ros.training.config import TrainConfig, load_config
from pta_ros.training.fit import Setup, loss_stage
from pta_ros.training.losses import task_loss
from pta_ros.training.makers import Bench, make_pta, supervised_system
from pta_ros.training.prepare import Prepared, identity_of, prepare
from pta_ros.training.pretrain import SingleModality
from pta_ros.training.resume import run_stage, seed_everything

REPOSITORY = Path(__file__).resolve().parent.parent
CONFIG, MODEL = REPOSITORY / "config/mmfi_lite.yaml", REPOSITORY / "models/mmfi_lite"
#: Of each modality's projection behind the frozen encoder: epochs, learning rate, weight decay.
SINGLE = 4, 2e-3, 1e-4
#: Between epochs one validation frame of so many is looked at.
SPARSE = 27


@dataclass(frozen=True)
class Trial:
    """One system: `model`, `meta` are changes of the configuration; `make` one that is not PTA."""

    title: str
    model: dict[str, Any]
    meta: dict[str, Any]
    make: Callable[[TrainConfig], ConcatenateMlp | XFi] | None = None

    def change(self, config: TrainConfig) -> TrainConfig:
        """The configuration of this trial."""
        return replace(
            config,
            model=replace(config.model, **self.model),
            meta=replace(config.meta, **self.meta),
        )


_SUM = {"dim": 128}
_ATTENTION = {"dim": 128, "attention": 2}
TRIALS = {
    "base1": Trial("Base.1 (concatenate + MLP)", {}, {}, lambda c: ConcatenateMlp(c.model)),
    "xfi": Trial("X-Fi fusion", {}, {}, lambda c: XFi(c.sized("xfi"))),
    "sum": Trial("weighted sum", _SUM, {}),
    "no_refinement": Trial("no refinement", {**_SUM, "refine": False}, {"align_weight": 0.0}),
    "attention": Trial(
        "attention, no refinement", {**_ATTENTION, "refine": False}, {"align_weight": 0.0}
    ),
    "ours": Trial("attention, refinement trained later", _ATTENTION, {"refine_epochs": 4}),
    "no_align": Trial("refinement without its loss", _SUM, {"align_weight": 0.0}),
}


def main() -> None:
    """Train and print the trials that are asked for."""
    parser = argparse.ArgumentParser("fusion.py", description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="+", choices=[*TRIALS, "shipped"], default=list(TRIALS))
    parser.add_argument("--test", action="store_true")
    options = parser.parse_args()
    config = load_config(CONFIG)
    first = replace(config.model, gate=False, tasks=("pose",), classes=(), attention=0)
    meta = replace(config.meta, epochs=options.epochs, refine_epochs=0)
    config = replace(config, seed=options.seed, model=first, meta=meta)
    options.out.mkdir(parents=True, exist_ok=True)
    bench = bench_of(options.data, options.out, config)
    for name in options.only:
        show(name, bench, options.test)


def bench_of(root: Path, out: Path, config: TrainConfig) -> Bench:
    """The features of the shipped encoders, as training has them."""
    console = Console()
    ready = prepare(config, root, out / "cache", console)
    encoders = checkpoint.load(MODEL).model.encoders
    clean = cache_features(
        {m: encoders[m] for m in config.model.modalities}, config.model.channels, ready.data,
        out / "features", progress=console.progress("encode frames"),
        position_points=config.model.tokens,
    )  # fmt: skip
    return bench_with(config, ready, clean, out)


def bench_with(config: TrainConfig, ready: Prepared, clean: FeatureSet, out: Path) -> Bench:
    """A bench of features of the shipped encoders; their projections are trained to start from."""
    folder = out / f"seed{config.seed}"
    folder.mkdir(exist_ok=True)
    encoders = checkpoint.load(MODEL).model.encoders
    singles = {
        m: single(m, encoders[m].state_dict(), config, ready, clean, folder)
        for m in config.model.modalities
    }
    few = {**ready.rows, "val": ready.rows["val"][::SPARSE]}
    return Bench(config, replace(ready, rows=few), singles, clean, {}, folder, Console())


def single(
    modality: str, encoder: dict[str, Tensor], config: TrainConfig, ready: Prepared,
    clean: FeatureSet, folder: Path,
) -> SingleModality:  # fmt: skip
    """One modality by itself: the shipped encoder with a projection and a head of its own."""
    name, (epochs, rate, decay) = f"single_{modality}", SINGLE
    seed_everything(config.seed, name)
    model = SingleModality(config.sized("single"), modality)
    model.encoder.load_state_dict(encoder)
    model.encoder.requires_grad_(False)
    meta = replace(config.meta, epochs=epochs, learning_rate=rate)
    setup = Setup(replace(config, meta=meta), clean, ready.rows["train"])
    parameters = [*model.projector.parameters(), *model.head.parameters()]
    theta = torch.optim.AdamW(parameters, rate, weight_decay=decay)

    def loss_of(rows: Tensor) -> Tensor:
        model.train().encoder.eval()
        result = answer(model.head, model.projector(clean.tokens[modality][rows]))
        return task_loss(config.task_loss, result, clean.truth(rows))

    stage = replace(loss_stage("task", setup, model, theta, loss_of), name=name)
    run_stage(stage, folder, identity_of(ready, [config.seed, SINGLE]), Console().epoch)
    return model.eval()


def show(name: str, bench: Bench, test: bool) -> None:
    """Train a trial, or read it, and print its row."""
    begun = time.process_time()
    model = _made(name, bench)
    seconds = time.process_time() - begun
    rows = bench.ready.rows["test"] if test else _validation(bench)
    results = evaluate_subsets(model, bench.clean, rows)
    title = TRIALS[name].title if name in TRIALS else "shipped model, no gate"
    size = sum(p.numel() for n, p in model.named_parameters() if not n.startswith("encoders."))
    Console().note(f"| {title} | {size / 1e6:.2f} | {seconds:.0f} | {_row(results)} |")


def _made(name: str, bench: Bench) -> Projected:
    if name == "shipped":
        shipped = checkpoint.load(MODEL).model
        shipped.gate = None
        return shipped
    trial = TRIALS[name]
    make = trial.make
    if make is None:
        return make_pta(name, trial.change, bench)
    return supervised_system(name, bench, lambda: make(bench.config))


def _validation(bench: Bench) -> Tensor:
    """All frames of people on whom neither encoders nor fusions were trained, nor are tested."""
    used = torch.cat([bench.ready.rows[n] for n in ("train", "test")])
    return torch.tensor(sorted(set(bench.clean.rows.tolist()) - set(used.tolist())))


def _row(results: list[SubsetResult]) -> str:
    return " | ".join(f"{r.mpjpe_mm:.1f}" for r in results)


if __name__ == "__main__":
    raise SystemExit(run(main))
