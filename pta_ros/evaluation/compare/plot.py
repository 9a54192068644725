"""The comparison's pictures: error per subset, error per joint, weights over training."""

from __future__ import annotations

from itertools import cycle
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from pta_ros.evaluation.compare.table import COMPARED, Context, Table
from pta_ros.sensors import SENSORS
from pta_ros.skeleton import JOINT_NAMES, LIMBS

#: Okabe and Ito's colours and greys; the two systems of interest are the strongest.
_SYSTEM_COLOURS = {
    "base1": "#C4C4C4",
    "base2": "#8C8C8C",
    "xfi": "#E69F00",
    "pta_no_diffusion": "#56B4E9",
    "pta_no_meta": "#CC79A7",
    "pta": "#0072B2",
    "pta_gate": "#D55E00",
}
_SHORT = {
    "base1": "Base.1",
    "base2": "Base.2",
    "xfi": "X-Fi",
    "pta_no_diffusion": "no diffusion",
    "pta_no_meta": "no meta weights",
    "pta": "PTA",
    "pta_gate": "ours",
}
_MARKERS = {"xfi": "^", "pta": "o", "pta_gate": "D"}
#: A page of about 900 pixels shows this at half its size: still legible.
_WIDTH_IN, _DPI = 10.0, 160


def draw(table: Table, context: Context, folder: Path) -> list[Path]:
    """Draw all pictures into `folder` (PNG); weights only when their history is known."""
    data = context.data.kind
    paths = [folder / "results_subsets.png", folder / "results_joints.png"]
    draw_subsets(table, data, paths[0])
    draw_joints(table, data, paths[1])
    if context.histories:
        paths.append(folder / "results_weights.png")
        draw_weights(table, context, data, paths[2])
    return paths


def _figure(height_in: float, title: str) -> Figure:
    figure = Figure(figsize=(_WIDTH_IN, height_in), layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(title, fontsize=12, fontweight="bold")
    return figure


def draw_subsets(table: Table, data: str, path: Path) -> None:
    """Bars of MPJPE per subset, with deviations over the seeds and PA-MPJPE as a mark."""
    figure = _figure(6.2, f"Error in every subset of modalities, each with its own scale — {data}")
    grid: Any = figure.subplots(2, (len(table.subsets) + 2) // 2, squeeze=False)
    axes = grid.flatten()
    for number, (axis, subset) in enumerate(zip(axes, table.subsets, strict=False)):
        _bars(axis, table, subset)
        named = number % grid.shape[1] == 0
        axis.set_yticks(range(len(COMPARED)), [_SHORT[s] if named else "" for s in COMPARED])
    for axis in axes[len(table.subsets) :]:
        axis.axis("off")
    axes[-1].legend(handles=_bar_legend(table), loc="center", fontsize=9, frameon=False)
    figure.savefig(path, dpi=_DPI)


def _bars(axis: Axes, table: Table, subset: str) -> None:
    best, reach = table.best("mpjpe_mm", subset), 0.0
    for row, system in enumerate(COMPARED):
        cell = table.cell(system, subset)
        if cell is None:
            axis.annotate(
                "not run", (0, row), (3, 0), textcoords="offset points", va="center", fontsize=8.5
            )
            continue
        mean, deviation = cell.mean("mpjpe_mm"), cell.deviation("mpjpe_mm")
        whole = cell.seeds == table.seeds
        axis.barh(
            row, mean, 0.78, color=_SYSTEM_COLOURS[system],
            hatch="" if whole else "///", edgecolor="white", lw=0,
        )  # fmt: skip
        if deviation is not None:
            axis.errorbar(mean, row, xerr=deviation, color="#222222", lw=1, capsize=2)
        axis.plot(cell.mean("pa_mpjpe_mm"), row, "d", color="white", mec="#222222", ms=5, mew=0.9)
        end = mean + (deviation or 0.0)
        reach = max(reach, end)
        weight = "bold" if system in best else "normal"
        axis.annotate(
            f"{mean:.1f}", (end, row), (4, 0), textcoords="offset points",
            va="center", fontsize=8.5, fontweight=weight,
        )  # fmt: skip
    axis.set_xlim(0, 1.32 * reach or 1.0)
    axis.set_ylim(len(COMPARED) - 0.4, -0.6)
    axis.set_title(subset.replace("+", " + "), fontsize=10)
    axis.tick_params(labelsize=8.5)
    axis.set_xlabel("mm", fontsize=8.5)
    axis.spines[["top", "right"]].set_visible(False)


def _bar_legend(table: Table) -> list[Any]:
    handles: list[Any] = [
        Patch(facecolor="#777777", label="MPJPE, mean over seeds\n(best in bold figures)"),
        Line2D([], [], color="#222222", lw=1, label="± standard deviation"),
        Line2D([], [], ls="", marker="d", mfc="white", mec="#222222", ms=6, label="PA-MPJPE"),
    ]
    if not _whole(table):
        label = "not all seeds were run"
        handles.append(Patch(facecolor="#777777", hatch="///", edgecolor="white", label=label))
    return handles


def _whole(table: Table) -> bool:
    """Whether every clean cell that was measured has all seeds."""
    return all(cell.seeds == table.seeds for key, cell in table.cells.items() if key[2] is None)


def draw_joints(table: Table, data: str, path: Path) -> None:
    """Error of every joint for X-Fi, PTA and ours: single modalities and all together."""
    shown = [*table.modalities, table.subsets[-1]]
    figure = _figure(6.6, f"Error per joint, each panel with its own scale — {data}")
    axes: Any = figure.subplots(1, len(shown), sharey=True, squeeze=False)[0]
    order = [joint for limb in LIMBS.values() for joint in limb]
    for axis, subset in zip(axes, shown, strict=True):
        _joints(axis, table, subset, order)
    axes[0].set_yticks(range(len(order)), [JOINT_NAMES[j].replace("_", " ") for j in order])
    axes[0].set_ylim(len(order) - 0.4, -0.6)
    handles = [
        Line2D([], [], ls="", marker=mark, color=_SYSTEM_COLOURS[s], ms=7, label=COMPARED[s])
        for s, mark in _MARKERS.items()
    ]
    if not _whole(table):
        label = "hollow: not all seeds were run"
        hollow = Line2D([], [], ls="", marker="o", ms=7, mfc="white", mec="#444444", label=label)
        handles.append(hollow)
    figure.legend(handles=handles, loc="outside lower center", ncols=4, fontsize=9.5, frameon=False)
    figure.savefig(path, dpi=_DPI)


def _joints(axis: Axes, table: Table, subset: str, order: list[int]) -> None:
    for number, (system, mark) in enumerate(_MARKERS.items()):
        cell = table.cell(system, subset)
        if cell is not None:
            errors = cell.per_joint_mm()
            colour = _SYSTEM_COLOURS[system]
            hollow = cell.seeds != table.seeds
            rows = [row + 0.26 * (number - 1) for row in range(len(order))]
            axis.plot(
                [errors[j] for j in order], rows, mark, color=colour, ms=5,
                mfc="white" if hollow else colour, mec=colour if hollow else "white", mew=0.6,
            )  # fmt: skip
    edge = -0.5
    for limb in list(LIMBS.values())[:-1]:
        edge += len(limb)
        axis.axhline(edge, color="#BBBBBB", lw=0.8)
    axis.set_xlim(left=0)
    axis.set_title(subset.replace("+", " + "), fontsize=10)
    axis.set_xlabel("error (mm)", fontsize=9)
    axis.tick_params(labelsize=9)
    axis.grid(axis="x", alpha=0.3)
    axis.spines[["top", "right"]].set_visible(False)


def draw_weights(table: Table, context: Context, data: str, path: Path) -> None:
    """Weight of each modality after each epoch, one line per seed."""
    figure = _figure(3.6, f"Modality weights over training (PTA) — {data}")
    axis = figure.subplots()
    colours = {name: SENSORS[name].colour for name in table.modalities}
    styles = dict(zip(sorted(context.histories), cycle(("-", "--", ":", "-.")), strict=False))
    for seed, history in sorted(context.histories.items()):
        for modality, weights in history.items():
            epochs = range(1, len(weights) + 1)
            axis.plot(epochs, weights, color=colours[modality], ls=styles[seed], lw=1.8)
    handles = [Line2D([], [], color=c, lw=3, label=m) for m, c in colours.items()]
    handles += [
        Line2D([], [], color="#444444", ls=style, label=f"seed {seed}")
        for seed, style in styles.items()
    ]
    axis.legend(handles=handles, loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False)
    axis.set_ylim(0, 1)
    axis.set_xlabel("epoch")
    axis.set_ylabel("weight")
    axis.grid(alpha=0.3)
    axis.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=_DPI)
