"""A simulated person whom three sensors see at any time, broken or not, and who asks a pipeline.

Everything here is synthetic, the times too: what a sensor gives arrives when a scene says so, and
the model counts as infinitely fast.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pta_ros.clock import NS, to_ns
from pta_ros.errors import DecodeError
from pta_ros.evaluation.replay.decode import Arrival
from pta_ros.evaluation.replay.judge import PoseJudge
from pta_ros.evaluation.replay.replay import Replay
from pta_ros.frames import Estimate, FloatArray, Frame, StreamStatus
from pta_ros.fusion.config import StreamParams
from pta_ros.fusion.intake import Intake
from pta_ros.fusion.pipeline import FusionPipeline
from pta_ros.sensors import SENSORS
from pta_ros.simulate.body import vertices
from pta_ros.simulate.recording import Lab, Session

Array = NDArray[np.float64]
#: A sensor's clean reading, as the simulator gives it, and a random generator -> a broken one.
Break = Callable[[NDArray[Any], np.random.Generator], NDArray[Any]]

#: The stamps' clock when a film begins, ns.
T0 = 1_795_813_717_000_000_000
NAMES = ("depth", "lidar", "csi")
_SEED, _SPLIT = 2026, 909


class Film:
    """Person `number` (41 and more are in no data set), still if `still_s` names a moment."""

    def __init__(self, number: int, still_s: float | None = None) -> None:
        self._session, self._still_s = Session(_SEED, number), still_s
        self._lab = Lab.of(self._session.scene)
        self._number = number
        self._views: dict[tuple[str, int], NDArray[Any]] = {}

    def joints(self, time_s: Array) -> Array:
        """The truth (T, 17, 3), metres, in the camera's frame, at times (T,)."""
        if self._still_s is not None:
            time_s = np.full(len(time_s), self._still_s)
        return self._session.joints(time_s)

    def reading(self, modality: str, time_s: float) -> NDArray[Any]:
        """What a sensor gives at a time, as in SimFrame.readings; the noise is the time's own."""
        key = modality, round(1e3 * time_s)
        if key not in self._views:
            self._see(*key)
        return self._views[key]

    def _see(self, modality: str, ms: int) -> None:
        seed = [_SEED, self._number, _SPLIT, ms]
        joints = self.joints(self._lab.times(ms / 1e3))
        if modality == "csi":
            self._views[modality, ms] = self._lab.radio.amplitude(joints[1:], [*seed, 3])
            return
        skin = vertices(self._session.subject, joints[0])
        views = self._lab.world.observe(skin, ([*seed, 1], [*seed, 2]))
        self._views["depth", ms], self._views["lidar", ms] = views.depth_mm, views.lidar_m


@dataclass(frozen=True)
class Take:
    """One sensor in one scene: at `rate_hz`, every `late_every`-th frame `late_s` after its time,
    a share `lost` of them never. From `from_s` to `to_s` it is silent, or breaks by `fault`."""

    rate_hz: float = 10.0
    late_every: int = 0
    late_s: float = 0.0
    lost: float = 0.0
    from_s: float = 0.0
    to_s: float = 0.0
    fault: Break | None = None
    shift_s: float = 0.0  # what it shows from from_s to to_s is so old, or with -1 frozen
    silent: bool = False


def arrivals(
    film: Film, takes: Mapping[str, Take], streams: Mapping[str, StreamParams], seconds: float
) -> list[Arrival]:
    """What arrives in a scene, in order of time."""
    out: list[Arrival] = []
    for modality, take in takes.items():
        if take.rate_hz:
            intake = Intake(SENSORS[modality](), streams[modality])
            out += _of_one(film, intake, take, seconds)
    return sorted(out, key=lambda arrival: (arrival.time_ns, NAMES.index(arrival.modality)))


def _of_one(film: Film, intake: Intake, take: Take, seconds: float) -> Iterable[Arrival]:
    modality = intake.modality
    rng = np.random.default_rng([_SEED, NAMES.index(modality)])
    for n in range(1, int(seconds * take.rate_hz)):
        time_s = n / take.rate_hz
        inside = take.from_s <= time_s < take.to_s
        if rng.random() < take.lost or (inside and take.silent):
            continue
        shown_s = time_s
        if inside and take.shift_s:
            shown_s = take.from_s if take.shift_s < 0 else time_s - take.shift_s
        reading = film.reading(modality, shown_s)
        if inside and take.fault is not None:
            reading = take.fault(reading, rng)
        late_s = take.late_s if take.late_every and n % take.late_every == 0 else 0.0
        arrives_ns = T0 + to_ns(time_s + late_s)
        try:
            content: Frame | DecodeError = _frame(intake, reading, T0 + to_ns(time_s), arrives_ns)
        except DecodeError as error:  # so broken that the checks see it
            content = error
        yield Arrival(arrives_ns, modality, content)


def _frame(intake: Intake, reading: NDArray[Any], stamp_ns: int, now_ns: int) -> Frame:
    """The reading after all that a message of it goes through."""
    sensor = intake.sensor
    stamp = SimpleNamespace(sec=stamp_ns // NS, nanosec=stamp_ns % NS)
    header = SimpleNamespace(stamp=stamp, frame_id=sensor.frame_id)
    values = {"phase": (), **sensor.device, **sensor.fields(reading)}  # CSI may come without
    return intake.frame(SimpleNamespace(header=header, **_plain(values)), now_ns)


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    """Fields of a message whose parts, too, are read by attributes."""

    def one(value: Any) -> Any:
        return SimpleNamespace(**_plain(value)) if isinstance(value, dict) else value

    return {
        name: [one(part) for part in value] if isinstance(value, list) else one(value)
        for name, value in values.items()
    }


class _Notes:
    """Every estimate of a replay, predicted ones too."""

    def __init__(self) -> None:
        self.estimates: list[Estimate] = []

    def frame(self, frame: Frame) -> None:
        """A reading."""

    def truth(self, stamp_ns: int, joints_m: FloatArray) -> None:
        """A true pose."""

    def states(self, time_ns: int, statuses: tuple[StreamStatus, ...]) -> None:
        """States."""

    def estimate(self, estimate: Estimate) -> None:
        """An estimate."""
        self.estimates.append(estimate)


def play(pipeline: FusionPipeline, given: list[Arrival], seconds: float) -> list[Estimate]:
    """What a fresh pipeline says of a scene, in the order in which it is published."""
    notes = _Notes()
    Replay(pipeline, PoseJudge(judged=False), notes).run(given, T0, T0 + to_ns(seconds))
    return notes.estimates


def rotated(modality: str, degrees: float) -> Break:
    """A sensor that was turned about its own axis (depth) or the upright one (LiDAR)."""

    def depth(image: NDArray[Any], _rng: np.random.Generator) -> NDArray[Any]:
        height, width = image.shape
        turn = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), degrees, 1.0)
        return np.asarray(cv2.warpAffine(image, turn, (width, height), flags=cv2.INTER_NEAREST))

    def lidar(points: NDArray[Any], _rng: np.random.Generator) -> NDArray[Any]:
        c, s = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
        return np.asarray(points @ np.array([[c, s, 0], [-s, c, 0], [0, 0, 1]], points.dtype))

    return {"depth": depth, "lidar": lidar}[modality]


def displaced(modality: str, metres: float) -> Break:
    """A sensor that was moved: what it shows is so much farther away."""
    if modality == "depth":
        return lambda image, _: np.where(image > 0, image + round(1e3 * metres), 0).astype(
            image.dtype
        )
    return lambda points, _: points + np.array([metres, 0, 0], points.dtype)


def mirrored(modality: str) -> Break:
    """Left and right exchanged; of CSI the antennas' order."""
    return {
        "depth": lambda image, _: np.ascontiguousarray(image[:, ::-1]),
        "lidar": lambda points, _: points * np.array([1, -1, 1], points.dtype),
        "csi": lambda amplitude, _: np.ascontiguousarray(amplitude[::-1]),
    }[modality]


def noisy(modality: str) -> Break:
    """0.15 m of noise in range; of CSI a third of each amplitude."""
    return {
        "depth": lambda image, rng: np.where(
            image > 0, np.clip(image + 150 * rng.standard_normal(image.shape), 1, 65_535), 0
        ).astype(image.dtype),
        "lidar": lambda points, rng: (points + 0.15 * rng.standard_normal(points.shape)).astype(
            points.dtype
        ),
        "csi": lambda amplitude, rng: (
            amplitude * np.maximum(1 + 0.33 * rng.standard_normal(amplitude.shape), 0.01)
        ),
    }[modality]
