"""One model's seven subsets in the form of the paper's table 1, with the paper's numbers beside."""

from __future__ import annotations

from collections.abc import Sequence

from pta_ros.errors import ConfigError
from pta_ros.evaluation.compare.paper import (
    SUBSETS,
    TABLE_1_MPJPE_MM,
    TABLE_1_PA_MPJPE_MM,
)
from pta_ros.evaluation.compare.text import grid
from pta_ros.metrics.poses import SubsetResult

_LETTERS = {"depth": "D", "lidar": "L", "csi": "W"}


def paper_table(results: Sequence[SubsetResult], synthetic: bool) -> str:
    """Markdown, a row for each subset: here, the paper's PTA and its X-Fi; MPJPE and PA-MPJPE.

    Raises ConfigError for a model of other modalities than the paper's.
    """
    found = {r.subset: r for r in results}
    if set(found) != set(SUBSETS):
        raise ConfigError(f"subsets are {sorted(found)}; the paper's are {list(SUBSETS)}")
    rows = [[_letters(s), *_figures(found[s])] for s in SUBSETS]
    here = "here (synthetic data)" if synthetic else "here"
    titles = [f"{metric} mm, {who}" for metric in ("MPJPE", "PA-MPJPE")
              for who in (here, "paper's PTA", "paper's X-Fi")]  # fmt: skip
    return grid(["modality", *titles], rows)


def _letters(subset: str) -> str:
    return "+".join(_LETTERS[m] for m in subset.split("+"))


def _figures(result: SubsetResult) -> list[str]:
    figures = []
    for own, paper in (
        (result.mpjpe_mm, TABLE_1_MPJPE_MM),
        (result.pa_mpjpe_mm, TABLE_1_PA_MPJPE_MM),
    ):
        figures += [f"{own:.2f}", *(f"{paper[s][result.subset]:.2f}" for s in ("pta", "xfi"))]
    return figures
