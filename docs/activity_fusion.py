"""Which fusion tells activities best: trials that each change one thing, on validation data.

    make_xrf55 data/xrf55 --preset bench --seed 0
    make_xrf55 data/xrf55_val --seed 0 --actions 1-55 --subjects 1,2,4-7,9,11-18 --repeats 11-14
    python docs/activity_fusion.py data/xrf55 data/xrf55_val --out FOLDER [--only TRIAL ...]

trains what is not trained yet, and prints the accuracy of each trial on the second tree, which
holds other repeats of the nine people of the training and six people of its own: no person and no
repeat of the test. All trials see the same features of the same frozen encoders, with the budget
of config/xrf55_activity.yaml. docs/activity_fusion.md tells what came out. Everything is synthetic.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from pta_ros.cli import run
from pta_ros.cli.train_pta import Console
from pta_ros.datasets import open_tree
from pta_ros.datasets.feature_set import FeatureSet
from pta_ros.datasets.features import cache_features
from pta_ros.datasets.reduced import reduce_tree
from pta_ros.metrics.evaluate import outputs_of
from pta_ros.metrics.paired import paired_difference
from pta_ros.metrics.subsets import subset_name, subsets
from pta_ros.model.projector import Projected
from pta_ros.training.config import TrainConfig, load_config
from pta_ros.training.make_bench import make_bench
from pta_ros.training.make_pta import UNGATED, make_pta
from pta_ros.training.makers import Bench
from pta_ros.training.systems import BY_TASK, as_published, without_diffusion

CONFIG = Path(__file__).resolve().parent.parent / "config/xrf55_activity.yaml"
#: What is compared with the best of what.
OURS, RIVALS = "ours", ("mutual", "xfi", "slots", "pta")

Right = NDArray[np.float64]
Change = Callable[[TrainConfig], TrainConfig]


def changed(config: TrainConfig, meta: dict[str, Any], **model: Any) -> TrainConfig:
    """A configuration with other settings of the model and of the main stage."""
    return replace(config, model=replace(config.model, **model), meta=replace(config.meta, **meta))


#: The rate that all systems had before.
_FAST = {"learning_rate": 2e-3}
TRIALS: dict[str, Change] = {
    OURS: lambda config: config,
    "ours_fast": lambda config: changed(config, _FAST),
    "ours_not_corrupted": lambda config: changed(config, {"corrupt": {}}),
    "pta_fast": lambda config: changed(as_published(config), _FAST),
    "no_diffusion": without_diffusion,
    "own_no_diffusion": lambda config: changed(without_diffusion(config), {}, own_heads=True),
    "attention_no_diffusion": lambda config: changed(
        without_diffusion(config), {}, own_heads=True, attention=2
    ),
}


def main() -> None:
    """Train and print the trials that are asked for."""
    parser = argparse.ArgumentParser("activity_fusion.py", description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("validation", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    known = [*RIVALS, *TRIALS]
    parser.add_argument("--only", nargs="+", choices=known, default=known)
    options = parser.parse_args()
    console = Console()
    bench = make_bench(
        load_config(CONFIG), options.data, options.out, options.out / "cache", console,
        corrupt=False,
    )  # fmt: skip
    seen, people = validation(bench, options.validation, options.out)
    found = {name: tested(name, bench, seen) for name in options.only}
    console.note("accuracy, % | " + " | ".join(map(subset_name, subsets(tuple(bench.singles)))))
    for name, right in found.items():
        console.note(f"| {name} | " + " | ".join(f"{x:.1f}" for x in right.mean(axis=1)))
    rivals = [found[name] for name in RIVALS if name in found]
    if OURS in found and rivals:
        cells = (lead(own, [r[i] for r in rivals], people) for i, own in enumerate(found[OURS]))
        console.note("| ours - best rival (95 % over people) | " + " | ".join(cells))


def validation(bench: Bench, root: Path, out: Path) -> tuple[FeatureSet, NDArray[np.str_]]:
    """Features of all samples of another tree, and whom they show (N,)."""
    console, sensors = Console(), bench.ready.sensors
    data = reduce_tree(
        open_tree(root, sensors), sensors, out / "cache", progress=console.progress("reduce")
    )
    encoders = {m: single.encoder for m, single in bench.singles.items()}
    model = bench.config.model
    seen = cache_features(
        encoders, model.channels, data, out / "features", position_points=model.tokens,
        progress=console.progress("encode"),
    )  # fmt: skip
    return seen, data.subject


def tested(name: str, bench: Bench, seen: FeatureSet) -> Right:
    """Train a trial, or read it; 100 where it is right, by subset and sample."""
    begun = time.process_time()
    model = made(name, bench)
    seconds = time.process_time() - begun
    Console().note(f"{name}: {seconds:.0f} CPU s")
    rows, found = torch.arange(len(seen.rows)), []
    for subset in subsets(model.config.modalities):
        out, kept = outputs_of(model, seen, rows, subset)
        found.append(100.0 * (out.logits.argmax(dim=1) == seen.labels[kept]).double().numpy())
    return np.stack(found)


def made(name: str, bench: Bench) -> Projected:
    """The trained system of a trial."""
    if name in TRIALS:  # ours is trained as train_pta does it
        return make_pta(UNGATED if name == OURS else f"trial_{name}", TRIALS[name], bench)
    return BY_TASK["activity"][name].make(bench)


def lead(own: Right, rivals: list[Right], people: NDArray[np.str_]) -> str:
    """Ours against the best rival, in words."""
    best = max(rivals, key=np.mean)
    found = paired_difference(own, best, people, np.random.default_rng(0))
    return f"{found.mean:+.1f} ({found.low:+.1f} to {found.high:+.1f})"


if __name__ == "__main__":
    raise SystemExit(run(main))
