"""The comparison's pictures: error per subset and joint, weights over training, confusions."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from pta_ros.evaluation.compare.records import Context
from pta_ros.evaluation.compare.table import Table
from pta_ros.metrics.evaluate import MPJPE, PA_MPJPE, ActivityResult
from pta_ros.metrics.subsets import spaced
from pta_ros.sensors import SENSORS
from pta_ros.skeleton import JOINT_NAMES, LIMBS
from pta_ros.training.systems import SYSTEMS

#: The systems whose joints are drawn, and their marks.
_MARKERS = {"xfi": "^", "pta": "o", "pta_gate": "D"}
#: A page of about 900 pixels shows this at half its size: still legible.
_WIDTH_IN, _DPI = 10.0, 160
_SMALL = 8.5  # points of a font
_INK = "#222222"


def draw(table: Table, context: Context, folder: Path) -> list[Path]:
    """Draw all pictures of poses into `folder` (PNG); weights only when their history is known."""
    kind, paths = context.data.kind, []
    pictures: list[tuple[str, float, str, Callable[[Figure], None]]] = [
        ("subsets", 6.2, "Error in every subset of modalities, each with its own scale",
         lambda figure: _subsets(figure, table)),
        ("joints", 6.6, "Error per joint, each panel with its own scale",
         lambda figure: _joints(figure, table)),
        ("weights", 3.6, "Modality weights over training (PTA)",
         lambda figure: _weights(figure, context.histories)),
    ]  # fmt: skip
    for name, height_in, title, fill in pictures[: 3 if context.histories else 2]:
        figure = Figure(figsize=(_WIDTH_IN, height_in), layout="constrained")
        figure.suptitle(f"{title} — {kind}", fontsize=12, fontweight="bold")
        fill(figure)
        paths.append(folder / f"results_{name}.png")
        figure.savefig(paths[-1], dpi=_DPI)
    return paths


def _style(axis: Axes, title: str, label: str, size: float) -> None:
    axis.set_title(title, fontsize=10)
    axis.set_xlabel(label, fontsize=size)
    axis.tick_params(labelsize=size)
    axis.spines[["top", "right"]].set_visible(False)


def _whole(table: Table) -> bool:
    """Whether every clean cell that was measured has all seeds."""
    return all(cell.seeds == table.seeds for key, cell in table.cells.items() if key[2] is None)


def _subsets(figure: Figure, table: Table) -> None:
    """Bars of MPJPE per subset, with deviations over the seeds and PA-MPJPE as a mark."""
    grid: Any = figure.subplots(2, (len(table.subsets) + 2) // 2, squeeze=False)
    axes, names = grid.flatten(), [SYSTEMS[s].short for s in table.compared]
    for number, (axis, subset) in enumerate(zip(axes, table.subsets, strict=False)):
        _bars(axis, table, subset)
        named = number % grid.shape[1] == 0
        axis.set_yticks(range(len(names)), names if named else [""] * len(names))
    for axis in axes[len(table.subsets) :]:
        axis.axis("off")
    handles: list[Any] = [
        Patch(facecolor="#777777", label="MPJPE, mean over seeds\n(best in bold figures)"),
        Line2D([], [], color=_INK, lw=1, label="± standard deviation"),
        Line2D([], [], ls="", marker="d", mfc="white", mec=_INK, ms=6, label="PA-MPJPE"),
    ]
    if not _whole(table):
        label = "not all seeds were run"
        handles.append(Patch(facecolor="#777777", hatch="///", edgecolor="white", label=label))
    axes[-1].legend(handles=handles, loc="center", fontsize=9, frameon=False)


def _bars(axis: Axes, table: Table, subset: str) -> None:
    best, reach = table.best(subset), 0.0
    beside: Any = {"textcoords": "offset points", "va": "center", "fontsize": _SMALL}
    for row, system in enumerate(table.compared):
        cell = table.cell(system, subset)
        if cell is None:
            axis.annotate("not run", (0, row), (3, 0), **beside)
            continue
        mean, deviation = cell.mean(MPJPE), MPJPE.deviation(cell.values(MPJPE))
        hatch = "" if cell.seeds == table.seeds else "///"
        colour = SYSTEMS[system].colour
        axis.barh(row, mean, 0.78, color=colour, hatch=hatch, edgecolor="white", lw=0)
        if deviation is not None:
            axis.errorbar(mean, row, xerr=deviation, color=_INK, lw=1, capsize=2)
        axis.plot(cell.mean(PA_MPJPE), row, "d", color="white", mec=_INK, ms=5, mew=0.9)
        end = mean + (deviation or 0.0)
        reach = max(reach, end)
        weight = "bold" if system in best else "normal"
        axis.annotate(f"{mean:.1f}", (end, row), (4, 0), fontweight=weight, **beside)
    axis.set_xlim(0, 1.32 * reach or 1.0)
    axis.set_ylim(len(table.compared) - 0.4, -0.6)
    _style(axis, spaced(subset), "mm", _SMALL)


def _joints(figure: Figure, table: Table) -> None:
    """Error of every joint for X-Fi, PTA and ours: single modalities and all together."""
    shown = [*table.modalities, table.subsets[-1]]
    axes: Any = figure.subplots(1, len(shown), sharey=True, squeeze=False)[0]
    order = [joint for limb in LIMBS.values() for joint in limb]
    for axis, subset in zip(axes, shown, strict=True):
        _joint_marks(axis, table, subset, order)
    axes[0].set_yticks(range(len(order)), [JOINT_NAMES[j].replace("_", " ") for j in order])
    axes[0].set_ylim(len(order) - 0.4, -0.6)
    mark: Any = {"ls": "", "ms": 7}
    handles = [
        Line2D([], [], marker=m, color=SYSTEMS[s].colour, label=SYSTEMS[s].title, **mark)
        for s, m in _MARKERS.items()
    ]
    if not _whole(table):
        label = "hollow: not all seeds were run"
        handles.append(Line2D([], [], marker="o", mfc="white", mec="#444444", label=label, **mark))
    figure.legend(handles=handles, loc="outside lower center", ncols=4, fontsize=9.5, frameon=False)


def _joint_marks(axis: Axes, table: Table, subset: str, order: list[int]) -> None:
    for number, (system, mark) in enumerate(_MARKERS.items()):
        cell = table.cell(system, subset)
        if cell is not None:
            errors, colour = cell.per_joint_mm(), SYSTEMS[system].colour
            face, edge = (colour, "white") if cell.seeds == table.seeds else ("white", colour)
            rows = [row + 0.26 * (number - 1) for row in range(len(order))]
            values = [errors[j] for j in order]
            axis.plot(values, rows, mark, color=colour, ms=5, mfc=face, mec=edge, mew=0.6)
    border = -0.5
    for limb in list(LIMBS.values())[:-1]:
        border += len(limb)
        axis.axhline(border, color="#BBBBBB", lw=0.8)
    axis.set_xlim(left=0)
    axis.grid(axis="x", alpha=0.3)
    _style(axis, spaced(subset), "error (mm)", 9)


def _weights(figure: Figure, histories: Mapping[int, Mapping[str, Sequence[float]]]) -> None:
    """Weight of each modality after each epoch, one line per seed."""
    axis = figure.subplots()
    modalities = next(iter(histories.values()))
    styles = dict(zip(sorted(histories), cycle(("-", "--", ":", "-.")), strict=False))
    for seed, history in sorted(histories.items()):
        for modality, weights in history.items():
            epochs, colour = range(1, len(weights) + 1), SENSORS[modality].colour
            axis.plot(epochs, weights, color=colour, ls=styles[seed], lw=1.8)
    handles = [Line2D([], [], color=SENSORS[m].colour, lw=3, label=m) for m in modalities]
    handles += [
        Line2D([], [], color="#444444", ls=style, label=f"seed {seed}")
        for seed, style in styles.items()
    ]
    axis.legend(handles=handles, loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False)
    axis.set_ylim(0, 1)
    axis.set_ylabel("weight")
    axis.grid(alpha=0.3)
    _style(axis, "", "epoch", 10)


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
