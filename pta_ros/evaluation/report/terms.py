"""The figures that a replay is judged by, in words: errors of poses, accuracy of activities."""

from __future__ import annotations

from pta_ros.evaluation.report.measure import LIMIT, LIMIT_POINTS, Measured
from pta_ros.evaluation.report.scores import Accuracy, Judged

NONE = "–"


def mm(value: float | None) -> str:
    """Millimetres, with a decimal below 100."""
    return NONE if value is None else f"{value:.{1 if value < 99.95 else 0}f}"


def points(value: float | None) -> str:
    """Percent as a figure, with a decimal unless it is all."""
    return NONE if value is None else f"{value:.{1 if value < 99.95 else 0}f}"


def figure(judged: Judged | None) -> str:
    """The figure without its unit, or a dash."""
    if judged is None:
        return NONE
    if isinstance(judged, Accuracy):
        return points(judged.accuracy_percent)
    return mm(judged.mpjpe_mm)


def value(judged: Judged) -> float:
    """The figure as a number."""
    return judged.accuracy_percent if isinstance(judged, Accuracy) else judged.mpjpe_mm


def unit(judged: Judged | None) -> str:
    """What the figure is counted in."""
    return "%" if isinstance(judged, Accuracy) else "mm"


def name(judged: Judged | None) -> str:
    """What the figure is called."""
    return "accuracy" if isinstance(judged, Accuracy) else "MPJPE"


def ratio(seen: Measured) -> str:
    """The ratio, with a third decimal where two would hide on which side of the limit it is."""
    if seen.ratio is None:
        return NONE
    digits = 2 if (round(seen.ratio, 2) <= LIMIT) == seen.kept else 3
    return f"×{seen.ratio:.{digits}f}"


def beside_dropped(seen: Measured) -> str:
    """The figure that is held against the limit: a ratio of errors, or points of accuracy."""
    if seen.gain_points is None:
        return ratio(seen)
    return f"{seen.gain_points:+.1f}".replace("-", "−")


def limit(seen: Measured) -> str:
    """The limit in words."""
    return f"×{LIMIT:g}" if seen.gain_points is None else f"−{LIMIT_POINTS:g} points"


def effect(seen: Measured) -> str:
    """What a fault does where nothing says what is true; empty when that is not known."""
    if seen.changed_percent is not None:
        return f"{points(seen.changed_percent)} % of the answers change."
    return "" if seen.shift_mm is None else f"Joints move by {mm(seen.shift_mm)} mm."
