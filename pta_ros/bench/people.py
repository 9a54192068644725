"""How long it takes to find people and their poses: from messages to everybody, by their number.

Synthetic: a furnished room of the wide world, a 640x480 depth camera and a LiDAR of 65,000 points.
Weights are random and so is what the search would find: it is timed, and then the people whom the
scene holds are looked at: followed ones once, where they are expected, and somebody new twice.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import median
from time import perf_counter
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from pta_ros.checkpoint import Checkpoint
from pta_ros.errors import ConfigError
from pta_ros.frames import Sample
from pta_ros.fusion.config import StreamParams
from pta_ros.fusion.level import LEVEL_FRAME, LevelIntake
from pta_ros.fusion.live_people import LivePeople
from pta_ros.fusion.looks import Candidates
from pta_ros.fusion.people import PeopleEstimator, SearchConfig
from pta_ros.home import shipped
from pta_ros.metrics.bound import Bound, at_most
from pta_ros.model.finder import Finder
from pta_ros.model.pta import PTA
from pta_ros.people import birdseye, centred
from pta_ros.people.readings import Readings
from pta_ros.sensors import DepthSensor, LidarSensor
from pta_ros.sensors.base import Sensor
from pta_ros.sensors.whole import whole
from pta_ros.simulate.wide.hall import HEIGHTS_M, hall
from pta_ros.simulate.wide.rooms import draw_room
from pta_ros.training.config import load_config

COUNTS = (1, 2, 4)
#: What may be taken, ms: from messages to one person, and for every further one.
ONE_MS, FURTHER_MS = 15.0, 4.0
_PLACES = ((2.5, 0.3), (3.0, -0.8), (2.0, -0.4), (3.5, 0.9))
_DECODE, _FIND, _NEW = "decode", "find", "look at somebody new"
_SURE = 9.0  # log odds of the search


@dataclass(frozen=True)
class PeopleTimes:
    """Milliseconds of each repeat: `decode` of both messages, `find` (fill and search the grid),
    `look at somebody new` whom nobody follows yet; and looks at so many who are followed."""

    ms: dict[str, list[float]]
    look_ms: dict[int, list[float]]
    precision: str
    threads: int
    points: int = field(default=0)

    def one_ms(self) -> float:
        """The median from two messages to one person."""
        parts = zip(self.ms[_DECODE], self.ms[_FIND], self.look_ms[COUNTS[0]], strict=True)
        return median(sum(part) for part in parts)

    def further_ms(self) -> float:
        """The median for each person after the first, of four."""
        first, last = COUNTS[0], COUNTS[-1]
        pairs = zip(self.look_ms[first], self.look_ms[last], strict=True)
        return median((many - one) / (last - first) for one, many in pairs)

    def bounds(self) -> list[Bound]:
        """What must hold."""
        where = f"{self.threads} threads, {self.precision}"
        return [
            at_most("messages to one followed person", self.one_ms(), ONE_MS, "ms", where),
            at_most("every further person", self.further_ms(), FURTHER_MS, "ms", where),
        ]

    def notes(self) -> list[str]:
        """The parts' medians, a sentence."""
        parts = {**self.ms, **{f"look at {n}": ms for n, ms in self.look_ms.items()}}
        told = ", ".join(f"{name} {median(ms):.1f} ms" for name, ms in parts.items())
        return [f"{self.precision}, {self.threads} threads, {self.points:,} points: {told}"]

    def to_dict(self) -> dict[str, Any]:
        """Plain containers, for JSON."""
        return dict(vars(self))


def bench_people(repeats: int = 50, threads: int = 2, precision: str = "float32") -> PeopleTimes:
    """Time each part so often, in turn; raises ConfigError for less than one repeat."""
    if repeats < 1:
        raise ConfigError(f"{repeats} repeats; expected 1 or more")
    torch.set_num_threads(threads)
    people = PeopleEstimator(_untrained(), SearchConfig(candidate=0.0, apart_m=0.05, presence=0.0))
    people.quicken(precision)
    live, intakes = LivePeople(people), _intakes()
    seen = hall(_PLACES, draw_room(np.random.default_rng(5))).at(0.0, np.random.default_rng(1))
    messages = {
        "depth": _message(DepthSensor(), seen.depth_mm),
        "lidar": _message(LidarSensor(), seen.lidar_m),
    }
    centres = centred.trunk(seen.joints)
    ms: dict[str, list[float]] = {_DECODE: [], _FIND: [], _NEW: []}
    look_ms: dict[int, list[float]] = {count: [] for count in COUNTS}
    for _ in range(repeats + 2):
        frames, took = _timed(lambda: {m: intakes[m].frame(messages[m], 0) for m in intakes})
        ms[_DECODE].append(took)
        ms[_FIND].append(_timed(partial(live.find, Sample(0, frames)))[1])
        readings = Readings(**{m: frame.reading for m, frame in frames.items()})
        for count in COUNTS:
            followed = _candidates(centres[:count], settled=True)
            look_ms[count].append(_timed(partial(people.look, followed, readings))[1])
        new = _candidates(centres[:1], settled=False)
        ms[_NEW].append(_timed(partial(people.look, new, readings))[1])
    return PeopleTimes(
        {name: values[2:] for name, values in ms.items()},
        {count: values[2:] for count, values in look_ms.items()},
        precision, threads, len(seen.lidar_m),
    )  # fmt: skip


def _candidates(places: NDArray[np.float64], settled: bool) -> Candidates:
    found = Candidates.found(places, np.full(len(places), _SURE))
    return found._replace(settled=np.full(len(places), settled))


def _untrained() -> Checkpoint:
    """The shipped configuration with random weights: time does not depend on them."""
    place = shipped("config/people_lite.yaml")
    if place is None:
        raise ConfigError("config/people_lite.yaml is not installed; run from the repository")
    torch.manual_seed(0)
    model, finder = PTA(load_config(Path(place)).model).eval(), Finder(birdseye.CHANNELS).eval()
    return Checkpoint(model, {}, {}, {}, "people_lite, untrained", finder)


def _intakes() -> dict[str, LevelIntake]:
    poses = dict(zip(("depth", "lidar"), HEIGHTS_M, strict=True))
    sensors: dict[str, Sensor] = {"depth": DepthSensor(), "lidar": LidarSensor()}
    return {
        m: LevelIntake(
            whole(sensors[m]),
            StreamParams(topic=m, frame=LEVEL_FRAME, extrinsic=f"0 0 {height} 0 0 0"),
        )
        for m, height in poses.items()
    }


def _message(sensor: Sensor, array: Any) -> Any:
    """The sensor's message, as a plain object."""
    fields = sensor.fields(array)
    if "fields" in fields:
        fields["fields"] = [SimpleNamespace(**one) for one in fields["fields"]]
    header = SimpleNamespace(stamp=SimpleNamespace(sec=0, nanosec=0), frame_id="bench")
    return SimpleNamespace(**fields, header=header)


def _timed(call: Callable[[], Any]) -> tuple[Any, float]:
    begun = perf_counter()
    result = call()
    return result, 1e3 * (perf_counter() - begun)
