"""From any camera's pixels to those of the model's own camera: one lookup per image.

Depth is never mixed: each pixel of the model's camera takes the one reading of the source that its
own ray meets. Both cameras stand at one place, so depth along the optical axis stays what it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pta_ros.sensors.camera import Intrinsics

Doubles = NDArray[np.float64]

#: Radii at which a lens is asked whether its image still grows outwards.
_RADII = 1024


@dataclass(frozen=True, eq=False)
class Resampling:
    """For each pixel (height, width) of the model's camera the flat index of the source's pixel.

    `unseen` marks those that the source does not show; None where it shows all.
    """

    index: NDArray[np.intp]
    unseen: NDArray[np.bool_] | None

    def __call__(self, pixels: NDArray[Any]) -> NDArray[Any]:
        """The image (height, width) in its own type; where `unseen`, values mean nothing."""
        # Of what np.take offers, clip is the fastest; every index is within.
        return np.take(pixels.reshape(-1), self.index, mode="clip")

    def mark(self, metres: NDArray[np.float32]) -> NDArray[np.float32]:
        """The image of the model's camera with NaN for what was not seen, in place."""
        if self.unseen is not None:
            np.copyto(metres, np.float32(np.nan), where=self.unseen)
        return metres


@lru_cache(maxsize=8)
def resampling(source: Intrinsics, turned_deg: int, target: Intrinsics) -> Resampling | None:
    """How `target` sees the image of `source`; None where both see the same, pixel by pixel.

    The source's image stands upright when it is turned clockwise by `turned_deg` (0, 90, 180, 270);
    `target` is upright and has no distortion.
    """
    v, u = np.mgrid[: target.height, : target.width].astype(np.float64)
    x, y = (u - target.cx) / target.fx, (v - target.cy) / target.fy
    x, y = {0: (x, y), 90: (y, -x), 180: (-x, -y), 270: (-y, x)}[turned_deg]
    with np.errstate(all="ignore"):
        x, y, seen = _bent(x, y, source.distortion)
        column = np.floor(source.fx * x + source.cx + 0.5)
        row = np.floor(source.fy * y + source.cy + 0.5)
        seen &= (column >= 0) & (column < source.width) & (row >= 0) & (row < source.height)
    flat = np.where(seen, row * source.width + column, 0).astype(np.intp)
    if (source.height, source.width) == flat.shape and (flat.ravel() == np.arange(flat.size)).all():
        return None
    return Resampling(flat, None if seen.all() else ~seen)


def _bent(
    x: Doubles, y: Doubles, distortion: tuple[float, ...]
) -> tuple[Doubles, Doubles, NDArray[np.bool_]]:
    """Where a lens puts rays (at z = 1), and whether it can: OpenCV's distortion.

    Beyond some radius the polynomials turn back and would show the margin twice; nothing is seen
    there.
    """
    if not distortion:
        return x, y, np.ones(x.shape, bool)
    k1, k2, p1, p2, k3, k4, k5, k6 = (*distortion, 0.0, 0.0, 0.0)[:8]

    def radial(s: Doubles) -> Doubles:
        """The factor at squared radius `s`."""
        return (1 + s * (k1 + s * (k2 + s * k3))) / (1 + s * (k4 + s * (k5 + s * k6)))

    s = x * x + y * y
    radii = np.linspace(0, 1.01 * np.sqrt(s.max()), _RADII)
    grows = np.diff(radii * radial(radii**2)) > 0
    limit = np.inf if grows.all() else radii[int(np.argmin(grows))]
    factor = radial(s)
    bent_x = x * factor + 2 * p1 * x * y + p2 * (s + 2 * x * x)
    bent_y = y * factor + p1 * (s + 2 * y * y) + 2 * p2 * x * y
    return bent_x, bent_y, s < limit**2
