"""How fast a LiDAR's messages are read: decoded, cropped and reduced; beside open3d's tools.

Clouds are of a spinning scanner in the middle of a hall, with persons around it: every sixth
reading is no return, a sixth of the points lie in the region.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from statistics import median
from time import perf_counter
from types import SimpleNamespace
from typing import Any

import numpy as np

from pta_ros.errors import ConfigError
from pta_ros.frames import FloatArray
from pta_ros.metrics.bound import Bound, at_most
from pta_ros.sensors import LidarSensor
from pta_ros.sensors.thinning import CELL_M, thinned
from pta_ros.sensors.wire import as_bytes

#: Points in a message and the milliseconds that its way to the model may take.
LIMITS_MS = {131_072: 10.0, 524_288: 35.0}
_RINGS = 128
#: Of Ouster's and Velodyne's messages: x, y, z, then intensity, time, ring and so on.
_POINT_STEP = 48


@dataclass(frozen=True)
class CloudTimes:
    """Medians in milliseconds by number of points; `open3d` and `ours` by tool, if it is there."""

    process_ms: dict[int, float]
    ours_ms: dict[str, float]
    open3d_ms: dict[str, float]

    def bounds(self) -> list[Bound]:
        """What must hold for a message's way from its bytes to the model's input."""
        return [
            at_most(f"LiDAR, {count:,} points: decode and reduce", self.process_ms[count], ms, "ms")
            for count, ms in LIMITS_MS.items()
        ]

    def to_dict(self) -> dict[str, Any]:
        """Plain containers, for JSON."""
        return dict(vars(self))

    def notes(self) -> list[str]:
        """What the same steps take with open3d, a sentence each."""
        return [
            f"{tool} of {max(LIMITS_MS):,} points: numpy {ours:.1f} ms, open3d "
            f"{self.open3d_ms[tool]:.1f} ms"
            for tool, ours in self.ours_ms.items()
            if tool in self.open3d_ms
        ]


def scan(count: int, seed: int = 0) -> Any:
    """A PointCloud2 of `count` points, organised by ring, as a driver's message has it."""
    rng = np.random.default_rng(seed)
    columns = count // _RINGS
    azimuth = np.linspace(-math.pi, math.pi, columns, endpoint=False)[None, :]
    height = np.tan(np.linspace(-0.35, 0.35, _RINGS))[:, None]
    distance = 4.0 + 0.6 * np.sin(9 * azimuth) + rng.normal(0, 0.01, (_RINGS, columns))
    points = np.stack(
        [distance * np.cos(azimuth), distance * np.sin(azimuth), distance * height], axis=-1
    )
    points[rng.random(points.shape[:2]) < 1 / 6] = 0
    data = np.zeros((_RINGS, columns, _POINT_STEP // 4), np.float32)
    data[..., :3] = points
    fields = [
        SimpleNamespace(name=n, offset=4 * i, datatype=7, count=1) for i, n in enumerate("xyz")
    ]
    return SimpleNamespace(
        height=_RINGS, width=columns, fields=fields, is_bigendian=False, point_step=_POINT_STEP,
        row_step=_POINT_STEP * columns, data=as_bytes(data),
    )  # fmt: skip


def bench_clouds(repeats: int = 50) -> CloudTimes:
    """Time whole messages, and cropping and thinning alone, in numpy and, if there, in open3d.

    Raises ConfigError for less than one repeat.
    """
    if repeats < 1:
        raise ConfigError(f"{repeats} repeats; expected 1 or more")
    sensor = LidarSensor()
    whole = {n: _median_ms(partial(sensor.process, scan(n), "bench"), repeats) for n in LIMITS_MS}
    points = np.ascontiguousarray(sensor.decode(scan(max(LIMITS_MS)), "bench"))
    planes = np.asfortranarray(points)  # as `decode` leaves them
    crop = lambda: np.compress(sensor._inside(planes), planes.T, axis=1)  # noqa: E731
    ours = {
        "cropping": _median_ms(crop, repeats),
        "thinning": _median_ms(partial(thinned, planes, sensor.max_points), repeats),
    }
    return CloudTimes(whole, ours, _open3d_ms(points, sensor, repeats))


def _open3d_ms(points: FloatArray, sensor: LidarSensor, repeats: int) -> dict[str, float]:
    """The same steps by open3d, given its own cloud and asked for arrays; empty without it."""
    try:
        import open3d as o3d
    except ImportError:
        return {}
    cloud = o3d.t.geometry.PointCloud(o3d.core.Tensor.from_numpy(points))
    low, high = np.array([sensor.x_m, sensor.y_m, sensor.z_m], np.float32).T
    box = o3d.t.geometry.AxisAlignedBoundingBox(low.copy(), high.copy())
    calls: dict[str, Callable[[], Any]] = {
        "cropping": lambda: cloud.crop(box).point.positions.numpy(),
        "thinning": lambda: cloud.voxel_down_sample(2 * CELL_M).point.positions.numpy(),
    }
    return {tool: _median_ms(call, repeats) for tool, call in calls.items()}


def _median_ms(call: Callable[[], Any], repeats: int) -> float:
    call()
    times = []
    for _ in range(repeats):
        begun = perf_counter()
        call()
        times.append(1e3 * (perf_counter() - begun))
    return median(times)
