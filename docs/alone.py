"""What each sensor alone gains by the training of the fusion, against its own pre-training.

`python docs/alone.py DATA --run FOLDER [--model FOLDER] [--test]` reads what train_pta left in
FOLDER and trains nothing. For each sensor alone it prints the error, or the accuracy, of the model
that its encoder was pre-trained as, of the finished model, and the difference with an interval over
people. It takes people, or for activities repeats, of validation; with `--test` those of the test.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

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
from pta_ros.metrics.pose import mpjpe
from pta_ros.metrics.subsets import spaced, subset_name, subsets
from pta_ros.model.projector import Projected
from pta_ros.training.config import config_from
from pta_ros.training.make_bench import make_bench
from pta_ros.training.makers import Bench, make_mean_of_predictions

#: What is printed: groups of the splits' rows, by whether the test is asked for.
GROUPS = {False: (("meta_val", "val"),), True: (("test",), ("unseen",))}

Array = NDArray[np.float64]


def main() -> None:
    """Print a table for each group of rows that the data have."""
    parser = argparse.ArgumentParser("alone.py", description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--model", type=Path, help="default: the run's")
    parser.add_argument("--test", action="store_true")
    options = parser.parse_args()
    bench = bench_of(options.data, options.run)
    model = checkpoint.load(options.model or options.run / "model").model
    aligned = features_of(model, bench, options.run)
    for names in GROUPS[options.test]:
        if all(name in bench.ready.rows for name in names):
            rows = torch.cat([bench.ready.rows[name] for name in names])
            for line in table(bench, model, aligned, rows, " and ".join(names)):
                Console().note(line)


def bench_of(root: Path, folder: Path) -> Bench:
    """The finished run's data, and its encoders as they were pre-trained."""
    config = config_from(json.loads((folder / "config.json").read_text()))
    return make_bench(config, root, folder, folder / "cache", Console(), corrupt=False, train=False)


def features_of(model: Projected, bench: Bench, folder: Path) -> FeatureSet:
    """All frames as the finished model's own encoders see them."""
    return cache_features(
        dict(model.get_submodule("encoders").named_children()), model.config.channels,
        bench.ready.data, folder / "features", position_points=model.config.tokens,
    )  # fmt: skip


def table(
    bench: Bench, model: Projected, aligned: FeatureSet, rows: Tensor, title: str
) -> Iterator[str]:
    """Lines: every subset after the fusion's training; of each sensor alone as pre-trained, too."""
    before, people = make_mean_of_predictions(bench), bench.ready.data.subject
    unit = "MPJPE, mm" if model.config.has("pose") else "accuracy, %"
    yield f"| {title}, {unit} | pre-trained | aligned | difference | 95 % over people |"
    yield "|---|---|---|---|---|"
    for subset in subsets(model.config.modalities):
        now, kept = told(model, aligned, rows, subset)
        cells = ["", f"{now.mean():.1f}", "", ""]
        if len(subset) == 1:
            own, _ = told(before, bench.clean, rows, subset)
            found = paired_difference(now, own, people[kept.numpy()], np.random.default_rng(0))
            interval = f"{found.low:+.1f} to {found.high:+.1f}"
            cells = [f"{own.mean():.1f}", cells[1], f"{found.mean:+.1f}", interval]
        yield f"| {spaced(subset_name(subset))} | " + " | ".join(cells) + " |"


def told(
    model: Projected, data: FeatureSet, rows: Tensor, subset: tuple[str, ...]
) -> tuple[Array, Tensor]:
    """Errors in mm, or 100 where right, of the rows that have a subset; and those rows."""
    out, kept = outputs_of(model, data, rows, subset)
    truth = data.truth(kept)
    if model.config.has("pose"):
        return 1000 * mpjpe(out.joints.numpy(), truth.joints.numpy()), kept
    return 100.0 * (out.logits.argmax(dim=1) == truth.labels).numpy(), kept


if __name__ == "__main__":
    raise SystemExit(run(main))
