"""How fast recordings become a training tree, against the time that they took to record.

Synthetic: a 640x480 depth camera at 30 Hz, a LiDAR of 30,000 points, CSI and the truth at 10 Hz.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from resource import RUSAGE_CHILDREN, RUSAGE_SELF, getrusage
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import numpy as np

from pta_ros.bags.bag import BagWriter
from pta_ros.bags.messages import TRUE_POSE, beside, reading, true_pose
from pta_ros.clock import NS
from pta_ros.errors import ConfigError
from pta_ros.frames import FloatArray
from pta_ros.metrics.bound import Bound, at_least
from pta_ros.recordings.convert import convert
from pta_ros.recordings.setup import Setup
from pta_ros.recordings.told import Wishes
from pta_ros.sensors import CsiSensor, DepthSensor, LidarSensor
from pta_ros.skeleton import NUM_JOINTS

#: Times real time, on two processes.
MIN_SPEED, JOBS = 5.0, 2
_CAMERA_HZ, _OTHERS_HZ, _CLIP_S = 30, 10, 10.0
_POINTS = 30_000
_START_NS = 1_600_000_000 * NS


@dataclass(frozen=True)
class ConversionTime:
    """`seconds` of recording, what they took (`wall_s`), on how many `jobs`; `cpu_s` of all."""

    seconds: float
    wall_s: float
    cpu_s: float
    frames: int
    jobs: int

    @property
    def speed(self) -> float:
        """Times real time."""
        return self.seconds / self.wall_s

    def bounds(self) -> list[Bound]:
        """What must hold."""
        name = "recordings to a tree, times real time"
        return [at_least(name, self.speed, MIN_SPEED, "x", f"{self.jobs} processes")]

    def notes(self) -> list[str]:
        """What it took, a sentence."""
        each = 1e3 * self.cpu_s / max(1, self.frames)
        return [
            f"{self.seconds:.0f} s of recording in {self.wall_s:.1f} s on {self.jobs} processes, "
            f"{self.frames} frames, {self.cpu_s:.1f} s of CPU ({each:.0f} ms a frame)"
        ]

    def to_dict(self) -> dict[str, Any]:
        """Plain containers, for JSON."""
        return asdict(self)


def bench_conversion(seconds: float = 40.0, jobs: int = JOBS) -> ConversionTime:
    """Write a recording and convert it; raises ConfigError for one that is too short."""
    if seconds < _CLIP_S or jobs < 1:
        raise ConfigError(f"{seconds:g} s on {jobs} jobs; expected {_CLIP_S:g} s or more, 1 job")
    with TemporaryDirectory(prefix="bench_conversion") as folder:
        bag = Path(folder) / "bag"
        write_recording(bag, seconds)
        wishes = Wishes(rate_hz=_OTHERS_HZ, clip_s=_CLIP_S, jobs=jobs)
        setup = Setup.read(None, None, ())
        begun, before = perf_counter(), _cpu_s()
        marker = convert([(bag,)], Path(folder) / "tree", setup, wishes, lambda *each: None)
        took, cpu_s = perf_counter() - begun, _cpu_s() - before
    return ConversionTime(seconds, took, cpu_s, marker.recordings[0]["report"]["frames"], jobs)


def _cpu_s() -> float:
    used = (getrusage(RUSAGE_SELF), getrusage(RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in used)


def write_recording(path: Path, seconds: float) -> None:
    """A recording of somebody who walks to and fro before a wall."""
    with BagWriter(path, whole=True) as bag:
        for n in range(round(seconds * _CAMERA_HZ)):
            stamp = _START_NS + round(n * 1e9 / _CAMERA_HZ)
            rng, x_m = np.random.default_rng(n), float(np.sin(n / 60))
            found = {f"/{DepthSensor.topic}": reading(DepthSensor(), _depth(x_m, rng), stamp)}
            found |= beside(DepthSensor(), stamp)
            if n % (_CAMERA_HZ // _OTHERS_HZ) == 0:
                found[f"/{LidarSensor.topic}"] = reading(LidarSensor(), _cloud(x_m, rng), stamp)
                found[f"/{CsiSensor.topic}"] = reading(CsiSensor(), _csi(rng), stamp)
                found[TRUE_POSE[0]] = true_pose(_joints(x_m), stamp, "synthetic")
            for topic, msg in found.items():
                bag.write(topic, stamp, msg)


def _depth(x_m: float, rng: np.random.Generator) -> Any:
    """Millimetres (480, 640): a slanted wall, somebody 3 m away, a stereo camera's noise."""
    v, u = np.mgrid[:480, :640]
    wall = 3800.0 + 0.8 * u + 0.2 * v
    person = (np.abs((u - 320) / 570 * 3 - x_m) < 0.25) & (np.abs(v - 250) < 160)
    depth = np.where(person, 3000.0, wall)
    return np.rint(depth + rng.normal(0, 1.5e-6 * depth**2, depth.shape)).astype(np.uint16)


def _cloud(x_m: float, rng: np.random.Generator) -> FloatArray:
    """Points (N, 3) of a hall's walls, and of somebody 3 m ahead."""
    angle = rng.uniform(-np.pi, np.pi, _POINTS)
    walls = np.stack([5 * np.cos(angle), 5 * np.sin(angle), rng.uniform(-1, 2, _POINTS)], axis=1)
    person = rng.normal((3.0, -x_m, 0.0), (0.1, 0.2, 0.5), (600, 3))
    return np.concatenate([walls, person]).astype(np.float32)


def _csi(rng: np.random.Generator) -> FloatArray:
    fading = 30 + 8 * np.sin(np.arange(114) / 12 + rng.uniform(0, 6, (3, 1)))
    return (fading[:, :, None] + rng.normal(0, 0.3, (3, 114, 10))).astype(np.float32)


def _joints(x_m: float) -> FloatArray:
    """Joints (17, 3) in the camera's frame, one above the other."""
    heights = np.linspace(0.9, -0.8, NUM_JOINTS)
    return np.stack([np.full(NUM_JOINTS, x_m), heights, np.full(NUM_JOINTS, 3.1)], axis=1).astype(
        np.float32
    )
