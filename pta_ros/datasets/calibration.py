"""calibration.yaml of a clip: the camera's lens, how it is held, where the sensors stand."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pta_ros.errors import DatasetError
from pta_ros.sensors import DepthSensor
from pta_ros.sensors.camera import Intrinsics
from pta_ros.sensors.depth import DepthCamera
from pta_ros.sensors.depth_device import DepthDevice

CALIBRATION = "calibration.yaml"

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Calibration:
    """`about` is what the file holds; a sensor that is not in it was not there."""

    about: dict[str, Any]

    @cached_property
    def lens(self) -> Intrinsics | None:
        """The camera's; None without one, or without an image of it."""
        values = self.about.get("depth", {})
        if "width" not in values:
            return None
        names = ("width", "height", "fx", "fy", "cx", "cy")
        bent = tuple(values.get("distortion", ()))
        return replace(Intrinsics(*(values[n] for n in names)), distortion=bent)

    @cached_property
    def camera(self) -> DepthCamera:
        """What shows images of this lens, turned to stand upright, as MM-Fi's camera would."""
        device = DepthDevice(rotation=self.about["depth"].get("rotation_deg", 0))
        return replace(DepthSensor().installed(device), told=self.lens)

    @property
    def csi_shape(self) -> tuple[int, ...]:
        """(antennas, subcarriers, packets); empty where it is not told."""
        values = self.about.get("csi", {})
        return tuple(values[n] for n in ("antennas", "subcarriers", "packets") if n in values)

    def pose(self, modality: str) -> tuple[Array, Array]:
        """Rotation (3, 3) and place (3,) of a sensor's body in the level frame."""
        from scipy.spatial.transform import Rotation  # late: names and classes are known without it

        values = self.about[modality]
        turn = Rotation.from_euler("xyz", values["rpy_deg"], degrees=True).as_matrix()
        return np.asarray(turn), np.asarray(values["xyz_m"], np.float64)

    def check(self) -> None:
        """Raise KeyError, TypeError or ValueError for what cannot be used."""
        _ = self.lens, self.csi_shape
        for modality in ("depth", "lidar"):
            if modality in self.about:
                self.pose(modality)


def read_calibration(path: Path) -> Calibration:
    """Read a clip's calibration; raises DatasetError naming the file."""
    import yaml  # late: names and classes are known without it

    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        if not isinstance(content, dict):
            raise TypeError(f"{type(content).__name__} in it")
        found = Calibration(content)
        found.check()
    except (OSError, ValueError, KeyError, TypeError, yaml.YAMLError) as error:
        raise DatasetError(f"{path}: {error!r}; expected lenses and poses by sensor") from error
    return found
