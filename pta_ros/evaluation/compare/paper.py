"""The paper's own tables 1 and 3: pose errors on MM-Fi, real recordings, not this package's data.

Source: "Purify-then-Align: Towards Robust Human Sensing under Modality Missing with Knowledge
Distillation from Noisy Multimodal Teacher", tables 1 (MPJPE, PA-MPJPE) and 3 (MPJPE).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

#: The paper's D, L, W.
MODALITIES = ("depth", "lidar", "csi")
SUBSETS = ("depth", "lidar", "csi", "depth+lidar", "depth+csi", "lidar+csi", "depth+lidar+csi")

#: Systems of table 1, among which the paper counts the best, and how often PTA is.
COUNTED = ("base1", "base2", "xfi", "pta")
BEST_COUNT = 6

Errors = dict[str, dict[str, float]]


def _errors(rows: Mapping[str, Iterable[float]]) -> Errors:
    return {system: dict(zip(SUBSETS, row, strict=True)) for system, row in rows.items()}


#: Table 1, left: MPJPE in mm; system -> subset -> error.
TABLE_1_MPJPE_MM: Errors = _errors(
    {
        "base1": (102.4, 161.5, 227.1, 111.7, 141.7, 167.1, 130.7),
        "base2": (102.4, 161.5, 227.1, 108.0, 155.5, 206.2, 154.6),
        "xfi": (96.40, 130.06, 210.12, 89.41, 95.27, 111.15, 87.59),
        "pta": (84.81, 68.30, 182.18, 64.68, 95.96, 74.74, 68.86),
    }
)

#: Table 1, right: PA-MPJPE in mm.
TABLE_1_PA_MPJPE_MM: Errors = _errors(
    {
        "base1": (52.7, 103.5, 108.0, 68.8, 71.4, 100.7, 78.1),
        "base2": (52.7, 103.5, 108.0, 55.8, 81.5, 109.3, 84.1),
        "xfi": (48.76, 89.83, 103.91, 47.97, 47.71, 75.11, 47.52),
        "pta": (50.72, 44.44, 114.63, 42.63, 59.77, 49.49, 45.47),
    }
)

#: Table 3: MPJPE in mm of PTA without one of its parts; its "Full" is table 1's PTA.
TABLE_3_MPJPE_MM: Errors = {
    "pta": TABLE_1_MPJPE_MM["pta"],
    **_errors(
        {
            "pta_no_diffusion": (89.66, 76.27, 187.92, 78.12, 90.14, 74.23, 76.79),
            "pta_no_meta": (157.98, 183.04, 236.99, 148.65, 179.77, 189.24, 160.34),
        }
    ),
}


def best(errors_mm: Errors, subset: str) -> set[str]:
    """Systems with the lowest error on a subset."""
    lowest = min(row[subset] for row in errors_mm.values())
    return {system for system, row in errors_mm.items() if row[subset] == lowest}
