"""The worst moments as pictures: what the sensors gave, the estimate and the truth."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence

import cv2
import numpy as np

from pta_ros.evaluation.replay.record import Moment
from pta_ros.evaluation.report import svg
from pta_ros.evaluation.report.markup import Markup, el
from pta_ros.frames import FloatArray
from pta_ros.sensors.depth import DepthSensor
from pta_ros.skeleton import BONES

#: The LiDAR's axes (forward, left, up) as the camera's (right, down, forward), in one place.
TURNED = np.array([[0, -1, 0, 0], [0, 0, -1, 0], [1, 0, 0, 0], [0, 0, 0, 1.0]])

_HEIGHT = 300.0
#: Part of the width that colours take, so that skeletons stand out before them.
_DARKEST, _BRIGHTEST = 24.0, 150.0
_AROUND_M = 1.1


def depth_picture(moment: Moment, camera: DepthSensor) -> Markup:
    """The depth map, near is bright, with the skeletons projected into it."""
    depth = moment.frames["depth"]
    rows, columns = depth.shape
    width = _HEIGHT * columns / rows
    parts = [_image(_shaded(depth), width, _HEIGHT)]
    zoom = np.array([width / 640.0, _HEIGHT / 480.0])
    for joints, kind in _skeletons(moment):
        ahead = np.maximum(joints[:, 2:], 0.1)
        focal, centre = np.array([camera.fx, camera.fy]), np.array([camera.cx, camera.cy])
        parts.append(_bones((joints[:, :2] / ahead * focal + centre) * zoom, f"{kind} on-depth"))
    return svg.drawing(width, _HEIGHT, parts, "depth map with skeletons", "picture")


def cloud_picture(moment: Moment, across: int, lidar_to_camera: FloatArray | None) -> Markup:
    """Point cloud, if used, and skeletons from the front (`across` 0) or the side (2)."""
    skeletons = _skeletons(moment)
    middle = skeletons[0][0].mean(axis=0)
    width = 220.0
    zoom = _HEIGHT / (2 * _AROUND_M)

    def place(points: svg.Array) -> svg.Array:
        flat = np.stack([points[:, across] - middle[across], points[:, 1] - middle[1]], axis=-1)
        placed: svg.Array = flat * zoom + np.array([width / 2, _HEIGHT / 2])
        return placed

    parts = []
    if "lidar" in moment.frames:
        cloud = np.unique(in_camera(moment.frames["lidar"], lidar_to_camera), axis=0)
        parts.append(_points(place(cloud), width))
    parts += [_bones(place(joints), kind) for joints, kind in skeletons]
    side = "side" if across == 2 else "front"
    return svg.drawing(width, _HEIGHT, parts, f"skeletons from the {side}", "picture plain")


def csi_picture(moment: Moment) -> Markup:
    """Amplitudes: packets of every antenna below each other, subcarriers from left to right."""
    antennas, carriers, packets = moment.frames["csi"].shape
    stacked = moment.frames["csi"].transpose(0, 2, 1)
    spaced = np.full((antennas, packets + 2, carriers), np.nan)
    spaced[:, :packets] = stacked
    flat = spaced.reshape(-1, carriers)[:-2]
    low, high = np.nanmin(flat), np.nanmax(flat)
    grey = 255 * (flat - low) / max(high - low, 1e-9)
    image = _png(np.nan_to_num(grey, nan=0.0))
    return svg.drawing(220.0, _HEIGHT, [_image(image, 220.0, _HEIGHT)], "CSI amplitudes", "picture")


def in_camera(points: FloatArray, lidar_to_camera: FloatArray | None) -> svg.Array:
    """Points (N, 3) of the LiDAR in the camera frame; merely turned when its place is unknown."""
    matrix = TURNED if lidar_to_camera is None else np.asarray(lidar_to_camera, np.float64)
    moved: svg.Array = points @ matrix[:3, :3].T + matrix[:3, 3]
    return moved


def _skeletons(moment: Moment) -> Sequence[tuple[FloatArray, str]]:
    """The truth first, so that the estimate lies on it."""
    truth = moment.truth_m
    known = truth is not None and bool(np.isfinite(truth).all())
    before = [(truth, "truth")] if truth is not None and known else []
    return [*before, (moment.joints_m, "estimate")]


def _bones(places: svg.Array, kind: str) -> Markup:
    return svg.path([places[list(bone)] for bone in BONES], class_=f"skeleton {kind}")


def _points(places: svg.Array, width: float) -> Markup:
    """All points as one path of dots; those outside the picture are left out."""
    seen = ((places > 0) & (places < np.array([width, _HEIGHT]))).all(axis=1)
    dots = "".join(f"M{x:.1f} {y:.1f}h.01" for x, y in places[seen])
    return el("path", d=dots, class_="points")


def _shaded(depth: FloatArray) -> str:
    """Near is bright, over the range that this very picture has."""
    there = depth[depth > 0]
    low, high = np.percentile(there, (1, 99)) if there.size else (0.0, 1.0)
    near = (high - depth) / max(high - low, 1e-3)
    grey = _DARKEST + np.clip(near, 0, 1) * (_BRIGHTEST - _DARKEST)
    return _png(np.where(depth > 0, grey, 0.0))


def _png(grey: svg.Array) -> str:
    """A data URI of an image of values 0 to 255."""
    coloured = cv2.applyColorMap(np.rint(grey).astype(np.uint8), cv2.COLORMAP_BONE)
    done, data = cv2.imencode(".png", coloured)
    if not done:
        raise RuntimeError(f"OpenCV cannot write an image of {grey.shape}; expected it to")
    return "data:image/png;base64," + b64encode(data.tobytes()).decode("ascii")


def _image(uri: str, width: float, height: float) -> Markup:
    return el("image", href=uri, x=0, y=0, width=width, height=height, class_="pixels",
              preserveAspectRatio="none")  # fmt: skip
