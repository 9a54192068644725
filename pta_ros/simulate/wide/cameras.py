"""Depth cameras of the wide world: lenses and sizes of real products, and each kind's noise."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pta_ros.sensors.camera import Intrinsics

Float32 = NDArray[np.float32]

#: Kind of sensor -> noise (1/m, times z²), noise floor (m), quantum of 1/z (1/m; 0: none), width of
#: an edge without returns (pixels of 640), share of lost pixels, size of a noise patch (pixels),
#: distance of its second eye or projector (m; what that one does not see has no depth).
_NOISE: dict[str, tuple[float, float, float, float, float, int, float]] = {
    "structured": (1.4e-3, 0.001, 1.4e-3, 2.0, 0.004, 2, 0.075),
    "stereo": (2.0e-3, 0.002, 0.8e-3, 2.0, 0.010, 4, 0.05),
    "time of flight": (0.4e-3, 0.004, 0.0, 1.0, 0.004, 1, 0.0),
}


@dataclass(frozen=True)
class Camera:
    """One product and profile: image size, focal length (pixels), range (metres), kind of noise."""

    name: str
    width: int
    height: int
    focal_px: float
    near_m: float
    far_m: float
    kind: str

    def intrinsics(self, rng: np.random.Generator) -> Intrinsics:
        """Those of one specimen: focal length within 2 %, principal point within 1 % of width."""
        focal = self.focal_px * float(rng.uniform(0.98, 1.02))
        cx, cy = rng.uniform(-0.01, 0.01, 2) * self.width
        middle = (self.width - 1) / 2 + float(cx), (self.height - 1) / 2 + float(cy)
        return Intrinsics(self.width, self.height, focal, focal, *middle)


#: Products that training sees, at half of their pixels: those that a body needs stay.
TRAINING = (
    Camera("Kinect v1", 320, 240, 287.0, 0.4, 8.0, "structured"),
    Camera("Xtion", 320, 240, 270.0, 0.4, 8.0, "structured"),
    Camera("D455 848x480", 424, 240, 215.0, 0.4, 8.0, "stereo"),
    Camera("D435 640x480", 320, 240, 192.5, 0.3, 7.0, "stereo"),
    Camera("L515", 320, 240, 230.0, 0.3, 8.0, "time of flight"),
    Camera("Azure NFOV", 320, 288, 252.0, 0.4, 6.0, "time of flight"),
    Camera("Gemini", 320, 200, 240.0, 0.25, 7.0, "structured"),
    Camera("small ToF", 256, 192, 200.0, 0.2, 6.0, "time of flight"),
    Camera("wide ToF", 256, 256, 125.0, 0.3, 5.5, "time of flight"),
    Camera("narrow stereo", 320, 200, 310.0, 0.4, 9.0, "stereo"),
)
#: Products that only the test set shows, all of their pixels.
TEST = (
    Camera("D435 848x480", 848, 480, 425.0, 0.3, 8.0, "stereo"),
    Camera("Kinect v2", 512, 424, 366.0, 0.5, 8.0, "time of flight"),
    Camera("OAK-D 640x400", 640, 400, 457.0, 0.4, 8.0, "stereo"),
    Camera("Femto 640x576", 640, 576, 504.0, 0.3, 6.0, "time of flight"),
)


@lru_cache(maxsize=4)
def rays(lens: Intrinsics) -> Float32:
    """Directions (height, width, 3) in the optical frame with z = 1: a hit's t is its depth."""
    v, u = np.mgrid[: lens.height, : lens.width].astype(np.float32)
    out = np.stack([(u - lens.cx) / lens.fx, (v - lens.cy) / lens.fy, np.ones_like(u)], axis=-1)
    out.flags.writeable = False
    return out


def noisy(
    depth: Float32, camera: Camera, dark: NDArray[np.bool_], rng: np.random.Generator
) -> NDArray[np.uint16]:
    """Depth (height, width) metres, inf for nothing hit, as the camera counts it: mm, 0 for none.

    Noise grows with z² (Khoshelham and Elberink 2012), in patches as the sensor matches windows;
    pixels beside a jump of depth, out of range, in the shadow of the second eye, `dark` ones and
    some by chance do not return.
    """
    slope, floor, step, edge, missing, patch, baseline = _NOISE[camera.kind]
    lost = _patches(rng.random, depth.shape, patch)
    noise = _patches(lambda size: rng.standard_normal(size, np.float32), depth.shape, patch)
    with np.errstate(divide="ignore", invalid="ignore"):
        out = depth + noise * np.hypot(slope * depth**2, floor)
        if step:
            out = 1.0 / (step * np.rint(1.0 / (out * step)))
    width = max(1, round(edge * camera.width / 640 * float(rng.uniform(0.3, 1.5))))
    keep = np.isfinite(out) & (depth > camera.near_m) & (depth < camera.far_m)
    keep &= (lost >= missing) & ~(_edges(depth, width) & (lost < 0.6))
    keep &= ~(dark & (_patches(rng.random, depth.shape, 3 * patch) < 0.75))
    if baseline:
        keep &= ~_shadow(depth, camera.focal_px * baseline, bool(rng.random() < 0.5))
    return np.where(keep, np.rint(1000.0 * np.where(keep, out, 0.0)), 0.0).astype(np.uint16)


def _shadow(depth: Float32, scale_px: float, left: bool) -> NDArray[np.bool_]:
    """Pixels that an eye beside the camera does not see: a nearer one lies on the same ray of it.

    `scale_px`: focal length in pixels times the distance of the two eyes in metres.
    """
    image = depth if left else depth[:, ::-1]
    place = np.arange(image.shape[1]) - scale_px / np.maximum(image, 0.1)  # in the other eye
    nearest = np.minimum.accumulate(place[:, ::-1], axis=1)[:, ::-1]
    hidden = place > nearest + 1.0
    return hidden if left else hidden[:, ::-1]


def _patches(draw: Any, shape: tuple[int, ...], size: int) -> Float32:
    coarse = draw((-(-shape[0] // size), -(-shape[1] // size)))
    full = np.repeat(np.repeat(coarse, size, axis=0), size, axis=1)
    return np.asarray(full[: shape[0], : shape[1]], np.float32)


def _edges(depth: Float32, width: int) -> NDArray[np.bool_]:
    """Pixels within `width` of a jump in depth of more than 4 % and 6 cm."""
    near = np.where(np.isfinite(depth), depth, 50.0)
    limit = 0.06 + 0.04 * np.minimum(near, 20.0)
    edge = np.zeros(depth.shape, bool)
    for image, bound, out in ((near, limit, edge), (near.T, limit.T, edge.T)):
        jump = np.abs(np.diff(image, axis=0)) > bound[1:]
        for shift in range(width + 1):
            out[shift : shift + len(jump)] |= jump[: len(out) - shift]
    return edge
