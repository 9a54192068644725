"""One synthetic person through many depth cameras: what the model is given, and what it says.

Each camera renders the same moments of the same people as the model's own camera does, with the
same kind of noise, and comes in as a message behind its CameraInfo; the model sees depth alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from time import perf_counter
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pta_ros.checkpoint import Checkpoint
from pta_ros.frames import FloatArray, Frame, Sample
from pta_ros.fusion.estimator import Estimator
from pta_ros.metrics.bound import Bound, at_least, at_most
from pta_ros.sensors import DepthSensor
from pta_ros.sensors.camera import Intrinsics
from pta_ros.sensors.depth import DepthCamera
from pta_ros.sensors.depth_device import DepthDevice
from pta_ros.sensors.depth_map import image_fields
from pta_ros.simulate.body import vertices
from pta_ros.simulate.recording import Recording
from pta_ros.simulate.scene import CameraModel, World

#: Sizes of five aspects, focal lengths in pixels, and mounts.
SIZES = ((640, 480), (848, 480), (640, 400), (512, 512), (640, 576))
FOCALS = (385.0, 460.0, 540.0, 620.0)
TURNS = (0, 90, 180, 270)
#: Least moments in which a camera must see the whole body to be judged by its pose.
_LEAST = 4
#: A camera that shows so much of the model's view is judged as its own camera is.
_NEARLY_ALL = 0.9
#: What must be seen around a body, as a share of the image's side.
_AROUND = 0.03
_SUBJECTS, _ACTIONS = (41, 42, 43, 44), (1, 3, 5, 13, 20, 27)


@dataclass(frozen=True, eq=False)
class Moment:
    """One person at one instant: skin (V, 3) and joints (17, 3), metres, camera frame."""

    skin_m: FloatArray
    joints_m: FloatArray


@dataclass(frozen=True)
class Seen:
    """What one camera made of the moments.

    `share` is how much of the model's view it shows, `away_m` the median difference of reduced
    frames where both cameras see; `error_mm` and `native_mm` are the mean errors of the `judged`
    moments in which it sees the whole body.
    """

    name: str
    share: float
    away_m: float
    judged: int
    error_mm: float
    native_mm: float

    @property
    def ratio(self) -> float:
        """Its error to that of the model's own camera."""
        return self.error_mm / self.native_mm

    def __str__(self) -> str:
        return (
            f"{self.name:26} shows {self.share:4.0%}, {1e3 * self.away_m:4.0f} mm away; "
            f"{self.judged:2} moments, "
            f"{self.error_mm:5.1f} mm, {self.ratio:.2f} of the model's own camera"
        )


def moments(count: int) -> list[Moment]:
    """People that the shipped model was not trained on, each at one instant."""
    found = []
    for number in range(count):
        subject = _SUBJECTS[number % len(_SUBJECTS)]
        action = _ACTIONS[number % len(_ACTIONS)]
        one = Recording(0, subject, action, "E01", clip=number)
        joints = one.joints(np.array([0.8 + 0.3 * (number % 5)]))[0]
        skin = vertices(one.subject, joints)
        found.append(Moment(skin, joints.astype(np.float32)))
    return found


class Judge:
    """Measures cameras on the same moments, with the depth part of one model."""

    def __init__(self, loaded: Checkpoint, people: Iterable[Moment]) -> None:
        sensor = loaded.sensors["depth"]
        assert isinstance(sensor, DepthSensor)
        self.sensor, self.people = sensor, tuple(people)
        self._estimator = Estimator(loaded.model)
        own = sensor.camera
        self._own = CameraModel(own.width, own.height, own.fx, own.fy, own.cx, own.cy)

    @cached_property
    def _native(self) -> list[tuple[FloatArray, float]]:
        """The reduced frame and the error (mm) of each moment by the model's own camera."""
        images = self._render(self._own, 1)
        camera = self.sensor.installed(DepthDevice())
        messages = map(_message, images)
        return [self._read(camera, m, p) for m, p in zip(messages, self.people, strict=True)]

    def see(self, width: int, height: int, focal: float) -> list[Seen]:
        """The four mounts of one camera, whose principal point is somewhat off the middle."""
        raw = Intrinsics(width, height, focal, focal, width / 2 + 5.3, height / 2 - 3.8)
        found = {}
        for side in (0, 90):
            upright = _upright(raw, side)
            images = self._render(upright, 2)
            for turn in (side, side + 180):
                found[turn] = self._judge(_upright(raw, turn), raw, turn, images)
        return [found[turn] for turn in TURNS]

    def _judge(
        self, upright: CameraModel, raw: Intrinsics, turn: int, images: list[NDArray[np.uint16]]
    ) -> Seen:
        if turn >= 180:  # rendered for the mount half a turn before: the sensor is another one
            raw = _half_turned(raw)
        camera = replace(self.sensor.installed(DepthDevice(rotation=turn)), told=raw)
        away, ours, natives, shares = [], [], [], []
        for image, person, (native, error) in zip(images, self.people, self._native, strict=True):
            message = _message(np.rot90(image, turn // 90))
            reduced, own = self._read(camera, message, person)
            seen = np.isfinite(camera.decode(message, "camera")[2::5, 2::5])
            shares.append(seen.mean())
            both = seen & (reduced > 0) & (native > 0)
            away.append(np.abs(reduced[both] - native[both]))
            if _whole(upright, person) and _whole(self._own, person):
                ours.append(own)
                natives.append(error)
        name = f"{raw.width}x{raw.height}, fx {raw.fx:g}, {turn} deg"
        mean = [float(np.mean(x)) if x else float("nan") for x in (ours, natives)]
        median = float(np.median(np.concatenate(away)))
        return Seen(name, float(np.mean(shares)), median, len(ours), *mean)

    def _render(self, camera: CameraModel, seed: int) -> list[NDArray[np.uint16]]:
        world = World("E01", camera)
        return [
            world.observe(p.skin_m, ([seed, n], [seed, n])).depth_mm
            for n, p in enumerate(self.people)
        ]

    def _read(
        self, camera: DepthCamera, message: SimpleNamespace, person: Moment
    ) -> tuple[FloatArray, float]:
        reduced = camera.process(message, "camera")
        found = self._estimator(Sample(0, {"depth": Frame("depth", 0, reduced)}))
        error = np.linalg.norm(found.joints_m - person.joints_m, axis=1).mean()
        return reduced, 1e3 * float(error)


def bounds(seen: Iterable[Seen]) -> list[Bound]:
    """What must hold of every camera."""
    listed = list(seen)
    judged = [s for s in listed if s.judged >= _LEAST]
    far = max(listed, key=lambda s: s.away_m)
    whole = [s for s in judged if s.share >= _NEARLY_ALL]
    narrow = [s for s in judged if s.share < _NEARLY_ALL]
    return [
        at_most("another camera: reduced frame, median", 1e3 * far.away_m, 20.0, "mm", far.name),
        _worst("another camera: error / native camera's", whole, 1.15),
        _worst("the same, showing less than the model's view", narrow, 1.15),
        at_least("cameras judged by their poses", float(len(judged)), 0.3 * len(listed)),
    ]


def _worst(name: str, seen: list[Seen], limit: float) -> Bound:
    worst = max(seen, key=lambda s: s.ratio, default=None)
    return at_most(name, worst.ratio if worst else None, limit, "x", worst.name if worst else "")


def decode_ms(width: int, height: int, repeats: int = 50) -> tuple[float, ...]:
    """Milliseconds to decode and resample a 16UC1 image, each of `repeats`, after five more."""
    camera = DepthSensor().installed(DepthDevice(fx=0.5 * width))
    image = np.random.default_rng(0).integers(2900, 3100, (height, width)).astype(np.uint16)
    msg = _message(image)
    return times_ms(lambda: camera.decode(msg, "bench"), repeats)


def times_ms(call: Callable[[], Any], repeats: int) -> tuple[float, ...]:
    """Milliseconds of each of `repeats` calls, after five that do not count."""
    times = []
    for _ in range(repeats + 5):
        begun = perf_counter()
        call()
        times.append(1e3 * (perf_counter() - begun))
    return tuple(times[5:])


def _message(image: NDArray[np.uint16]) -> SimpleNamespace:
    fields = image_fields(np.ascontiguousarray(image))
    return SimpleNamespace(**{**fields, "data": fields["data"].tobytes()})


def _upright(raw: Intrinsics, turn: int) -> CameraModel:
    """The camera whose image is `raw`'s turned clockwise by `turn` degrees."""
    width, height, cx, cy = raw.width, raw.height, raw.cx, raw.cy
    for _ in range(turn // 90):
        width, height, cx, cy = height, width, height - 1 - cy, cx
    return CameraModel(width, height, raw.fx, raw.fy, cx, cy)


def _half_turned(raw: Intrinsics) -> Intrinsics:
    return replace(raw, cx=raw.width - 1 - raw.cx, cy=raw.height - 1 - raw.cy)


def _whole(camera: CameraModel, person: Moment) -> bool:
    """Whether the camera sees the whole body and a bit of what is around it."""
    pixels, size = camera.project(person.skin_m), np.array([camera.width, camera.height])
    return bool(((pixels >= _AROUND * size) & (pixels <= (1 - _AROUND) * size)).all())
