"""What ten minutes of one person teach a model about Wi-Fi in rooms that it has never seen.

Everything is synthetic: antennas and reflectors at drawn places, a person who is in no data set,
CSI at 10 Hz. Depth and LiDAR are rendered at every fourth instant; between them the teacher is the
truth and its own error, interpolated. All figures are against the truth.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from pta_ros import checkpoint
from pta_ros.checkpoint import Checkpoint
from pta_ros.datasets.reduced import ReducedSet
from pta_ros.errors import ConfigError, DecodeError
from pta_ros.metrics.bound import Bound, at_most
from pta_ros.metrics.evaluate import mean_pose_error_mm
from pta_ros.sensors.base import Sensor
from pta_ros.simulate.body import vertices
from pta_ros.simulate.csi import RadioChannel
from pta_ros.simulate.recording import Lab, Session
from pta_ros.simulate.room import Arrangement
from pta_ros.training.lesson import TAUGHT, Lesson
from pta_ros.training.prepare import Silent
from pta_ros.training.single import mean_pose
from pta_ros.training.teach import Judged, judge, teach

#: Seeds of the judging rooms: nothing was chosen by them.
ROOMS = (101, 102)
MINUTES, OTHER_S = 10.0, 60.0
RATE_HZ, _RENDER_EVERY = 10.0, 4
_SEED, _FIRST = 2026, 50
_LONGEST_S = 900.0

Judgement = dict[str, Judged]


@dataclass(frozen=True, eq=False)
class Film:
    """One person in one room: `data` with the true joints, `times_s` (N,)."""

    data: ReducedSet
    times_s: NDArray[np.float64]

    @classmethod
    def of(cls, sensors: dict[str, Sensor], room: int, subject: int, seconds: float) -> Film:
        """What the model's sensors see of `subject` for so long."""
        lab, session = Lab.of("E01"), Session(_SEED, subject, "E01")
        radio = RadioChannel(Arrangement.draw(room))
        times = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
        inputs = {m: np.zeros((len(times), *s.shape), np.float32) for m, s in sensors.items()}
        present = {m: np.zeros(len(times), bool) for m in sensors}
        truth = np.zeros((len(times), 17, 3), np.float32)
        for row, time_s in enumerate(times):
            joints = session.joints(lab.times(time_s))
            truth[row], seed = joints[0], [_SEED, subject, room, row]
            seen: dict[str, NDArray[Any]] = {TAUGHT: radio.amplitude(joints[1:], [*seed, 3])}
            if row % _RENDER_EVERY == 0:
                skin = vertices(session.subject, joints[0])
                views = lab.world.observe(skin, ([*seed, 1], [*seed, 2]))
                seen.update(depth=views.depth_mm / 1e3, lidar=views.lidar_m)
            for m in sensors.keys() & seen:
                frame = _reduced(sensors[m], seen[m])
                if frame is not None:
                    inputs[m][row], present[m][row] = frame, True
        return cls(_set(inputs, present, truth, f"room {room} {subject} {seconds}"), times)

    def lesson(self, loaded: Checkpoint) -> Lesson:
        """With the joints that depth and LiDAR teach, and their deviations."""
        rendered = np.flatnonzero(self.data.present["depth"] & self.data.present["lidar"])
        error, deviation = (np.empty((len(rendered), 17, n), np.float32) for n in (3, 1))
        for at in range(0, len(rendered), 256):
            rows = rendered[at : at + 256]
            given = {m: torch.from_numpy(self.data.inputs[m][rows]) for m in ("depth", "lidar")}
            with torch.inference_mode():
                out = loaded.model(given)
            error[at : at + 256] = out.joints.numpy() - self.data.joints[rows]
            deviation[at : at + 256] = out.log_std.exp().numpy()[..., None]
        told = self.data.joints + _between(self.times_s, self.times_s[rendered], error)
        spread = _between(self.times_s, self.times_s[rendered], deviation).mean(axis=(1, 2))
        return Lesson(replace(self.data, joints=told.astype(np.float32)), self.times_s, spread)


def _reduced(sensor: Sensor, array: NDArray[Any]) -> NDArray[np.float32] | None:
    try:
        return sensor.prepare(np.asarray(array, np.float32), "simulation")
    except DecodeError:
        return None


def _between(
    times_s: NDArray[np.float64], known_s: NDArray[np.float64], values: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Values (K, J, C) known at `known_s` (K,), linearly between them at `times_s` (N,)."""
    flat = values.reshape(len(values), -1).T
    rows = np.stack([np.interp(times_s, known_s, one) for one in flat], axis=1)
    return np.asarray(rows.reshape(len(times_s), *values.shape[1:]), np.float32)


def _set(
    inputs: dict[str, NDArray[np.float32]],
    present: dict[str, NDArray[np.bool_]],
    joints: NDArray[np.float32],
    name: str,
) -> ReducedSet:
    scene, subject, action = (np.full(len(joints), text) for text in ("E01", "S01", "A01"))
    number = np.arange(1, len(joints) + 1, dtype=np.int32)
    return ReducedSet(inputs, present, joints, scene, subject, action, number, (), name)


def _within(one: Judged) -> str:
    return f"{one.pose.coverage_1std:.2f}, {one.pose.coverage_2std:.2f}"


@dataclass(frozen=True)
class RoomTaught:
    """One room: the last fifth before and after, and a person whom the recording never saw."""

    room: int
    before: Judgement
    after: Judgement
    mean_pose_mm: float
    other_before: Judgement
    other_after: Judgement
    teach_s: float

    def bounds(self) -> Iterable[Bound]:
        """What must hold."""
        where = f"room {self.room}"
        old, new = self.before[TAUGHT], self.after[TAUGHT]
        error = new.pose.mpjpe_mm
        yield at_most(f"{where}: CSI alone, centre", new.centre_m, 0.35, "m", where)
        yield at_most(f"{where}: CSI alone / before", error / old.pose.mpjpe_mm, 0.6, "x", where)
        yield at_most(f"{where}: CSI alone / mean pose", error / self.mean_pose_mm, 0.6, "x", where)
        for name in self.after.keys() - {TAUGHT}:
            rise = self.after[name].pose.mpjpe_mm / self.before[name].pose.mpjpe_mm
            yield at_most(f"{where}: {name} / before", rise, 1.01, "x", where)
        yield at_most(f"{where}: teaching", self.teach_s, _LONGEST_S, "s", where)

    def notes(self) -> Iterable[str]:
        """The figures, a line each."""
        yield f"room {self.room} (synthetic), mean pose {self.mean_pose_mm:.0f} mm"
        for who, old, new in (
            ("", self.before, self.after),
            ("a person never seen, ", self.other_before, self.other_after),
        ):
            for name, one in new.items():
                was = old[name]
                yield (
                    f"  {who}{name}: {was.pose.mpjpe_mm:.0f} -> {one.pose.mpjpe_mm:.0f} mm, centre "
                    f"{was.centre_m:.2f} -> {one.centre_m:.2f} m, within 1 and 2 deviations "
                    f"{_within(was)} -> {_within(one)}"
                )

    def to_dict(self) -> dict[str, Any]:
        """Plain containers, for JSON."""
        told = {n: getattr(self, n) for n in ("before", "after", "other_before", "other_after")}
        plain = {n: {m: one.to_dict() for m, one in each.items()} for n, each in told.items()}
        own = {n: getattr(self, n) for n in ("room", "mean_pose_mm", "teach_s")}
        return {**own, **plain}


def bench_teach(
    model: Path, rooms: Iterable[int], minutes: float, note: Callable[[str], None]
) -> list[RoomTaught]:
    """Teach a model in rooms of these seeds; raises ConfigError for too short a recording."""
    if not minutes >= 2:
        raise ConfigError(f"{minutes:g} minutes; expected 2 or more")
    loaded, found = checkpoint.load(model), []
    for room in rooms:
        found.append(_taught(loaded, room, 60 * minutes))
        note("\n".join(found[-1].notes()))
    return found


def _taught(loaded: Checkpoint, room: int, seconds: float) -> RoomTaught:
    film = Film.of(loaded.sensors, room, _FIRST, seconds)
    other = Film.of(loaded.sensors, room, _FIRST + 1, OTHER_S)
    lesson, silent = film.lesson(loaded), Silent()
    with TemporaryDirectory(prefix="bench_teach") as name:
        folder, begun = Path(name), perf_counter()
        taught = teach(loaded, lesson, folder, silent)
        took = perf_counter() - begun
        last, all_ = (
            torch.from_numpy(rows) for rows in (taught.parts.judge, np.arange(len(other.times_s)))
        )
        told = [
            judge(one, data, rows, folder, silent)
            for data, rows in ((film.data, last), (other.data, all_))
            for one in (loaded.model, taught.model)
        ]
    always = mean_pose(lesson.data.joints[taught.parts.train])
    error_mm = mean_pose_error_mm(always, film.data.joints[taught.parts.judge])
    return RoomTaught(room, told[0], told[1], error_mm, told[2], told[3], took)
