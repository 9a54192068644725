"""The paper's own figures, on real recordings of MM-Fi and XRF55: not this package's data.

Source: "Purify-then-Align: Towards Robust Human Sensing under Modality Missing with Knowledge
Distillation from Noisy Multimodal Teacher", tables 1 to 4.
"""

from __future__ import annotations

from collections.abc import Iterable

from pta_ros.evaluation.compare.effects import Effect, contamination, worst
from pta_ros.evaluation.compare.table import TITLES
from pta_ros.evaluation.compare.text import added_text, ranked_table, rise_text
from pta_ros.metrics.evaluate import ACCURACY, MPJPE, PA_MPJPE, Metric
from pta_ros.metrics.markdown import grid
from pta_ros.metrics.subsets import subset_name, subsets

#: The paper's D, L, W on MM-Fi, and R, W, RF on XRF55.
MODALITIES = ("depth", "lidar", "csi")
ACTIVITY_MODALITIES = ("radar", "wifi", "rfid")
SUBSETS = tuple(subset_name(subset) for subset in subsets(MODALITIES))

#: Systems of table 1, among which the paper counts the best, and how often PTA is.
COUNTED = ("base1", "base2", "xfi", "pta")
BEST_COUNT = 6

_OTHER_DATA = "**The paper's own, on MM-Fi: another data set, real recordings.** {} Millimetres of \
different data sets cannot be compared."
#: System -> subset -> figure.
Figures = dict[str, dict[str, float]]


def _figures(modalities: tuple[str, ...], **rows: Iterable[float]) -> Figures:
    names = [subset_name(subset) for subset in subsets(modalities)]
    return {system: dict(zip(names, row, strict=True)) for system, row in rows.items()}


#: Table 1, left: MPJPE in mm.
TABLE_1_MPJPE_MM = _figures(
    MODALITIES,
    base1=(102.4, 161.5, 227.1, 111.7, 141.7, 167.1, 130.7),
    base2=(102.4, 161.5, 227.1, 108.0, 155.5, 206.2, 154.6),
    xfi=(96.40, 130.06, 210.12, 89.41, 95.27, 111.15, 87.59),
    pta=(84.81, 68.30, 182.18, 64.68, 95.96, 74.74, 68.86),
)
#: Table 1, right: PA-MPJPE in mm.
TABLE_1_PA_MPJPE_MM = _figures(
    MODALITIES,
    base1=(52.7, 103.5, 108.0, 68.8, 71.4, 100.7, 78.1),
    base2=(52.7, 103.5, 108.0, 55.8, 81.5, 109.3, 84.1),
    xfi=(48.76, 89.83, 103.91, 47.97, 47.71, 75.11, 47.52),
    pta=(50.72, 44.44, 114.63, 42.63, 59.77, 49.49, 45.47),
)
#: Table 3: MPJPE in mm of PTA without one of its parts; its "Full" is table 1's PTA.
TABLE_3_MPJPE_MM = _figures(
    MODALITIES,
    pta=TABLE_1_MPJPE_MM["pta"].values(),
    pta_no_diffusion=(89.66, 76.27, 187.92, 78.12, 90.14, 74.23, 76.79),
    pta_no_meta=(157.98, 183.04, 236.99, 148.65, 179.77, 189.24, 160.34),
)
#: Tables 2 and 4: accuracy in percent.
ACCURACIES = _figures(
    ACTIVITY_MODALITIES,
    mutual=(82.1, 77.8, 42.2, 86.8, 71.4, 55.6, 70.6),
    xfi=(83.9, 55.7, 42.5, 88.2, 86.5, 58.1, 89.8),
    pta_no_diffusion=(89.17, 81.07, 54.49, 95.40, 91.60, 84.35, 95.59),
    pta_no_meta=(89.04, 79.56, 54.79, 93.61, 92.87, 78.35, 95.07),
    pta=(90.03, 82.34, 55.04, 95.23, 92.15, 83.14, 95.87),
)


def best(figures: Figures, subset: str, metric: Metric = MPJPE) -> set[str]:
    """Systems with the best figure on a subset."""
    pick = max if metric.higher_is_better else min
    wanted = pick(row[subset] for row in figures.values())
    return {system for system, row in figures.items() if row[subset] == wanted}


def mpjpe_text() -> list[str]:
    """Tables 1 (left) and 3, as paragraphs."""
    return [
        _OTHER_DATA.format("Table 1, MPJPE in mm, and table 3, the same without parts of PTA."),
        _table("subset, MM-Fi", "pose", TABLE_1_MPJPE_MM, MPJPE),
        _table("subset, MM-Fi", "pose", TABLE_3_MPJPE_MM, MPJPE),
    ]


def pa_mpjpe_text() -> list[str]:
    """Table 1 (right), as paragraphs."""
    return [
        _OTHER_DATA.format("Table 1, PA-MPJPE in mm."),
        _table("subset, MM-Fi", "pose", TABLE_1_PA_MPJPE_MM, PA_MPJPE),
    ]


def accuracy_table() -> str:
    """Tables 2 and 4 in one."""
    return _table("subset, XRF55", "activity", ACCURACIES, ACCURACY)


def _table(corner: str, task: str, figures: Figures, metric: Metric) -> str:
    titles = {s: title for s, title in TITLES[task].items() if s in figures}
    names = next(iter(figures.values()))
    texts = {name: {s: f"{figures[s][name]:g}" for s in titles} for name in names}
    winners = {name: best(figures, name, metric) for name in names}
    return ranked_table(corner, titles, texts, winners)


def contamination_of(figures: Figures, system: str) -> list[Effect]:
    """Contamination of one system, by the paper's errors on MM-Fi."""
    return contamination(MPJPE, figures[system], MODALITIES)


def contamination_text() -> list[str]:
    """The worst contamination of every system, as paragraphs."""
    rows = []
    figures = {**TABLE_1_MPJPE_MM, **TABLE_3_MPJPE_MM}
    for system in figures:
        found = worst(contamination_of(figures, system))
        rows.append([TITLES["pose"][system], rise_text(found), added_text(found)])
    return [
        "**The paper's own, on MM-Fi: another data set.** Worst contamination, computed the same "
        "way from its tables 1 and 3.",
        grid(["system, MM-Fi", "worst contamination", "where"], rows),
    ]
