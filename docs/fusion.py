"""Where the fusion's error comes from: trials that each change one thing, on validation people.

`python docs/fusion.py DATA --out FOLDER [--epochs 6] [--seeds 0] [--only TRIAL ...] [--test]`
trains what is not trained yet, in minutes a trial. It prints the error of each, means over the
seeds, and what ours leads by, with an interval over people. All trials see the same features, of
the encoders of models/mmfi_lite, which are not trained again. `--test` takes the test people in
place of validation's. docs/fusion.md tells what came out. Everything is synthetic.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pta_ros import checkpoint
from pta_ros.cli import run
from pta_ros.cli.train_pta import Console
from pta_ros.datasets.feature_set import FeatureSet
from pta_ros.datasets.features import cache_features
from pta_ros.metrics.evaluate import outputs_of
from pta_ros.metrics.paired import paired_difference
from pta_ros.metrics.pose import mpjpe, pa_mpjpe
from pta_ros.metrics.subsets import subset_name, subsets
from pta_ros.model.config import PTAConfig
from pta_ros.model.heads import answer
from pta_ros.model.projector import Projected
from pta_ros.training.config import TrainConfig, load_config
from pta_ros.training.fit import Setup, loss_stage
from pta_ros.training.losses import task_loss
from pta_ros.training.make_pta import make_pta
from pta_ros.training.makers import Bench
from pta_ros.training.prepare import Prepared, identity_of, prepare
from pta_ros.training.pretrain import SingleModality
from pta_ros.training.resume import run_stage, seed_everything
from pta_ros.training.systems import SYSTEMS

REPOSITORY = Path(__file__).resolve().parent.parent
CONFIG, MODEL = REPOSITORY / "config/mmfi_lite.yaml", REPOSITORY / "models/mmfi_lite"
#: Of each modality's projection behind the frozen encoder: epochs, learning rate, weight decay.
SINGLE = 4, 2e-3, 1e-4
#: Between epochs one validation frame of so many is looked at.
SPARSE = 27
#: What is compared with the best of what.
OURS, RIVALS = "ours", ("base1", "xfi", "slots")
#: The model of `OURS` without its refinement, which is what its first stage trains.
PLAIN = "ours_plain"

Array = NDArray[np.float64]
#: MPJPE and PA-MPJPE of every subset and frame: (2, subsets, N), millimetres.
Errors = Array


@dataclass(frozen=True)
class Trial:
    """One system: `model`, `meta` are changes of the configuration; `make` one that is not PTA."""

    title: str
    model: dict[str, Any]
    meta: dict[str, Any]
    make: Callable[[Bench], Projected] | None = None

    def change(self, config: TrainConfig) -> TrainConfig:
        """The configuration of this trial."""
        return replace(
            config,
            model=replace(config.model, **self.model),
            meta=replace(config.meta, **self.meta),
        )


_SUM = {"dim": 128}
TRIALS = {
    **{name: Trial(SYSTEMS[name].title, {}, {}, SYSTEMS[name].make) for name in RIVALS},
    "sum": Trial("weighted sum", _SUM, {}),
    "no_refinement": Trial("no refinement", {**_SUM, "refine": False}, {"align_weight": 0.0}),
    "sum_later": Trial(
        "weighted sum, refinement trained later", {"dim": 256}, {"refine_epochs": 4}
    ),
    OURS: Trial(
        "attention, refinement trained later, settled",
        {"dim": 256, "attention": 2, "settle": True},
        {"refine_epochs": 4},
    ),
    "no_align": Trial("refinement without its loss", _SUM, {"align_weight": 0.0}),
}


def main() -> None:
    """Train and print the trials that are asked for."""
    parser = argparse.ArgumentParser("fusion.py", description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument(
        "--only", nargs="+", choices=[*TRIALS, PLAIN, "shipped"], default=list(TRIALS)
    )
    parser.add_argument("--test", action="store_true")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    found: dict[str, list[Errors]] = {name: [] for name in options.only}
    for seed in options.seeds:
        bench = bench_of(options.data, options.out, config_of(options.epochs, seed))
        rows = bench.ready.rows["test"] if options.test else _validation(bench)
        for name in options.only:
            found[name].append(errors(name, bench, rows))
    people = bench.ready.data.subject[rows.numpy()]
    for number, metric in enumerate(("MPJPE", "PA-MPJPE")):
        show(metric, {n: np.mean(each, axis=0)[number] for n, each in found.items()}, people)


def config_of(epochs: int, seed: int) -> TrainConfig:
    """The configuration of `mmfi_lite` with the paper's fusion, which trials change."""
    config = load_config(CONFIG)
    paper = {"gate": False, "attention": 0, "tasks": ("pose",), "classes": (), "settle": False}
    return replace(
        config,
        seed=seed,
        model=replace(config.model, **paper),
        meta=replace(config.meta, epochs=epochs, refine_epochs=0),
    )


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


def errors(name: str, bench: Bench, rows: Tensor) -> Errors:
    """Train a trial, or read it; its errors on `rows`."""
    begun = time.process_time()
    model = _made(OURS if name == PLAIN else name, bench)
    seconds = time.process_time() - begun
    size = sum(p.numel() for n, p in model.named_parameters() if not n.startswith("encoders."))
    Console().note(f"{name}, seed {bench.config.seed}: {size / 1e6:.2f} M, {seconds:.0f} CPU s")
    each: tuple[list[Array], list[Array]] = ([], [])
    for subset in subsets(model.config.modalities):
        refine = False if name == PLAIN else None
        out, kept = outputs_of(model, bench.clean, rows, subset, refine)
        joints, truth = out.joints.numpy(), bench.clean.joints[kept].numpy()
        each[0].append(1000 * mpjpe(joints, truth))
        each[1].append(1000 * pa_mpjpe(joints, truth))
    return np.stack([np.stack(part) for part in each])


def show(metric: str, found: Mapping[str, Array], people: NDArray[np.str_]) -> None:
    """Print errors (subsets, N) of each trial, means over seeds, and what `OURS` leads by."""
    say = Console().note
    say(f"{metric}, mm | " + " | ".join(subset_name(s) for s in subsets(PTAConfig().modalities)))
    for name, values in found.items():
        say(f"| {title_of(name)} | " + " | ".join(f"{v:.1f}" for v in values.mean(axis=1)))
    rivals = {n: values for n, values in found.items() if n in RIVALS}
    for name in (n for n in (OURS, PLAIN) if n in found and rivals):
        cells = (lead(own, [r[i] for r in rivals.values()], people)
                 for i, own in enumerate(found[name]))  # fmt: skip
        say(f"| {title_of(name)} - best rival (95 % over people) | " + " | ".join(cells))


def lead(own: Array, rivals: list[Array], people: NDArray[np.str_]) -> str:
    """Errors (N,) against those of the best rival, in words."""
    best = min(rivals, key=np.mean)
    found = paired_difference(own, best, people, np.random.default_rng(0))
    return f"{found.mean:+.1f} ({found.low:+.1f} to {found.high:+.1f})"


def title_of(name: str) -> str:
    """A trial in words."""
    if name == PLAIN:
        return "ours, plain features"
    return TRIALS[name].title if name in TRIALS else "shipped model, no gate"


def _made(name: str, bench: Bench) -> Projected:
    if name == "shipped":
        shipped = checkpoint.load(MODEL).model
        shipped.gate = None
        return shipped
    trial = TRIALS[name]
    return trial.make(bench) if trial.make else make_pta(name, trial.change, bench)


def _validation(bench: Bench) -> Tensor:
    """All frames of people on whom neither encoders nor fusions were trained, nor are tested."""
    used = torch.cat([bench.ready.rows[n] for n in ("train", "test")])
    return torch.tensor(sorted(set(bench.clean.rows.tolist()) - set(used.tolist())))


if __name__ == "__main__":
    raise SystemExit(run(main))
