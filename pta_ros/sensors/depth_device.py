"""What an operator says of a depth camera: where its intrinsics come from, its mount and unit."""

from __future__ import annotations

from dataclasses import dataclass

from pta_ros.errors import ConfigError, DecodeError
from pta_ros.sensors.camera import Intrinsics, assumed, info_topic
from pta_ros.settings import Group, param


def _quarter(value: int) -> str:
    """What is expected of a rotation; empty for a legal one."""
    return "" if value in (0, 90, 180, 270) else "0, 90, 180 or 270"


@dataclass(frozen=True)
class DepthDevice(Group):
    """Settings of one depth camera; intrinsics in pixels of its image as it comes."""

    camera_info: str = param(
        "", "topic of the camera's CameraInfo; empty takes camera_info beside the image topic"
    )
    fx: float = param(
        0.0, "focal length across; 0 takes CameraInfo's", unit="px", low=0.0, high=20000.0
    )
    fy: float = param(0.0, "focal length down; 0 takes fx", unit="px", low=0.0, high=20000.0)
    cx: float = param(
        0.0, "principal point across; 0 is the middle", unit="px", low=0.0, high=20000.0
    )
    cy: float = param(
        0.0, "principal point down; 0 is the middle", unit="px", low=0.0, high=20000.0
    )
    rotation: int = param(
        0, "turn the image clockwise by so much (0, 90, 180, 270) to stand upright", unit="deg",
        low=0, high=270, form=_quarter,
    )  # fmt: skip
    scale_m: float = param(
        0.001, "unit of whole-number images; L515 0.00025", unit="m", low=1e-6, high=1.0
    )
    float_scale_m: float = param(
        1.0, "unit of 32FC1 and 64FC1; 0.001 where they hold mm", unit="m", low=1e-6, high=1.0
    )

    def check(self) -> None:
        """Raise ConfigError for intrinsics that are not whole."""
        others = {n: getattr(self, n) for n in ("fy", "cx", "cy") if getattr(self, n)}
        if others and not self.fx:
            given = ", ".join(f"depth.{name} {value:g}" for name, value in others.items())
            raise ConfigError(f"{given} but depth.fx 0; give depth.fx, too, or none of them")

    def info_topic(self, image_topic: str) -> str:
        """The topic of CameraInfo; empty where the intrinsics are given here."""
        return "" if self.fx else self.camera_info or info_topic(image_topic)

    def camera(
        self, told: Intrinsics | None, model: Intrinsics, size: tuple[int, int], source: str
    ) -> Intrinsics | None:
        """The intrinsics of an image of `size` (width, height); raises DecodeError.

        Given ones count before those that CameraInfo `told`. None where neither is known and the
        upright image has the aspect of the `model` camera, whose view it then counts as.
        """
        width, height = size
        if self.fx:
            middle = (width - 1) / 2, (height - 1) / 2
            centre = self.cx or middle[0], self.cy or middle[1]
            return Intrinsics(width, height, self.fx, self.fy or self.fx, *centre)
        if told is not None:
            return _of_size(told, size, source)
        upright = self.rotation in (0, 180)
        if self.rotation == 0 and width * model.height == height * model.width:
            return None
        return assumed(model, width, height) if upright else _turned(model, width, height)


def _of_size(told: Intrinsics, size: tuple[int, int], source: str) -> Intrinsics:
    if not told.fits(*size):
        reason = (
            f"image of {size[0]}x{size[1]}, but its CameraInfo is of {told.width}x{told.height}"
        )
        raise DecodeError(source, reason, "that of this image; set depth.camera_info or depth.fx")
    return told.scaled(*size)


def _turned(model: Intrinsics, width: int, height: int) -> Intrinsics:
    """What is assumed of a camera on its side: the upright image's camera, axes exchanged."""
    upright = assumed(model, height, width)
    middle = (width - 1) / 2, (height - 1) / 2
    return Intrinsics(width, height, upright.fy, upright.fx, *middle)
