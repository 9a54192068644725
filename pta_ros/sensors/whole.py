"""Sensors whose readings are kept whole: for models that find people anywhere, and data sets.

A model for one person in a fixed place sees its own camera's view and a region of the cloud; one
that finds people sees all of it, with the lens and the sensor's pose. A reading in which nobody is
is as good as any other: it is never NobodySeen.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace

import numpy as np

from pta_ros.errors import ConfigError, DecodeError
from pta_ros.frames import FloatArray
from pta_ros.sensors.base import Sensor
from pta_ros.sensors.camera import Intrinsics
from pta_ros.sensors.csi import CsiSensor
from pta_ros.sensors.depth import DepthCamera, DepthSensor
from pta_ros.sensors.depth_device import DepthDevice
from pta_ros.sensors.depth_map import returns, step_of
from pta_ros.sensors.image import read_pixels
from pta_ros.sensors.lidar import LidarSensor
from pta_ros.sensors.lidar_setup import LidarInstallation
from pta_ros.settings import Group

#: Pixels of an image that is kept as it is; of a larger one every n-th row and column.
_MOST_PIXELS = 1_000_000
_LEAST_SIDE = 32
#: A camera of whose pixels fewer return anything, however far, is covered or broken.
_LEAST_RETURNS = 0.002


def whole(sensor: Sensor) -> WholeDepth | WholeLidar:
    """The same sensor for a model that finds people; raises ConfigError where there is none."""
    if isinstance(sensor, DepthSensor):
        kept = fields(sensor if isinstance(sensor, DepthCamera) else DepthSensor)
        return WholeDepth(**{f.name: getattr(sensor, f.name) for f in kept})
    if isinstance(sensor, LidarSensor):
        return WholeLidar(**{f.name: getattr(sensor, f.name) for f in fields(LidarSensor)})
    raise ConfigError(f"{sensor.modality}: no model finds people by it; expected depth or lidar")


def all_whole(sensors: Mapping[str, Sensor]) -> dict[str, Sensor]:
    """The sensors of a model that finds people."""
    return {modality: whole(sensor) for modality, sensor in sensors.items()}


def kept(sensor: Sensor) -> Sensor:
    """The same sensor whose readings are kept whole, for data sets; raises ConfigError."""
    if isinstance(sensor, CsiSensor):
        return WholeCsi(**{f.name: getattr(sensor, f.name) for f in fields(CsiSensor)})
    return whole(sensor)


@dataclass(frozen=True)
class WholeDepth(DepthCamera):
    """Physical array: float32 (height, width) metres, 0 = no return, as the camera at hand sees it.

    What is kept is the same, thinned where it is very large; `lens` is that of what is kept. The
    image is not turned: how the camera is held is for its pose to say.
    """

    def installed(self, given: Group) -> WholeDepth:
        """This sensor with the lens and the unit that the operator describes."""
        mount = given if isinstance(given, DepthDevice) else DepthDevice()
        mount.check()
        return replace(self, mount=mount)

    def frame_of(self, frame_id: str) -> str:
        """The image's own frame."""
        return frame_id

    def decode(self, msg: object, source: str) -> FloatArray:
        """Read a sensor_msgs/Image or CompressedImage, all of its pixels."""
        pixels = read_pixels(msg, source)
        height, width = pixels.shape
        if min(height, width) < _LEAST_SIDE:
            expected = f"a depth image of at least {_LEAST_SIDE} pixels a side"
            raise DecodeError(source, f"image of {width}x{height}", expected)
        unit_m = (self.mount.scale_m, self.mount.float_scale_m)[pixels.dtype.kind == "f"]
        return returns(pixels, np.float32(unit_m))

    def remark(self, msg: object, array: FloatArray, source: str) -> str:
        """Nothing: where the floor is, its pose says."""
        return ""

    def lens(self, shape: tuple[int, int], source: str) -> Intrinsics:
        """The lens of what is kept of an image (height, width); raises DecodeError.

        As the operator gives it, as CameraInfo told it, or assumed (see `remarks`).
        """
        height, width = shape
        own = Intrinsics(640, 480, self.fx, self.fy, self.cx, self.cy)
        mount = replace(self.mount, rotation=0)  # the image stays as it came
        known = mount.camera(self.told, own, (width, height), source)
        return (known or own.scaled(width, height)).every(_step(shape))

    def check(self, array: FloatArray, source: str) -> None:
        """Reject wrong units, noise, and an image in which nothing returns at any distance."""
        low, high = float(array.min()), float(array.max())
        if low < 0 or high > self.plausible_m:
            self._check_plausible(array, low, high, source)
        found = np.count_nonzero(array) / array.size
        if found < _LEAST_RETURNS:
            reason = f"{found:.1%} of the pixels return anything"
            expected = f"at least {_LEAST_RETURNS:.1%}: is the camera covered, or its emitter off?"
            raise DecodeError(source, reason, expected)
        step = step_of(array)
        if step > self.max_step_m:
            reason = f"neighbouring pixels differ by {step:.2f} m (noise)"
            raise DecodeError(source, reason, f"at most {self.max_step_m:g} m for most of them")

    def prepare(self, array: FloatArray, source: str) -> FloatArray:
        """Check one image; what is kept of it."""
        self.check(array, source)
        return self.reduce(array)

    def reduce(self, array: FloatArray) -> FloatArray:
        """Every pixel, of a very large image every n-th row and column."""
        step = _step(array.shape)
        return array if step == 1 else np.ascontiguousarray(array[::step, ::step])


def _step(shape: tuple[int, ...]) -> int:
    return max(1, int(np.ceil(np.sqrt(shape[0] * shape[1] / _MOST_PIXELS))))


@dataclass(frozen=True)
class WholeLidar(LidarSensor):
    """Physical array: float32 (N, 3) metres in the LiDAR's frame; all of it is kept."""

    region: str = ""

    def installed(self, given: Group) -> WholeLidar:
        """With the unit that the operator names; `region` is kept to remark upon it."""
        if not isinstance(given, LidarInstallation):
            return self
        least = given.min_points or self.min_points
        return replace(self, min_points=least, scale_m=given.scale_m, region=given.region)

    def remarks(self, topic: str) -> tuple[str, ...]:
        """A region, which means nothing here."""
        if not self.region:
            return ()
        return ("lidar.region is not used: this model looks for people everywhere",)

    def check(self, array: FloatArray, source: str) -> None:
        """Reject wrong shapes, absurd ranges, and a cloud in which next to nothing returns."""
        if array.ndim != 2 or array.shape[1] != 3:
            raise DecodeError(source, f"cloud of shape {array.shape}", "(N, 3)")
        if len(array) < self.min_points:
            expected = f"at least {self.min_points}: is the LiDAR covered?"
            raise DecodeError(source, f"{len(array)} points", expected)
        if (far := self._implausible(array)) > self.max_implausible:
            expected = f"metres within {self.plausible_m:g} (another unit? lidar.scale_m tells)"
            raise DecodeError(source, f"{far:.1%} of the points are implausible", expected)

    def prepare(self, array: FloatArray, source: str) -> FloatArray:
        """Check one cloud, which is kept."""
        self.check(array, source)
        return array

    def reduce(self, array: FloatArray) -> FloatArray:
        """All of it."""
        return array


@dataclass(frozen=True)
class WholeCsi(CsiSensor):
    """Physical array: as CsiSensor's, linear, NaN and inf where nothing was received; all kept."""

    def prepare(self, array: FloatArray, source: str) -> FloatArray:
        """Check one frame, which is kept."""
        self.check(array, source)
        return array

    def reduce(self, array: FloatArray) -> FloatArray:
        """All of it."""
        return array
