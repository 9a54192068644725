"""LiDAR: sensor_msgs/PointCloud2 of any size, cropped to a region and thinned to a fixed count."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import fpsample
import numpy as np
from numpy.typing import NDArray

from pta_ros.errors import ConfigError, DecodeError, NobodySeen
from pta_ros.frames import FloatArray
from pta_ros.sensors.base import Sensor
from pta_ros.sensors.lidar_setup import OTHER_TYPES, LidarInstallation, Range, region
from pta_ros.sensors.pointcloud import FLOAT32, INT32, read_layout, read_xyz, xyz_views
from pta_ros.sensors.thinning import distinct, thinned
from pta_ros.sensors.wire import as_bytes, changed, read, read_bytes
from pta_ros.settings import Group

#: Pose of MM-Fi's and the simulator's LiDAR (x forward, y left, z up) in the camera's frame (x
#: right, y down, z forward): "x y z roll pitch yaw" in metres and degrees, 0.15 m above the camera.
POSE = "0 -0.15 0 0 -90 90"

#: Tree height of fpsample's bucket method: fastest for the few hundred to few thousand points here.
_TREE_HEIGHT = 3


@dataclass(frozen=True)
class LidarSensor(Sensor):
    """Physical array: float32 (N, 3) metres in the LiDAR frame (x forward, y left, z up).

    `x_m y_m z_m` bound the region of interest, which leaves out the floor.
    """

    modality: ClassVar[str] = "lidar"
    sensor_set: ClassVar[str] = "mmfi"
    topic: ClassVar[str] = "lidar/points"
    message_type: ClassVar[str] = "sensor_msgs/msg/PointCloud2"
    frame_id: ClassVar[str] = "lidar_frame"
    colour: ClassVar[str] = "#E69F00"
    letter: ClassVar[str] = "L"
    values_field: ClassVar[str] = "data"
    picture: ClassVar[str] = "points"
    installation: ClassVar[type[Group]] = LidarInstallation
    other_types: ClassVar[Mapping[str, str]] = OTHER_TYPES

    points: int = 512
    #: The first rows are the cloud's exact farthest-point sequence: group centres for an encoder.
    centres: int = 32
    #: A smaller crop is filled up with rows of NaN, and keeps its exact repeats: what an encoder
    #: needs to which the number of points matters. Without it rows are repeated.
    pad: bool = False
    x_m: Range = (1.5, 4.5)
    y_m: Range = (-1.5, 1.5)
    z_m: Range = (-1.05, 1.3)
    #: Fewer points than this in the region cannot show a person.
    min_points: int = 16
    #: What is left of a larger crop is thinned evenly before the farthest points are chosen.
    max_points: int = 20_000
    #: Metres of one unit of the message's coordinates.
    scale_m: float = 1.0
    #: A coordinate beyond this is no reading of an indoor scanner; a few strays are forgiven.
    plausible_m: float = 200.0
    max_implausible: float = 0.01

    def __post_init__(self) -> None:
        ranges = (self.x_m, self.y_m, self.z_m)
        if any(len(r) != 2 or not r[0] < r[1] for r in ranges):
            raise ConfigError(f"lidar: region {ranges}; expected (low, high) per axis, low < high")
        if not 1 <= self.min_points <= self.max_points or not 1 <= self.centres <= self.points:
            raise ConfigError(
                f"lidar: points {self.points}, centres {self.centres}, min_points "
                f"{self.min_points}, max_points {self.max_points}; expected "
                "1 <= min_points <= max_points and 1 <= centres <= points"
            )
        if self.pad and self.min_points < self.centres:
            raise ConfigError(
                f"lidar: min_points {self.min_points}, centres {self.centres}; "
                "with pad expected min_points >= centres: every centre is a point"
            )

    @property
    def shape(self) -> tuple[int, ...]:
        """(points, 3)."""
        return (self.points, 3)

    def decode(self, msg: Any, source: str) -> FloatArray:
        """Read the returns of a sensor_msgs/PointCloud2 of any size and layout."""
        return read_xyz(msg, source, self.scale_m)

    def remark(self, msg: Any, array: FloatArray, source: str) -> str:
        """A row_step that its data contradict."""
        return read_layout(msg, source).remark

    def after_node(self) -> LidarSensor:
        """Without a region: the sensor node cut out the operator's, wherever that lies."""
        everywhere = (-math.inf, math.inf)
        return replace(self, x_m=everywhere, y_m=everywhere, z_m=everywhere)

    def installed(self, given: Group) -> LidarSensor:
        """With the region, the least points and the unit that the operator names."""
        if not isinstance(given, LidarInstallation):
            return self
        x_m, y_m, z_m = region(given.region) or (self.x_m, self.y_m, self.z_m)
        least, lowest = given.min_points or self.min_points, self.centres if self.pad else 1
        if not lowest <= least <= self.max_points:
            expected = f"this model needs {lowest} to {self.max_points}"
            raise ConfigError(f"lidar.min_points is {least}; {expected}")
        return replace(self, x_m=x_m, y_m=y_m, z_m=z_m, min_points=least, scale_m=given.scale_m)

    def fields(self, array: NDArray[Any]) -> dict[str, Any]:
        """A sensor_msgs/PointCloud2 of points (N, 3), unordered; rows of NaN are left out."""
        points = np.ascontiguousarray(array[np.isfinite(array).all(axis=1)], "<f4")
        return {
            "height": 1,
            "width": len(points),
            "fields": [
                {"name": name, "offset": 4 * i, "datatype": FLOAT32, "count": 1}
                for i, name in enumerate("xyz")
            ],
            "is_bigendian": False,
            "point_step": 12,
            "row_step": 12 * len(points),
            "is_dense": True,
            "data": as_bytes(points),
        }

    def check(self, array: FloatArray, source: str) -> None:
        """Reject wrong shapes and absurd ranges; NobodySeen when the region is all but empty."""
        if array.ndim != 2 or array.shape[1] != 3:
            raise DecodeError(source, f"cloud of shape {array.shape}", "(N, 3)")
        if len(array) and (far := self._implausible(array)) > self.max_implausible:
            expected = (
                f"metres within {self.plausible_m:g} (another unit? {self.modality}.scale_m tells)"
            )
            raise DecodeError(source, f"{far:.1%} of the points are implausible", expected)
        inside = int(np.count_nonzero(self._inside(array)))
        if inside < self.min_points:
            reason = f"sees nobody: {inside:,} of {len(array):,} points in the region"
            raise NobodySeen(source, reason, f"at least {self.min_points}")

    def _implausible(self, array: FloatArray) -> float:
        """Share of the points that are too far away; NaN is."""
        if array.min() >= -self.plausible_m and array.max() <= self.plausible_m:
            return 0.0
        near = (np.abs(array) <= self.plausible_m).all(axis=1)
        return 1 - np.count_nonzero(near) / len(array)

    def reduce(self, array: FloatArray) -> FloatArray:
        """Crop a checked cloud and keep exactly `points` rows, spread by farthest-point sampling.

        Deterministic, and reducing again changes nothing. Behind the `centres` the rows are a set;
        a smaller crop repeats its rows cyclically, which a max-pooling encoder cannot notice, or
        has NaN in the rows that are left (`pad`).
        """
        crop = np.compress(self._inside(array), array.T, axis=1).T
        crop = np.ascontiguousarray(thinned(crop, self.max_points), np.float32)
        if not self.pad:
            crop = distinct(crop)
        if len(crop) > self.points:
            rows = fpsample.bucket_fps_kdline_sampling(crop, self.points, _TREE_HEIGHT, start_idx=0)
            crop = crop[rows.astype(np.intp)]
        count = min(self.centres, len(crop))
        first = fpsample.fps_sampling(crop, count, start_idx=0).astype(np.intp)
        rest = np.delete(np.arange(len(crop)), first)
        order = np.concatenate([first, rest])
        if self.pad:
            missing = ((0, self.points - len(order)), (0, 0))
            return np.pad(crop[order], missing, constant_values=np.nan)
        reduced: FloatArray = crop[order[np.arange(self.points) % len(order)]]
        return reduced

    def usable(self, reduced: FloatArray) -> bool:
        """Whether all rows are points, or with `pad` enough of them, before those of NaN."""
        if not self.pad:
            return super().usable(reduced)
        points = np.asarray(np.isfinite(reduced).all(axis=1))
        count = int(np.count_nonzero(points))
        return count >= self.min_points and bool(points[:count].all())

    def _inside(self, array: FloatArray) -> NDArray[np.bool_]:
        """Mark the points inside the region of interest, bounds included."""
        inside = np.ones(len(array), np.bool_)
        for axis, (low, high) in enumerate((self.x_m, self.y_m, self.z_m)):
            column = array[:, axis]
            inside &= (column >= low) & (column <= high)
        return inside

    # -- injected faults, see Sensor ------------------------------------------------------------

    own_faults: ClassVar[tuple[str, ...]] = ("noise", "dropout", "nan", "wrong_encoding")
    noise_text: ClassVar[str] = "sigma {v:g} m"

    def editable(self, msg: Any, source: str) -> tuple[Any, tuple[NDArray[Any], ...]]:
        """A copy and its x, y and z, (height, width) each, in metres."""
        other = changed(msg, data=read_bytes(msg, "data", source).copy())
        return other, xyz_views(other, source)

    def add_noise(self, values: NDArray[Any], strength: float, rng: np.random.Generator) -> None:
        """Every coordinate is off by `strength` metres (one sigma)."""
        values += rng.standard_normal(values.shape) * strength

    def without_some(self, msg: Any, share: float, rng: np.random.Generator, source: str) -> Any:
        """A copy without a share of the points; in an organised cloud they are NaN instead."""
        other, columns = self.editable(msg, source)
        lost = rng.random(columns[0].shape) < share
        if msg.height != 1:
            for column in columns:
                column[lost] = np.nan
            return changed(other, is_dense=False)
        points = other.data[: msg.width * msg.point_step].reshape(msg.width, msg.point_step)
        kept = points[~lost[0]]
        return changed(other, data=kept.reshape(-1), width=len(kept), row_step=kept.size)

    def wrongly_declared(self, msg: Any, source: str) -> Any:
        """A copy of a message whose coordinates call themselves whole numbers."""
        fields = [changed(field, datatype=INT32) for field in read(msg, "fields", source)]
        return changed(msg, fields=fields)
