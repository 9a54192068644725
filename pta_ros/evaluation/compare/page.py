"""The comparison as pages of text: the run's own report, and those in docs/ with the paper's."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pta_ros.evaluation.compare import paper
from pta_ros.evaluation.compare.bounds import (
    GATE,
    PTA,
    SPLITS,
    activity_bounds,
    gaps,
    pose_bounds,
)
from pta_ros.evaluation.compare.effects import Effect, contamination_of
from pta_ros.evaluation.compare.lead import lead_table
from pta_ros.evaluation.compare.records import ActivityRecord, Context, PoseRecord
from pta_ros.evaluation.compare.slices import slice_table
from pta_ros.evaluation.compare.table import Table, tabulate
from pta_ros.evaluation.compare.text import (
    contamination_table,
    corruption_table,
    coverage_table,
    metric_table,
    plain_table,
    worst_cases_table,
    worst_corruptions_table,
)
from pta_ros.metrics.evaluate import ACCURACY, MPJPE, PA_MPJPE, Metric
from pta_ros.metrics.markdown import bounds_table, grid
from pta_ros.metrics.subsets import listed
from pta_ros.training.make_pta import UNGATED

#: What is said of an interval over fewer people than MANY.
FEW, MANY = " (rough: they are few)", 20


def pose_page(records: Sequence[PoseRecord], context: Context, docs: bool = False) -> str:
    """results.md: the run's own report, with pictures beside it.

    `docs`: the page of docs/, with pictures in images/ (`images_of`), and the paper's tables where
    the modalities are the paper's.
    """
    table = tabulate(records, context.seeds)
    effects = {table.titles[s]: contamination_of(table, s) for s in (PTA, GATE)}
    mpjpe, pa_mpjpe, cases = list[str](), list[str](), list[str]()
    folder = f"{images_of(context)}/" if docs else ""
    if docs and table.modalities == paper.MODALITIES:
        mpjpe, pa_mpjpe, cases = (
            paper.mpjpe_text(),
            paper.pa_mpjpe_text(),
            paper.contamination_text(),
        )
        title = "PTA in the paper, on MM-Fi"
        effects[title] = paper.contamination_of(paper.TABLE_1_MPJPE_MM, PTA)
    parts = [
        *_head(table, context),
        *_errors(table, context, mpjpe, pa_mpjpe, folder),
        *_by_geometry(table, context),
        *_effects(table, effects, cases),
        *_inside(table, context, folder),
    ]
    return "\n\n".join(parts) + "\n"


def images_of(context: Context) -> str:
    """The folder in docs/ of a comparison's pictures: those of the wide world have their own."""
    return "images/wide" if context.wide else "images"


def split_tables(records: Sequence[ActivityRecord], context: Context) -> dict[str, Table]:
    """The tables of activities: split -> table."""
    of_split = {split: [r for r in records if r.split == split] for split in SPLITS}
    return {split: tabulate(own, context.seeds) for split, own in of_split.items() if own}


def activity_page(records: Sequence[ActivityRecord], context: Context) -> str:
    """The report of activities, activities.md, and the paper's figures where it has some."""
    tables = split_tables(records, context)
    missing = [f"{SPLITS[split].capitalize()}: {gap}" for split, table in tables.items()
               for gap in gaps(table, context.samples[split])]  # fmt: skip
    parts = [
        "# Activity recognition compared",
        f"**Measured on {context.data.kind}.** Accuracy in percent, "
        "mean ± standard deviation over the seeds; bold: the best mean of a row.",
        _provenance(
            context,
            ("samples", ", ".join(f"{n} {count}" for n, count in context.samples.items())),
            ("held-out people", " ".join(context.subjects)),
            ("ours", context.ours),
        ),
        *_incomplete(missing),
        "## Bounds",
        bounds_table(activity_bounds(tables)),
    ]
    for split, table in tables.items():
        parts += [f"## {SPLITS[split].capitalize()}", metric_table(table, ACCURACY)]
        parts += _lead(table, ACCURACY, context)
        parts += _corrupted_sensor(table)
    if any(table.modalities == paper.ACTIVITY_MODALITIES for table in tables.values()):
        parts += ["## The paper's own numbers, on recordings of XRF55", paper.accuracy_table()]
    return "\n\n".join(parts) + "\n"


def _head(table: Table, context: Context) -> list[str]:
    note = (
        "**Everything measured here is on synthetic data**, simulated people who took no part in "
        "training; it says how the systems compare, not how well they do on real recordings."
        if context.data.synthetic
        else "Measured on recorded people who took no part in training."
    )
    data = context.data
    made = f"`make_mmfi` preset {data.preset}, data seed {data.seed}" if data.synthetic else "given"
    return [
        "# Fusion systems compared",
        note,
        _provenance(
            context,
            ("data", f"{data.kind}: {made}"),
            ("test frames", f"{context.frames}, of {_whose(context)}"),
            ("ours", context.ours),
            ("always the mean pose", f"{context.mean_pose_mm:.1f} mm"),
        ),
        *_incomplete(gaps(table, context.frames)),
        "## Bounds",
        "What was asked for, judged on means over all seeds; what was not measured is missed.",
        bounds_table(pose_bounds(table)),
    ]


def _whose(context: Context) -> str:
    if context.wide:
        return (
            f"{len(context.subjects)} scenes: a row for each person in each frame; a subset has "
            "those whom all of its sensors see, so subsets are not of the same rows"
        )
    return f"subjects {' '.join(context.subjects)}"


def _incomplete(missing: Iterable[str]) -> list[str]:
    note = "Not complete; what lacks a seed takes no part in comparisons:\n\n"
    lines = [f"- {gap}" for gap in missing]
    return [note + "\n".join(lines)] if lines else []


def _provenance(context: Context, *of_task: tuple[str, str]) -> str:
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


def _errors(
    table: Table, context: Context, mpjpe: list[str], pa_mpjpe: list[str], folder: str
) -> list[str]:
    lone = " One seed has no deviation, shown as –." if len(table.seeds) == 1 else ""
    return [
        "## MPJPE",
        "How far joints are from the truth, mean ± standard deviation over the seeds, in mm: bold "
        "is the lowest mean before rounding, and a lead smaller than the deviations may be chance."
        + lone,
        metric_table(table, MPJPE),
        *_lead(table, MPJPE, context),
        *mpjpe,
        f"![Error of every system in every subset]({folder}results_subsets.png)",
        "## PA-MPJPE",
        "The same after the best rotation, scale and shift of each pose, which leaves the error of "
        "posture alone.",
        metric_table(table, PA_MPJPE),
        *_lead(table, PA_MPJPE, context),
        *pa_mpjpe,
    ]


def _by_geometry(table: Table, context: Context) -> list[str]:
    if not context.slices:
        return []
    return [
        "## By camera, LiDAR and room",
        "MPJPE with all sensors in mm, mean over the rows of the scenes and over the seeds.",
        slice_table(table, context.slices, MPJPE, table.subsets[-1]),
    ]


def _corrupted_sensor(table: Table) -> list[str]:
    if not table.corruptions:
        return []
    return [
        "One sensor's windows corrupted, against doing without that sensor; above zero it would "
        "have been better to drop it. The worst subset of every system, then ours in every "
        "subset, without and with its gate; bold is the worst.",
        worst_corruptions_table(table),
        corruption_table(table, (UNGATED, GATE)),
    ]


def _lead(table: Table, metric: Metric, context: Context) -> list[str]:
    """Ours against the best of the others, and how sure that is."""
    people = len(table.people)
    if people < 2:
        return []
    whom, few = "scenes" if context.wide else "people", FEW if people < MANY else ""
    return [
        f"Ours against the best of the others in each subset, means over the seeds of each of "
        f"{people} {whom}; the interval is a bootstrap over them{few}, bold what is ahead beyond "
        "it.",
        lead_table(table, GATE, metric, whom),
    ]


def _effects(table: Table, columns: dict[str, list[Effect]], after: list[str]) -> list[str]:
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


def _inside(table: Table, context: Context, folder: str) -> list[str]:
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
