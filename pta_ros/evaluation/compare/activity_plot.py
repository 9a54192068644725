"""Confusion as a picture and as a table: which activities are taken for which."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from pta_ros.metrics.activity import ActivityResult


def draw_confusion(result: ActivityResult, classes: Sequence[str], title: str, path: Path) -> None:
    """Draw one subset's confusion as a PNG: each row is a true class, in shares of its samples."""
    counts = np.asarray(result.confusion, dtype=np.float64)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1.0)
    side = 3.0 + 0.17 * len(classes)
    figure = Figure(figsize=(side, side), layout="constrained")
    axis = figure.add_subplot()
    image = axis.imshow(shares, cmap="Blues", vmin=0.0, vmax=1.0)
    places = range(len(classes))
    axis.set_xticks(places, classes, rotation=90, fontsize=6)
    axis.set_yticks(places, classes, fontsize=6)
    axis.set_xlabel("answer")
    axis.set_ylabel("truth")
    axis.set_title(f"{title}\n{result.subset}, {result.accuracy:.1f} % of {result.samples}")
    figure.colorbar(image, ax=axis, shrink=0.6, label="share of the true class")
    figure.savefig(path, dpi=110)


def write_confusion(result: ActivityResult, classes: Sequence[str], path: Path) -> None:
    """Write one subset's confusion as CSV: counts, a row per true class, a column per answer."""
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["truth", *classes])
        rows.writerows([name, *row] for name, row in zip(classes, result.confusion, strict=True))
