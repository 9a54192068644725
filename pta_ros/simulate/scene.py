"""What depth camera and LiDAR see: the lab, a body in it, and each sensor's own noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import open3d as o3d
from numpy.typing import NDArray

from pta_ros.simulate import room
from pta_ros.simulate.body import FACES
from pta_ros.simulate.kinematics import Array

Float32 = NDArray[np.float32]
Points = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class CameraModel:
    """Pinhole depth camera with the noise of a structured-light sensor.

    Noise grows with the square of depth: `noise` (1/m) times z² is its standard deviation in
    metres, `disparity_step` (1/m) the quantum of 1/z (Khoshelham and Elberink 2012).
    `edge_m` is the jump at which an edge loses half its pixels; `missing` a share of lost pixels.
    """

    width: int = 640
    height: int = 480
    fx: float = 570.0
    fy: float = 570.0
    cx: float = 319.5
    cy: float = 239.5
    noise: float = 1.4e-3
    disparity_step: float = 1.4e-3
    edge_m: float = 0.12
    missing: float = 0.004

    def rays(self) -> Float32:
        """Rays (height, width, 6) from the origin, with z = 1 so that a hit's t is its depth."""
        v, u = np.mgrid[: self.height, : self.width].astype(np.float32)
        out = np.zeros((self.height, self.width, 6), np.float32)
        out[..., 3], out[..., 4] = (u - self.cx) / self.fx, (v - self.cy) / self.fy
        out[..., 5] = 1.0
        return out

    def project(self, points: Points) -> Points:
        """Pixels (..., 2) as (u, v) of points (..., 3) in the camera frame."""
        u = self.fx * points[..., 0] / points[..., 2] + self.cx
        return np.stack([u, self.fy * points[..., 1] / points[..., 2] + self.cy], axis=-1)


@dataclass(frozen=True)
class LidarModel:
    """A scanning LiDAR: `lines` of elevation, `columns` of azimuth, denser straight ahead."""

    lines: int = 36
    columns: int = 56
    elevation_deg: tuple[float, float] = (-24.0, 16.0)
    azimuth_deg: float = 40.0
    centre: float = 0.3  # azimuth step straight ahead as a share of the mean step
    noise_m: float = 0.015
    missing: float = 0.03

    def directions(self) -> Array:
        """Unit vectors (lines × columns, 3) in the LiDAR frame (x forward, y left, z up)."""
        u = np.linspace(-1.0, 1.0, self.columns)
        azimuth = np.deg2rad(self.azimuth_deg * (self.centre * u + (1.0 - self.centre) * u**3))
        elevation = np.deg2rad(np.linspace(*self.elevation_deg, self.lines))[:, None]
        # every second line is half a step aside, as in staggered scan patterns
        azimuth = azimuth + (np.arange(self.lines) % 2)[:, None] * np.gradient(azimuth) / 2
        out = np.stack(
            [
                np.cos(elevation) * np.cos(azimuth),
                np.cos(elevation) * np.sin(azimuth),
                np.broadcast_to(np.sin(elevation), azimuth.shape),
            ],
            axis=-1,
        )
        return out.reshape(-1, 3)


def lidar_to_camera(points: Points) -> Points:
    """Points (..., 3) from the LiDAR frame (forward, left, up) to the camera frame."""
    x, y, z = points[..., 0], points[..., 1], points[..., 2]
    return np.stack([-y, -z - room.LIDAR_ABOVE_CAMERA, x], axis=-1)


def camera_to_lidar(points: Points) -> Points:
    """Points (..., 3) from the camera frame to the LiDAR frame."""
    x, y, z = points[..., 0], points[..., 1], points[..., 2]
    return np.stack([z, -x, -y - room.LIDAR_ABOVE_CAMERA], axis=-1)


class World:
    """One arrangement of the lab, with its empty depth image and empty LiDAR scan prepared."""

    def __init__(
        self,
        scene: str = "E01",
        camera: CameraModel | None = None,
        lidar: LidarModel | None = None,
    ) -> None:
        self.scene = scene
        self.camera = camera or CameraModel()
        self.lidar_model = lidar or LidarModel()
        empty = _boxes_scene(room.boxes(scene))
        self._rays = self.camera.rays()
        # copies: what open3d returns keeps its own memory alive, and it complains at exit
        self._empty_depth = _cast(empty, self._rays).copy()
        self._directions = self.lidar_model.directions()
        self._lidar_rays = _lidar_rays(self._directions)
        self._empty_ranges = _cast(empty, self._lidar_rays).copy()

    def clean_depth(self, vertices: Float32) -> Float32:
        """Depth image (480, 640) in metres without noise of a body surface (V, 3) in the lab."""
        return self._depth_of(_body_scene(vertices), vertices)

    def observe(self, vertices: Float32, seeds: tuple[list[int], list[int]]) -> Views:
        """Noisy depth image and LiDAR scan of a body surface (V, 3), one noise seed for each."""
        scene = _body_scene(vertices)
        depth = self._depth_of(scene, vertices)
        depth_rng, lidar_rng = (np.random.default_rng(seed) for seed in seeds)
        return Views(
            _depth_noise(depth, self.camera, depth_rng), self._scan(scene, vertices, lidar_rng)
        )

    def _depth_of(self, scene: o3d.t.geometry.RaycastingScene, vertices: Float32) -> Float32:
        pixels = self.camera.project(vertices)
        size = (self.camera.width, self.camera.height)
        low = np.clip(np.floor(pixels.min(axis=0)).astype(int) - 1, 0, size)
        high = np.clip(np.ceil(pixels.max(axis=0)).astype(int) + 2, 0, size)
        window = np.s_[low[1] : high[1], low[0] : high[0]]
        depth = self._empty_depth.copy()
        depth[window] = np.minimum(depth[window], _cast(scene, self._rays[window]))
        return depth

    def _scan(
        self,
        scene: o3d.t.geometry.RaycastingScene,
        vertices: Float32,
        rng: np.random.Generator,
    ) -> Float32:
        model = self.lidar_model
        seen = camera_to_lidar(vertices)
        slope = seen[:, 1] / seen[:, 0]
        aim = self._directions[:, 1] / self._directions[:, 0]
        near = (aim > slope.min() - 0.02) & (aim < slope.max() + 0.02)
        ranges = self._empty_ranges.copy()
        ranges[near] = np.minimum(ranges[near], _cast(scene, self._lidar_rays[near]))
        ranges = ranges + model.noise_m * rng.standard_normal(len(ranges), np.float32)
        kept = rng.random(len(ranges)) >= model.missing
        return (self._directions[kept] * ranges[kept, None]).astype(np.float32)


@dataclass(frozen=True, eq=False)
class Views:
    """Depth image uint16 (480, 640) in millimetres and LiDAR points float32 (N, 3) in metres."""

    depth_mm: NDArray[np.uint16]
    lidar_m: Float32


def _boxes_scene(corners: Array) -> o3d.t.geometry.RaycastingScene:
    scene = o3d.t.geometry.RaycastingScene(nthreads=1)
    for low, high in corners:
        box: Any = o3d.geometry.TriangleMesh.create_box(*(high - low)).translate(low)
        scene.add_triangles(o3d.t.geometry.TriangleMesh.from_legacy(box))
    return scene


def _body_scene(vertices: Float32) -> o3d.t.geometry.RaycastingScene:
    scene = o3d.t.geometry.RaycastingScene(nthreads=1)
    scene.add_triangles(_tensor(vertices), _tensor(FACES))
    return scene


def _cast(scene: o3d.t.geometry.RaycastingScene, rays: Float32) -> Float32:
    """Distances in units of the rays' directions, inf where nothing is hit."""
    hits = scene.cast_rays(_tensor(np.ascontiguousarray(rays)), nthreads=1)
    return np.asarray(hits["t_hit"].numpy())


def _tensor(array: Any) -> Any:
    core: Any = o3d.core  # its stubs do not know numpy arrays
    return core.Tensor(array)


def _lidar_rays(directions: Array) -> Float32:
    target = lidar_to_camera(directions)
    origin = lidar_to_camera(np.zeros(3))
    return np.concatenate([np.broadcast_to(origin, target.shape), target - origin], axis=1).astype(
        np.float32
    )


def _depth_noise(
    depth: Float32, camera: CameraModel, rng: np.random.Generator
) -> NDArray[np.uint16]:
    """Noise in blocks of 2×2 pixels (the sensor matches windows), edges and lost pixels as 0."""
    coarse = (camera.height // 2, camera.width // 2)
    noise = _double(rng.standard_normal(coarse, np.float32)) * np.float32(camera.noise)
    step = np.float32(camera.disparity_step)
    disparity = np.rint((1.0 / depth + noise) / step)
    out = np.rint(1000.0 / (disparity * step))
    lost = _double(rng.random(coarse, np.float32))
    out[lost < camera.missing] = 0.0
    out[_edges(depth, camera.edge_m) & (lost < 0.5)] = 0.0
    return np.asarray(np.clip(out, 0.0, 65535.0), np.uint16)


def _edges(depth: Float32, jump: float) -> NDArray[np.bool_]:
    """Pixels beside a jump in depth, and the farther ones' next neighbours."""
    edge = np.zeros(depth.shape, bool)
    across = np.abs(np.diff(depth, axis=1)) > jump
    edge[:, 1:] |= across
    edge[:, :-1] |= across
    edge[:, 2:] |= across[:, :-1]
    down = np.abs(np.diff(depth, axis=0)) > jump
    edge[1:] |= down
    edge[:-1] |= down
    return edge


def _double(image: Float32) -> Float32:
    return np.repeat(np.repeat(image, 2, axis=0), 2, axis=1)
