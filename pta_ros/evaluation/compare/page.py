"""The comparison as pages of text: the run's own report, and those in docs/ with the paper's."""

from __future__ import annotations

from collections.abc import Sequence

from pta_ros.evaluation.compare import paper
from pta_ros.evaluation.compare.bounds import (
    GATE,
    PTA,
    SPLITS,
    activity_bounds,
    gaps,
    pose_bounds,
)
from pta_ros.evaluation.compare.effects import contamination_of
from pta_ros.evaluation.compare.records import ActivityRecord, Context, PoseRecord
from pta_ros.evaluation.compare.sections import (
    by_geometry,
    corrupted_sensor,
    effects,
    errors,
    incomplete,
    inside,
    lead,
    provenance,
)
from pta_ros.evaluation.compare.table import Table, tabulate
from pta_ros.evaluation.compare.text import metric_table
from pta_ros.metrics.evaluate import ACCURACY
from pta_ros.metrics.markdown import bounds_table


def pose_page(records: Sequence[PoseRecord], context: Context, docs: bool = False) -> str:
    """results.md: the run's own report, with pictures beside it.

    `docs`: the page of docs/, with pictures in images/ (`images_of`), and the paper's tables where
    the modalities are the paper's.
    """
    table = tabulate(records, context.seeds)
    costs = {table.titles[s]: contamination_of(table, s) for s in (PTA, GATE)}
    mpjpe, pa_mpjpe, cases = list[str](), list[str](), list[str]()
    folder = f"{images_of(context)}/" if docs else ""
    if docs and table.modalities == paper.MODALITIES:
        mpjpe, pa_mpjpe, cases = (
            paper.mpjpe_text(),
            paper.pa_mpjpe_text(),
            paper.contamination_text(),
        )
        title = "PTA in the paper, on MM-Fi"
        costs[title] = paper.contamination_of(paper.TABLE_1_MPJPE_MM, PTA)
    parts = [
        *_head(table, context),
        *errors(table, context, mpjpe, pa_mpjpe, folder),
        *by_geometry(table, context),
        *effects(table, costs, cases),
        *inside(table, context, folder),
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
        provenance(
            context,
            ("samples", ", ".join(f"{n} {count}" for n, count in context.samples.items())),
            ("held-out people", " ".join(context.subjects)),
            ("ours", context.ours),
        ),
        *incomplete(missing),
        "## Bounds",
        bounds_table(activity_bounds(tables)),
    ]
    for split, table in tables.items():
        parts += [f"## {SPLITS[split].capitalize()}", metric_table(table, ACCURACY)]
        parts += lead(table, ACCURACY, context)
        parts += corrupted_sensor(table)
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
        provenance(
            context,
            ("data", f"{data.kind}: {made}"),
            ("test frames", f"{context.frames}, of {_whose(context)}"),
            ("ours", context.ours),
            ("always the mean pose", f"{context.mean_pose_mm:.1f} mm"),
        ),
        *incomplete(gaps(table, context.frames)),
        "## Bounds",
        "What was asked for, judged on means over all seeds; what was not measured is missed.",
        bounds_table(pose_bounds(table)),
    ]


def _whose(context: Context) -> str:
    if context.wide:
        return (
            f"{len(context.subjects)} scenes: a row for each person in each frame whom all sensors "
            "see, the same for every subset"
        )
    return f"subjects {' '.join(context.subjects)}"
