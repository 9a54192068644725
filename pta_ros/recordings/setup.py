"""How recordings are read: by a node's parameters and a training configuration's sensors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from pta_ros.errors import ConfigError
from pta_ros.fusion.config import CLOUD, IMAGE, StreamParams
from pta_ros.fusion.level import LEVEL_FRAME
from pta_ros.fusion.params import read_params
from pta_ros.sensors import SENSORS, sensors_from_config
from pta_ros.sensors.base import Sensor
from pta_ros.sensors.whole import kept
from pta_ros.settings import mapping, read_yaml

#: What trees in MM-Fi's layout hold; the first that is there sets the instants.
MODALITIES = ("depth", "lidar", "csi")


@dataclass(frozen=True)
class Setup:
    """How recordings are read: sensors by modality, kept whole, and the streams' parameters."""

    sensors: Mapping[str, Sensor]
    streams: Mapping[str, StreamParams]
    level: str

    @classmethod
    def read(cls, params: Path | None, config: Path | None, left_out: tuple[str, ...]) -> Setup:
        """By a fusion node's parameter file and a training configuration's sensors."""
        own, streams = read_params(params, "mmfi")
        if own.sensor_set != "mmfi":
            raise ConfigError(f"sensor_set is {own.sensor_set!r}; trees hold {list(MODALITIES)}")
        content = read_yaml(config, "a training configuration") if config else {}
        listed = mapping(mapping(content, str(config)).get("sensors", {}), f"{config}: sensors")
        sensors = sensors_from_config({m: listed.get(m, {}) for m in MODALITIES})
        level = own.frame_id or LEVEL_FRAME
        used = [m for m in MODALITIES if m not in left_out]
        if not used:
            raise ConfigError("no sensor is left; expected depth, lidar or csi")
        placed = {m: _in_level(m, streams[m], level) for m in used}
        return cls({m: kept(sensors[m]) for m in used}, placed, level)


def _in_level(modality: str, stream: StreamParams, level: str) -> StreamParams:
    if stream.frame:
        raise ConfigError(
            f"{modality}.frame is {stream.frame!r}; a tree keeps every sensor's own frame and "
            f"where it stands in {level!r}: leave it empty"
        )
    placed = SENSORS[modality].message_type in (IMAGE, CLOUD)
    return replace(stream, frame=level) if placed else stream
