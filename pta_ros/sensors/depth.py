"""Depth camera: images in millimetres or metres, plain or compressed, to a small metric map."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from pta_ros.errors import ConfigError, DecodeError
from pta_ros.frames import FloatArray
from pta_ros.sensors.camera import (
    CAMERA_INFO,
    Intrinsics,
    info_fields,
    info_topic,
    is_rectified,
    read_info,
)
from pta_ros.sensors.depth_device import DepthDevice
from pta_ros.sensors.depth_faults import DepthFaults
from pta_ros.sensors.depth_map import (
    CELL,
    image_fields,
    nearest,
    returns,
    share_within,
    shrunk,
    step_of,
    unit_hint,
)
from pta_ros.sensors.image import read_pixels
from pta_ros.sensors.resample import resampling
from pta_ros.sensors.upside_down import upside_down
from pta_ros.settings import Group

#: Rows of an image that are looked at for its floor.
_ROWS = 96
#: Smaller images are no camera's.
_LEAST_SIDE = 32


@dataclass(frozen=True)
class DepthSensor(DepthFaults):
    """Physical array: float32 (480, 640) metres along the optical axis, 0 = no return.

    It is the view of the model's own camera, whose `fx fy cx cy` are pixels of a 640x480 image;
    any size of that aspect (4:3) will do. NaN is what the camera at hand does not see of that view:
    nothing is judged by it, and the model, which knows no word for it, is given the nearest reading
    (no return there would double its error: `bench_cameras`). `min_m..max_m` is the sensing volume:
    nearer and farther readings reduce to 0.
    """

    modality: ClassVar[str] = "depth"
    sensor_set: ClassVar[str] = "mmfi"
    topic: ClassVar[str] = "depth/image"
    message_type: ClassVar[str] = "sensor_msgs/msg/Image"
    frame_id: ClassVar[str] = "depth_optical_frame"
    colour: ClassVar[str] = "#0072B2"
    letter: ClassVar[str] = "D"
    values_field: ClassVar[str] = "data"
    picture: ClassVar[str] = "image"
    installation: ClassVar[type[Group]] = DepthDevice

    height: int = 96
    width: int = 128
    #: Pixels per side of what becomes one reading: 5 (see `reduce`), or 1, which keeps every pixel.
    cell: int = CELL
    min_m: float = 0.5
    max_m: float = 4.5
    fx: float = 570.0
    fy: float = 570.0
    cx: float = 319.5
    cy: float = 239.5
    #: Least share of pixels inside the sensing volume; below it the image counts as empty.
    min_valid: float = 0.02
    #: Just above the largest 16-bit millimetre value: farther can only be a wrong unit.
    plausible_m: float = 65.6
    max_implausible: float = 0.01
    #: Largest median step between neighbouring pixels; surfaces are smooth, noise is not.
    max_step_m: float = 0.1

    def __post_init__(self) -> None:
        if min(self.height, self.width) < 1 or not 0 <= self.min_m < self.max_m:
            raise ConfigError(
                f"depth: size {self.height}x{self.width}, range {self.min_m}..{self.max_m} m; "
                "expected a positive size and 0 <= min_m < max_m"
            )
        if self.cell not in (1, CELL):
            raise ConfigError(f"depth: cell {self.cell}; expected 1 or {CELL} pixels")

    @property
    def shape(self) -> tuple[int, ...]:
        """(height, width) of the reduced map."""
        return (self.height, self.width)

    @property
    def camera(self) -> Intrinsics:
        """The model's own camera, at the size that `reduce` works on."""
        own = Intrinsics(640, 480, self.fx, self.fy, self.cx, self.cy)
        return own.scaled(self.width * self.cell, self.height * self.cell)

    def installed(self, given: Group) -> DepthCamera:
        """This sensor behind the camera that the operator describes."""
        mount = given if isinstance(given, DepthDevice) else DepthDevice()
        mount.check()
        own = {f.name: getattr(self, f.name) for f in fields(DepthSensor)}
        return DepthCamera(**own, mount=mount)

    def side_fields(self) -> dict[str, tuple[str, dict[str, Any]]]:
        """CameraInfo of the model's own camera, 640x480."""
        own = Intrinsics(640, 480, self.fx, self.fy, self.cx, self.cy)
        return {info_topic(self.topic): (CAMERA_INFO, info_fields(own))}

    def decode(self, msg: Any, source: str) -> FloatArray:
        """Read a sensor_msgs/Image or CompressedImage (see `read_pixels`)."""
        return returns(read_pixels(msg, source))

    def fields(self, array: NDArray[Any]) -> dict[str, Any]:
        """A sensor_msgs/Image (height, width): 16UC1 of uint16 millimetres, 32FC1 of metres."""
        return image_fields(array)

    def compact(self, array: FloatArray) -> NDArray[Any]:
        """Whole millimetres, uint16."""
        return np.rint(array * 1e3).astype(np.uint16)

    def check(self, array: FloatArray, source: str) -> None:
        """Reject wrong shapes, wrong units, noise and images that show nothing."""
        self._check_shape(array, source)
        seen, low, high = array, float(array.min()), float(array.max())
        if np.isnan(low):
            seen = self._seen(array, source)
            low, high = float(seen.min()), float(seen.max())
        if not np.isfinite(low + high):
            raise DecodeError(source, "infinite depth", "metres, 0 where nothing returned")
        if low < 0 or high > self.plausible_m:
            self._check_plausible(seen, low, high, source)
        valid = share_within(seen, self.min_m, self.max_m, self.min_valid)
        if valid < self.min_valid:
            reason = f"only {valid:.1%} of the pixels lie in {self.min_m}..{self.max_m} m"
            expected = f"at least {self.min_valid:.0%}{self._hint(seen)}"
            raise DecodeError(source, reason, expected)
        step = step_of(array)
        if step > self.max_step_m:
            reason = f"neighbouring pixels differ by {step:.2f} m (noise)"
            raise DecodeError(source, reason, f"at most {self.max_step_m:g} m for most of them")

    def reduce(self, array: FloatArray) -> FloatArray:
        """Shrink to (height, width) metres; every value is one pixel's own reading, never a mean.

        Each cell takes the median of five of its pixels that lie in the sensing volume (the nearer
        middle one of an even count), so an edge stays an edge; a cell without any becomes 0.
        """
        native = nearest(array, (self.height * self.cell, self.width * self.cell))
        return shrunk(native, self.cell, self.min_m, self.max_m)

    def _check_shape(self, array: FloatArray, source: str) -> None:
        """Reject anything but a non-empty image of the model's aspect."""
        if array.ndim != 2 or array.size == 0:
            raise DecodeError(source, f"depth of shape {array.shape}", "a (height, width) image")
        height, width = array.shape
        if width * self.height != height * self.width:
            expected = f"an aspect of {self.width}:{self.height}, for example 640x480"
            raise DecodeError(source, f"image of {width}x{height}", expected)

    def _seen(self, array: FloatArray, source: str) -> FloatArray:
        """The pixels, flat, that the camera sees at all; raises DecodeError if they are too few."""
        seen = array[~np.isnan(array)]
        if seen.size < self.min_valid * array.size:
            reason = f"NaN but for {seen.size / array.size:.1%}: nearly nothing of the model's view"
            raise DecodeError(source, reason, f"at least {self.min_valid:.0%}; see depth.rotation")
        return seen

    def _hint(self, metres: FloatArray) -> str:
        return unit_hint(metres)

    def _check_plausible(self, array: FloatArray, low: float, high: float, source: str) -> None:
        """Reject images where too many pixels cannot be a distance in metres."""
        share = np.count_nonzero((array < 0) | (array > self.plausible_m)) / array.size
        if share > self.max_implausible:
            reason = f"{share:.1%} of the depths are implausible ({low:.4g} to {high:.4g} m)"
            expected = f"metres in 0..{self.plausible_m:g}{self._hint(array)}"
            raise DecodeError(source, reason, expected)


@dataclass(frozen=True)
class DepthCamera(DepthSensor):
    """A depth sensor as it is installed: what any camera sees, through the model's own camera.

    `told` are the intrinsics that CameraInfo told, if any came.
    """

    mount: DepthDevice = field(default_factory=DepthDevice)
    told: Intrinsics | None = None

    def side_topics(self, topic: str) -> dict[str, str]:
        """CameraInfo, unless the parameters say all of it."""
        info = self.mount.info_topic(topic)
        return {info: CAMERA_INFO} if info else {}

    def side_fields(self) -> dict[str, tuple[str, dict[str, Any]]]:
        """CameraInfo, of this camera where its intrinsics are told."""
        if self.told is None:
            return super().side_fields()
        return {info_topic(self.topic): (CAMERA_INFO, info_fields(self.told))}

    def taught(self, msg: Any, topic: str, side: str) -> DepthCamera:
        """This sensor with the intrinsics of a CameraInfo."""
        return replace(self, told=read_info(msg, is_rectified(topic), side))

    def remarks(self, topic: str) -> tuple[str, ...]:
        """Intrinsics that nobody has told."""
        if self.mount.fx or self.told:
            return ()
        return (
            f"intrinsics assumed (focal length {self.fx:g} px in {self.camera.width} x "
            f"{self.camera.height}): no CameraInfo on {self.mount.info_topic(topic)}; set "
            "depth.camera_info, or depth.fx",
        )

    def frame_of(self, frame_id: str) -> str:
        """The image's frame; a turned image is in no frame that /tf knows."""
        return f"{frame_id}_upright" if self.mount.rotation else frame_id

    def decode(self, msg: Any, source: str) -> FloatArray:
        """The view of the model's camera; NaN is what this camera does not see of it."""
        return self.view(read_pixels(msg, source), source)

    def view(self, pixels: NDArray[Any], source: str) -> FloatArray:
        """The same of an image's numbers (height, width) as they come, also from a file."""
        height, width = pixels.shape
        if min(height, width) < _LEAST_SIDE:
            expected = f"a depth image of at least {_LEAST_SIDE} pixels a side"
            raise DecodeError(source, f"image of {width}x{height}", expected)
        own, units = self.camera, (self.mount.scale_m, self.mount.float_scale_m)
        unit_m = np.float32(units[pixels.dtype.kind == "f"])
        camera = self.mount.camera(self.told, own, (width, height), source)
        way = resampling(camera, self.mount.rotation, own) if camera else None
        # Picked before they are converted: few pixels of a large image are looked at.
        return way.mark(returns(way(pixels), unit_m)) if way else returns(pixels, unit_m)

    def remark(self, msg: Any, array: FloatArray, source: str) -> str:
        """A floor at the top of the upright image."""
        step = max(1, len(array) // _ROWS)
        focal_px = self.fy / 480 * len(array) / step
        if not upside_down(array[::step, :: 4 * step], focal_px):
            return ""
        return (
            f"the floor is at the top of the image turned by {self.mount.rotation} degrees: upside "
            f"down? set depth.rotation to {(self.mount.rotation + 180) % 360}"
        )

    def _hint(self, metres: FloatArray) -> str:
        return unit_hint(metres, self.mount.scale_m, self.mount.float_scale_m)
