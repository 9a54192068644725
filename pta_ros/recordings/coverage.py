"""Where a person stood while CSI was taught, and where the taught model erred: a picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from pta_ros.errors import DatasetError

Places = NDArray[np.floating]


def draw_coverage(taught: Places, judged: Places, error_mm: Places, title: str, path: Path) -> None:
    """Write the picture (PNG): places (N, 3) and (K, 3) in the camera's frame, errors (K,).

    Raises DatasetError where it cannot be written.
    """
    figure = Figure(figsize=(11, 5.2), layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(title)
    left, right = figure.subplots(1, 2, sharex=True, sharey=True)
    # Newer ones are as visible as older ones: dense places are darker.
    left.scatter(taught[:, 0], taught[:, 2], s=14, c="#0072B2", alpha=0.15, lw=0)
    left.set_title(f"where the person stood ({len(taught)} instants)")
    shown = right.scatter(
        judged[:, 0], judged[:, 2], s=14, c=error_mm, cmap="viridis_r", vmin=0, lw=0
    )
    right.set_title(f"the last fifth ({len(judged)} instants)")
    figure.colorbar(shown, ax=right, label="error of CSI alone (mm)")
    for axis in (left, right):
        axis.set_aspect("equal")
        axis.set_xlabel("to the camera's right (m)")
        axis.grid(alpha=0.3)
    left.set_ylabel("ahead of the camera (m)")
    try:
        figure.savefig(path, dpi=110)
    except OSError as error:
        raise DatasetError(f"{path}: {error.strerror or error}; expected room for it") from error
