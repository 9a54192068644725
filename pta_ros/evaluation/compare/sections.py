"""The sections of a comparison's pages, lists of paragraphs: empty with nothing to say."""

from __future__ import annotations

from collections.abc import Iterable

from pta_ros.evaluation.compare.bounds import (
    GATE,
    PTA,
)
from pta_ros.evaluation.compare.effects import Effect
from pta_ros.evaluation.compare.lead import lead_table
from pta_ros.evaluation.compare.records import Context
from pta_ros.evaluation.compare.slices import slice_table
from pta_ros.evaluation.compare.table import Table
from pta_ros.evaluation.compare.text import (
    contamination_table,
    corruption_table,
    coverage_table,
    metric_table,
    plain_table,
    worst_cases_table,
    worst_corruptions_table,
)
from pta_ros.metrics.evaluate import MPJPE, PA_MPJPE, Metric
from pta_ros.metrics.markdown import grid
from pta_ros.metrics.subsets import listed
from pta_ros.training.make_pta import UNGATED

#: What is said of an interval over fewer people than MANY.
FEW, MANY = " (rough: they are few)", 20


def incomplete(missing: Iterable[str]) -> list[str]:
    """What a comparison lacks, where it lacks anything."""
    note = "Not complete; what lacks a seed takes no part in comparisons:\n\n"
    lines = [f"- {gap}" for gap in missing]
    return [note + "\n".join(lines)] if lines else []


def provenance(context: Context, *of_task: tuple[str, str]) -> str:
    """How it was made; `of_task` are lines of the task alone."""
    machine = context.machine
    rows = [
        ("command", f"`{context.command}`"),
        *of_task,
        ("seeds of training", listed(context.seeds)),
        ("training", context.training),
        ("wall time of the evaluation", _duration(context.wall_s)),
        ("machine", f"{machine.cores} cores, {machine.cpu}, torch {machine.torch}"),
    ]
    return grid(["made with", ""], rows)


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min {rest} s"


def errors(
    table: Table, context: Context, mpjpe: list[str], pa_mpjpe: list[str], folder: str
) -> list[str]:
    """Both metrics of poses, and what ours is ahead by."""
    lone = " One seed has no deviation, shown as –." if len(table.seeds) == 1 else ""
    return [
        "## MPJPE",
        "How far joints are from the truth, mean ± standard deviation over the seeds, in mm: bold "
        "is the lowest mean before rounding, and a lead smaller than the deviations may be chance."
        + lone,
        metric_table(table, MPJPE),
        *lead(table, MPJPE, context),
        *mpjpe,
        f"![Error of every system in every subset]({folder}results_subsets.png)",
        "## PA-MPJPE",
        "The same after the best rotation, scale and shift of each pose, which leaves the error of "
        "posture alone.",
        metric_table(table, PA_MPJPE),
        *lead(table, PA_MPJPE, context),
        *pa_mpjpe,
    ]


def by_geometry(table: Table, context: Context) -> list[str]:
    """Of the wide world: errors by what the scenes were seen with."""
    if not context.slices:
        return []
    return [
        "## By camera, LiDAR and room",
        "MPJPE with all sensors in mm, mean over the rows of the scenes and over the seeds.",
        slice_table(table, context.slices, MPJPE, table.subsets[-1]),
    ]


def corrupted_sensor(table: Table) -> list[str]:
    """Of activities: what a corrupted sensor costs."""
    if not table.corruptions:
        return []
    return [
        "One sensor's windows corrupted, against doing without that sensor; above zero it would "
        "have been better to drop it. The worst subset of every system, then ours in every "
        "subset, without and with its gate; bold is the worst.",
        worst_corruptions_table(table),
        corruption_table(table, (UNGATED, GATE)),
    ]


def lead(table: Table, metric: Metric, context: Context) -> list[str]:
    """Ours against the best of the others, and how sure that is."""
    people = len(table.people)
    if people < 2:
        return []
    one, whom = ("scene", "scenes") if context.wide else ("person", "people")
    few = FEW if people < MANY else ""
    return [
        "Ours against the best of the others in each subset, means over the seeds of each "
        f"{one} in it; the interval is a bootstrap over {whom}{few}, bold what is ahead "
        "beyond it.",
        lead_table(table, GATE, metric, whom),
    ]


def effects(table: Table, columns: dict[str, list[Effect]], after: list[str]) -> list[str]:
    """What other sensors cost, sound and corrupted."""
    return [
        "## Contamination",
        "Change of the mean MPJPE when a modality is added to a subset, from means over the seeds; "
        "above zero it hurts, bold is the worst.",
        contamination_table(columns),
        "Worst cases of every system; the last two columns are explained below.",
        worst_cases_table(table),
        *after,
        "## A corrupted modality",
        "MPJPE with one modality corrupted against MPJPE without that modality, from means over "
        "the seeds; above zero it would have been better to drop it. A frozen "
        "sensor shows one frame again and again, which the live streams notice: where they do, it "
        "is left out with the gate, as in the live node; everything else is the model alone.",
        *(_corruptions(table) if table.corruptions else ["Not measured."]),
    ]


def _corruptions(table: Table) -> list[str]:
    return [
        "Every system in the subset in which the corruption harms it most, against doing without "
        "the modality: a system that hardly uses it loses little.",
        worst_corruptions_table(table),
        "Ours in every subset, without and with its gate; bold is the worst.",
        corruption_table(table, (UNGATED, GATE)),
    ]


def inside(table: Table, context: Context, folder: str) -> list[str]:
    """Of the systems themselves: refinement, deviations, joints, weights."""
    weights = (
        [
            "## Weights over training",
            "The modality weights that PTA learns, one line per seed.",
            f"![Modality weights over training]({folder}results_weights.png)",
        ]
        if context.histories
        else []
    )
    return [
        "## Refined against plain features",
        "The same trained PTA with diffusion-refined and with plain student features: MPJPE in mm, "
        "mean ± standard deviation over the seeds, the better before rounding in bold.",
        plain_table(table, PTA),
        "## Predicted deviations",
        "Share of coordinates within one / two predicted standard deviations, in %; calibrated "
        "would be 68 / 95.",
        coverage_table(table),
        "## Error per joint",
        "Where on the body the error lies, mean over the seeds.",
        f"![Error per joint]({folder}results_joints.png)",
        *weights,
    ]
