"""The comparison as a page of text: the run's own report, and the one in docs/ with the paper's."""

from __future__ import annotations

from collections.abc import Sequence

from pta_ros.errors import ConfigError
from pta_ros.evaluation.compare import paper
from pta_ros.evaluation.compare.bounds import GATE, PTA, judge
from pta_ros.evaluation.compare.effects import Effect, contamination, contamination_of, worst
from pta_ros.evaluation.compare.gaps import gaps
from pta_ros.evaluation.compare.table import COMPARED, TITLES, Context, Record, Table, tabulate
from pta_ros.evaluation.compare.text import (
    bold,
    bounds_table,
    contamination_table,
    corruption_table,
    coverage_table,
    error_table,
    grid,
    listed,
    percent_text,
    plain_table,
    spaced,
    worst_cases_table,
)

_INCOMPLETE = "Not complete; what lacks a seed takes no part in comparisons:\n\n"
_OTHER_DATA = "**The paper's own, on MM-Fi: another data set, real recordings.** {} Millimetres of \
different data sets cannot be compared."


def report(records: Sequence[Record], context: Context) -> str:
    """The run's report, results.md, with pictures beside it."""
    table = tabulate(records, context)
    own = {TITLES[s]: contamination_of(table, s) for s in (PTA, GATE)}
    parts = [*_head(table, context), *_errors(table, [], [], ""), *_effects(table, own, [])]
    return "\n\n".join([*parts, *_inside(table, context, "")]) + "\n"


def docs_page(records: Sequence[Record], context: Context) -> str:
    """docs/results.md: the same with the paper's tables; pictures in images/.

    Raises ConfigError when the modalities are not those of the paper's tables.
    """
    table = tabulate(records, context)
    if table.modalities != paper.MODALITIES:
        raise ConfigError(f"modalities {table.modalities}; the paper's are {paper.MODALITIES}")
    own = {TITLES[s]: contamination_of(table, s) for s in (PTA, GATE)}
    own["PTA in the paper, on MM-Fi"] = contamination(paper.TABLE_1_MPJPE_MM[PTA], paper.MODALITIES)
    parts = [
        *_head(table, context),
        *_errors(table, _paper_mpjpe(), _paper_pa_mpjpe(), "images/"),
        *_effects(table, own, _paper_contamination()),
        *_inside(table, context, "images/"),
    ]
    return "\n\n".join(parts) + "\n"


def _head(table: Table, context: Context) -> list[str]:
    note = (
        "**Everything measured here is on synthetic data**, simulated people who took no part in "
        "training; it says how the systems compare, not how well they do on real recordings."
        if context.data.synthetic
        else "Measured on recorded people who took no part in training."
    )
    missing = gaps(table, context)
    return [
        "# Fusion systems compared",
        note,
        _provenance(context),
        *([_INCOMPLETE + "\n".join(f"- {gap}" for gap in missing)] if missing else []),
        "## Bounds",
        "What was asked for, judged on means over all seeds; what was not measured is not kept.",
        bounds_table(judge(table)),
    ]


def _provenance(context: Context) -> str:
    data, machine = context.data, context.machine
    made = f"`make_mmfi` preset {data.preset}, data seed {data.seed}" if data.synthetic else "given"
    rows = [
        ["command", f"`{context.command}`"],
        ["data", f"{data.kind}: {made}"],
        ["test frames", f"{context.frames}, of subjects {' '.join(context.subjects)}"],
        ["seeds of training", listed(context.seeds)],
        ["training", context.training],
        ["always the mean pose", f"{context.mean_pose_mm:.1f} mm"],
        ["wall time of the evaluation", _duration(context.wall_s)],
        ["machine", f"{machine.cores} cores, {machine.cpu}, torch {machine.torch}"],
    ]
    return grid(["made with", ""], rows)


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min {rest} s"


def _errors(table: Table, mpjpe: list[str], pa_mpjpe: list[str], folder: str) -> list[str]:
    lone = " One seed has no deviation, shown as –." if len(table.seeds) == 1 else ""
    return [
        "## MPJPE",
        "How far joints are from the truth, mean ± standard deviation over the seeds, in mm: bold "
        "is the lowest mean before rounding, and a lead smaller than the deviations may be chance."
        + lone,
        error_table(table, "mpjpe_mm"),
        *mpjpe,
        f"![Error of every system in every subset]({folder}results_subsets.png)",
        "## PA-MPJPE",
        "The same after the best rotation, scale and shift of each pose, which leaves the error of "
        "posture alone.",
        error_table(table, "pa_mpjpe_mm"),
        *pa_mpjpe,
    ]


def _effects(table: Table, columns: dict[str, list[Effect]], after: list[str]) -> list[str]:
    return [
        "## Contamination",
        "Change of the mean MPJPE when a modality is added to a subset, from means over the seeds; "
        "above zero it hurts, bold is the worst.",
        contamination_table(columns, table.modalities),
        "Worst cases of every system; the last two columns are explained below.",
        worst_cases_table(table),
        *after,
        "## A corrupted modality",
        "MPJPE with one modality corrupted against MPJPE without that modality, from means over "
        "the seeds; above zero it would have been better to drop it, bold is the worst. A frozen "
        "sensor shows one frame again and again, which the live streams notice: where they do, it "
        "is left out with the gate, as in the live node; everything else is the model alone.",
        corruption_table(table) if table.corruptions else "Not measured.",
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
        plain_table(table),
        "## Predicted deviations",
        "Share of coordinates within one / two predicted standard deviations, in %; calibrated "
        "would be 68 / 95.",
        coverage_table(table),
        "## Error per joint",
        "Where on the body the error lies, mean over the seeds.",
        f"![Error per joint]({folder}results_joints.png)",
        *weights,
    ]


def _paper_mpjpe() -> list[str]:
    return [
        _OTHER_DATA.format("Table 1, MPJPE in mm, and table 3, the same without parts of PTA."),
        _paper_table(paper.TABLE_1_MPJPE_MM),
        _paper_table(paper.TABLE_3_MPJPE_MM),
    ]


def _paper_pa_mpjpe() -> list[str]:
    return [
        _OTHER_DATA.format("Table 1, PA-MPJPE in mm."),
        _paper_table(paper.TABLE_1_PA_MPJPE_MM),
    ]


def _paper_table(errors_mm: paper.Errors) -> str:
    systems = [s for s in COMPARED if s in errors_mm]
    rows = [
        [spaced(name)]
        + [bold(f"{errors_mm[s][name]:g}", s in paper.best(errors_mm, name)) for s in systems]
        for name in paper.SUBSETS
    ]
    counts = [str(sum(s in paper.best(errors_mm, n) for n in paper.SUBSETS)) for s in systems]
    header = ["subset, MM-Fi", *(TITLES[s] for s in systems)]
    return grid(header, [*rows, ["*best count*", *counts]])


def _paper_contamination() -> list[str]:
    rows = []
    for system, row in {**paper.TABLE_1_MPJPE_MM, **paper.TABLE_3_MPJPE_MM}.items():
        found = worst(contamination(row, paper.MODALITIES))
        where = f"{spaced(found.subset)}, {found.what} added" if found else ""
        rows.append([TITLES[system], percent_text(found), where])
    return [
        "**The paper's own, on MM-Fi: another data set.** Worst contamination, computed the same "
        "way from its tables 1 and 3.",
        grid(["system, MM-Fi", "worst contamination", "where"], rows),
    ]
