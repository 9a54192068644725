"""How recordings are read: by a node's parameters and a training configuration's sensors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from pta_ros.bags.bag import Bag
from pta_ros.errors import ConfigError
from pta_ros.fusion.config import CLOUD, IMAGE, StreamParams
from pta_ros.fusion.level import LEVEL_FRAME
from pta_ros.fusion.params import read_params
from pta_ros.sensors import SENSORS, WindowSensor, sensor_sets, sensors_from_config, sensors_of
from pta_ros.sensors.base import Sensor
from pta_ros.sensors.whole import kept
from pta_ros.settings import mapping, read_yaml


@dataclass(frozen=True)
class Setup:
    """How recordings are read: sensors by modality, kept whole, and the streams' parameters.

    `max_missing` is of a window's packets; None: the sensors' readings come one by one.
    """

    sensors: Mapping[str, Sensor]
    streams: Mapping[str, StreamParams]
    level: str
    max_missing: float | None = None

    @classmethod
    def read(
        cls,
        params: Path | None,
        config: Path | None,
        left_out: tuple[str, ...],
        sensor_set: str = "mmfi",
    ) -> Setup:
        """By a fusion node's parameter file and a training configuration's sensors.

        `sensor_set` counts where the file names none.
        """
        own, streams = read_params(params, sensor_set)
        known = tuple(sensors_of(own.sensor_set))
        content = read_yaml(config, "a training configuration") if config else {}
        listed = mapping(mapping(content, str(config)).get("sensors", {}), f"{config}: sensors")
        sensors = sensors_from_config({m: listed.get(m, {}) for m in known})
        level = own.frame_id or LEVEL_FRAME
        used = [m for m in known if m not in left_out]
        if not used:
            raise ConfigError(f"no sensor is left; expected {', '.join(known[:-1])} or {known[-1]}")
        placed = {m: _in_level(m, streams[m], level) for m in used}
        if all(isinstance(sensors[m], WindowSensor) for m in used):
            missing = own.window_max_missing
            return cls({m: sensors[m] for m in used}, placed, level, missing)
        return cls({m: kept(sensors[m]) for m in used}, placed, level)

    @property
    def shapes(self) -> dict[str, list[int]]:
        """Of windows, packets first, by modality; empty where there are none."""
        windows = {m: s for m, s in self.sensors.items() if isinstance(s, WindowSensor)}
        return {m: [s.packets, *s.raw_shape] for m, s in windows.items()}


def default_set(bags: Iterable[Path]) -> str:
    """xrf55 where a recording has messages that only its sensors send, else mmfi.

    Raises DatasetError for what is no recording.
    """
    types = {name: {k.message_type for k in sensors_of(name).values()} for name in sensor_sets()}
    for path in bags:
        with Bag((path,)) as bag:
            if {topic.type for topic in bag.topics.values()} & (types["xrf55"] - types["mmfi"]):
                return "xrf55"
    return "mmfi"


def _in_level(modality: str, stream: StreamParams, level: str) -> StreamParams:
    if stream.frame:
        raise ConfigError(
            f"{modality}.frame is {stream.frame!r}; a tree keeps every sensor's own frame and "
            f"where it stands in {level!r}: leave it empty"
        )
    placed = SENSORS[modality].message_type in (IMAGE, CLOUD)
    return replace(stream, frame=level) if placed else stream
