"""The worst moments as pictures: what the sensors gave, the estimate and the truth."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from pta_ros.evaluation.replay.record import Moment
from pta_ros.frames import FloatArray
from pta_ros.fusion.transforms import from_pose
from pta_ros.sensors.depth import DepthSensor
from pta_ros.sensors.lidar import POSE
from pta_ros.skeleton import BONES

Array = NDArray[np.floating]

#: The LiDAR's axes (forward, left, up) as the camera's (right, down, forward), in one place.
TURNED = from_pose(" ".join(["0 0 0", *POSE.split()[3:]]))
#: Height of a picture, width of those without an image of their own; points lie on halves.
HEIGHT, _WIDTH, POINTS_SCALE = 300.0, 220.0, 0.5
#: Part of the width that colours take, so that skeletons stand out before them.
_DARKEST, _BRIGHTEST = 24.0, 150.0
_AROUND_M = 1.1


class Picture(NamedTuple):
    """One picture: an image (a data URI) or a path of points, and paths of skeletons by class."""

    name: str
    width: float
    image: str = ""
    points: str = ""
    skeletons: Sequence[tuple[str, str]] = ()


def pictures(moment: Moment, camera: DepthSensor, place: FloatArray | None) -> list[Picture]:
    """All pictures of a moment; `place` (4, 4) moves points from the LiDAR to the camera."""
    clouds = [cloud_picture(moment, across, place) for across in (0, 2)]
    before = [depth_picture(moment, camera)] if "depth" in moment.frames else []
    after = [csi_picture(moment.frames["csi"])] if "csi" in moment.frames else []
    return [*before, *clouds, *after]


def depth_picture(moment: Moment, camera: DepthSensor) -> Picture:
    """The depth map, near is bright, with the skeletons projected into it."""
    depth = moment.frames["depth"]
    rows, columns = depth.shape
    width = HEIGHT * columns / rows
    zoom = np.array([width / 640.0, HEIGHT / 480.0])
    focal, centre = np.array([camera.fx, camera.fy]), np.array([camera.cx, camera.cy])
    drawn = []
    for joints, kind in _skeletons(moment):
        ahead = np.maximum(joints[:, 2:], 0.1)
        places = (joints[:, :2] / ahead * focal + centre) * zoom
        drawn.append((f"{kind} on-depth", _bones(places)))
    return Picture("depth map", width, _shaded(depth), "", drawn)


def cloud_picture(moment: Moment, across: int, lidar_to_camera: FloatArray | None) -> Picture:
    """Point cloud, if used, and skeletons from the front (`across` 0) or the side (2)."""
    skeletons = _skeletons(moment)
    middle = skeletons[0][0].mean(axis=0)[[across, 1]]
    zoom, centre = HEIGHT / (2 * _AROUND_M), np.array([_WIDTH / 2, HEIGHT / 2])

    def placed(points: Array) -> Array:
        places: Array = (points[:, [across, 1]] - middle) * zoom + centre
        return places

    side = "side" if across == 2 else "front"
    drawn = [(kind, _bones(placed(joints))) for joints, kind in skeletons]
    if "lidar" not in moment.frames:
        return Picture(side, _WIDTH, skeletons=drawn)
    cloud = placed(in_camera(moment.frames["lidar"], lidar_to_camera))
    return Picture(f"points, {side}", _WIDTH, "", _points(cloud), drawn)


def csi_picture(csi: FloatArray) -> Picture:
    """Amplitudes: packets of every antenna below each other, subcarriers from left to right."""
    antennas, carriers, packets = csi.shape
    spaced = np.full((antennas, packets + 2, carriers), np.nan)
    spaced[:, :packets] = csi.transpose(0, 2, 1)
    flat = spaced.reshape(-1, carriers)[:-2]
    low, high = np.nanmin(flat), np.nanmax(flat)
    grey = 255 * (flat - low) / max(high - low, 1e-9)
    return Picture("CSI by antenna", _WIDTH, _image(np.nan_to_num(grey, nan=0.0)))


def in_camera(points: FloatArray, lidar_to_camera: FloatArray | None) -> Array:
    """Points (N, 3) of the LiDAR in the camera frame; merely turned when its place is unknown."""
    matrix = TURNED if lidar_to_camera is None else np.asarray(lidar_to_camera, np.float64)
    moved: Array = points @ matrix[:3, :3].T + matrix[:3, 3]
    return moved


def _skeletons(moment: Moment) -> Sequence[tuple[FloatArray, str]]:
    """The truth first, so that the estimate lies on it."""
    truth = moment.truth_m
    known = truth is not None and bool(np.isfinite(truth).all())
    before = [(truth, "truth")] if truth is not None and known else []
    return [*before, (moment.joints_m, "estimate")]


def _bones(places: Array) -> str:
    """The path of a skeleton whose joints lie at these places (J, 2)."""
    lines = (places[list(bone)] for bone in BONES)
    return "".join(f"M{x:.1f} {y:.1f}L{u:.1f} {v:.1f}" for (x, y), (u, v) in lines)


def _points(places: Array) -> str:
    """A path of dots, each after the one before it; those outside the picture are left out."""
    seen = ((places > 0) & (places < np.array([_WIDTH, HEIGHT]))).all(axis=1)
    halves = np.unique(np.rint(places[seen] / POINTS_SCALE).astype(int), axis=0)
    steps = np.diff(halves, axis=0, prepend=0)
    return "".join(f"m{x} {y}h0" for x, y in steps.tolist()).replace(" -", "-")


def _shaded(depth: FloatArray) -> str:
    """Near is bright, over the range that this very picture has."""
    there = depth[depth > 0]
    low, high = np.percentile(there, (1, 99)) if there.size else (0.0, 1.0)
    near = (high - depth) / max(high - low, 1e-3)
    grey = _DARKEST + np.clip(near, 0, 1) * (_BRIGHTEST - _DARKEST)
    return _image(np.where(depth > 0, grey, 0.0))


def _image(grey: Array) -> str:
    """A data URI of an image of values 0 to 255, without loss."""
    coloured = cv2.applyColorMap(np.rint(grey).astype(np.uint8), cv2.COLORMAP_BONE)
    done, data = cv2.imencode(".webp", coloured, [cv2.IMWRITE_WEBP_QUALITY, 101])
    if not done:
        raise RuntimeError(f"OpenCV cannot write an image of {grey.shape}; expected it to")
    return "data:image/webp;base64," + b64encode(data.tobytes()).decode("ascii")
