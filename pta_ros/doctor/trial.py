"""Tries a topic's sampled messages with a model's sensor: do they pass, and with what settings?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pta_ros.doctor.watch import Watch
from pta_ros.errors import ConfigError, DecodeError, NobodySeen
from pta_ros.fusion.config import COMPRESSED, IMAGE, OBSTACLE_POINTS, RAW, StreamParams
from pta_ros.fusion.intake import Intake
from pta_ros.fusion.level import LEVEL_FRAME, LevelIntake, intake_of
from pta_ros.fusion.params import fusion_from, fusion_specs
from pta_ros.fusion.refusals import Refusals, Refused
from pta_ros.fusion.transforms import Transforms
from pta_ros.sensors.base import Sensor
from pta_ros.sensors.camera import CAMERA_INFO
from pta_ros.sensors.whole import WholeDepth, WholeLidar

TRANSPORTS = ("compressed", "compressedDepth")
#: Units that drivers use, tried where the usual one is refused: setting -> values.
_UNITS: Mapping[str, tuple[float, ...]] = {
    "depth.scale_m": (0.00025, 0.0002, 0.0001),
    "depth.float_scale_m": (0.001,),
    "lidar.scale_m": (0.001, 0.01),
}
#: Topics of ours: a sensor node's output, a fusion node's people.
_OWN = ("/reduced", f"/{OBSTACLE_POINTS}")


@dataclass(frozen=True)
class Trial:
    """A topic tried as one sensor's with the parameters `values` (by full name).

    Of `tried` samples `passed` gave a reading, and in `nobody` the sensor works and sees nobody.
    `info` is the CameraInfo topic that was used, with its message; None: intrinsics are assumed.
    """

    modality: str
    watch: Watch
    values: dict[str, Any]
    tried: int = 0
    passed: int = 0
    nobody: int = 0
    refused: tuple[Refused, ...] = ()
    remarks: tuple[str, ...] = ()
    info: tuple[str, Any] | None = None
    sides: tuple[str, ...] = field(default=())

    @property
    def delivers(self) -> bool:
        """Whether at least half of the samples show a sensor that works."""
        return self.tried > 0 and 2 * (self.passed + self.nobody) >= self.tried


def transport_of(watch: Watch) -> str:
    """How its images come: raw, or the ending of a compressed topic; empty where it has none."""
    if watch.type != COMPRESSED:
        return RAW
    ending = watch.name.rpartition("/")[2]
    return ending if ending in TRANSPORTS else ""


def feeds(watch: Watch, sensors: Mapping[str, Sensor]) -> list[str]:
    """The sensors that could read a topic, by the type of its messages."""
    if watch.name.endswith(_OWN):
        return []
    kind = IMAGE if watch.type == COMPRESSED else watch.type
    return [m for m, sensor in sensors.items() if sensor.message_type == kind]


class Bench:
    """Tries topics with the sensors of a model; `sides` are CameraInfo topics by name."""

    def __init__(
        self, sensors: Mapping[str, Sensor], sides: Mapping[str, Watch], transforms: Transforms
    ) -> None:
        self._sensors, self._sides, self._transforms = sensors, sides, transforms
        first = next(iter(sensors.values()))
        self.specs = {spec.name: spec for spec in fusion_specs(first.sensor_set)}
        self._defaults = {name: spec.default for name, spec in self.specs.items()}
        self._defaults["sensor_set"] = first.sensor_set

    def offered(self, name: str, value: Any) -> bool:
        """Whether a parameter exists, takes this value and does not have it already."""
        spec = self.specs.get(name)
        return spec is not None and not spec.problem(value) and spec.default != value

    def best(self, modality: str, watch: Watch) -> Trial:
        """The first settings with which most samples pass, else the plainest."""
        trials = []
        for values in self._ways(modality, watch):
            trials.append(self._tried(modality, watch, values))
            if trials[-1].delivers:
                return trials[-1]
        return trials[0]

    def _ways(self, modality: str, watch: Watch) -> Iterator[dict[str, Any]]:
        """Parameters to read this topic with: the usual units, then others."""
        transport = transport_of(watch)
        base = watch.name.removesuffix(f"/{transport}") if transport != RAW else watch.name
        wanted = {f"{modality}.topic": base, f"{modality}.transport": transport}
        info = f"{modality}.camera_info"
        if info in self.specs and (other := self._other_info(watch)):
            wanted[info] = other
        plain = {name: value for name, value in wanted.items() if self.offered(name, value)}
        yield plain
        for name, units in _UNITS.items():
            if name.startswith(f"{modality}."):
                yield from (plain | {name: unit} for unit in units if self.offered(name, unit))

    def _other_info(self, watch: Watch) -> str:
        """A CameraInfo of the same frame that does not lie beside the image; empty: not needed."""
        name = watch.name
        for ending in TRANSPORTS:
            name = name.removesuffix(f"/{ending}")
        beside = f"{name.rpartition('/')[0]}/camera_info"
        if self._sides.get(beside, Watch("", "")).samples or not watch.frame_id:
            return ""
        same = [s.name for s in self._sides.values() if s.frame_id == watch.frame_id and s.samples]
        return same[0] if len(same) == 1 else ""

    def _tried(self, modality: str, watch: Watch, values: dict[str, Any]) -> Trial:
        refusals = Refusals()
        try:
            params = fusion_from(self._defaults | values)[1][modality]
            intake = self._intake(modality, params, watch.name)
        except ConfigError as error:
            refusals.add(error)
            return Trial(modality, watch, values, len(watch.samples), refused=refusals.most())
        sides = tuple(name for name, kind in intake.side_topics.items() if kind == CAMERA_INFO)
        info = self._teach(intake, sides)
        passed = nobody = 0
        for msg, now_ns in watch.samples:
            try:
                intake.frame(msg, now_ns)
                passed += 1
            except NobodySeen as error:
                nobody += 1
                refusals.add(error)
            except DecodeError as error:
                refusals.add(error)
        counts = len(watch.samples), passed, nobody
        posed = values | self._pose(intake, watch.frame_id)
        return Trial(
            modality, watch, posed, *counts, refusals.most(), intake.remarks, info, sides
        )  # fmt: skip

    def _intake(self, modality: str, params: StreamParams, topic: str) -> Intake:
        """The way in that the model needs: for one that finds people into a level frame."""
        sensor = self._sensors[modality]
        if isinstance(sensor, (WholeDepth, WholeLidar)):
            params = replace(params, frame=LEVEL_FRAME)
        return intake_of(sensor, params, self._transforms, topic)

    def _pose(self, intake: Intake, frame_id: str) -> dict[str, Any]:
        """The parameter that says where the sensor stands, where /tf_static knows."""
        if not isinstance(intake, LevelIntake):
            return {}
        name, pose = f"{intake.modality}.extrinsic", intake.extrinsic(frame_id)
        return {name: pose} if pose and self.offered(name, pose) else {}

    def _teach(self, intake: Intake, sides: tuple[str, ...]) -> tuple[str, Any] | None:
        """Hand the CameraInfo beside it to a camera; gives its topic and message."""
        for side in sides:
            name = f"/{side.lstrip('/')}"
            if name in self._sides and self._sides[name].samples:
                msg = self._sides[name].samples[-1][0]
                try:
                    intake.take(side, msg)
                except DecodeError:
                    return None  # the intake keeps it as a remark
                return name, msg
        return None
