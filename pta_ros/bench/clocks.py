"""Sensors whose clocks are wrong in every way, each beside two that are right: live, and in sync?

The fusion's own pipeline is fed frames at times that are made up: no ROS, no wall clock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from pta_ros.clock import NS
from pta_ros.frames import Frame, Sample, StreamState, StreamStatus
from pta_ros.fusion.config import StreamConfig
from pta_ros.fusion.pipeline import FusionPipeline
from pta_ros.fusion.prediction import Prediction
from pta_ros.fusion.streams import Stream
from pta_ros.metrics.bound import Bound, at_least, at_most

#: The consumer's clock when a run begins, ns.
T0 = 1_795_813_717_000_000_000
NAMES = ("depth", "lidar", "csi")
#: How far a stamp may end up from the truth, and how long a jump back may take to be followed.
LIMIT_S, SETTLE_S = 0.020, 0.9
#: When clocks jump, seconds after the start.
_OFF_S, _ON_S, _ONE_S = 8.0, 16.0, 12.0

#: What a wrong clock shows at `t` seconds, in seconds after T0.
CLOCKS: dict[str, Callable[[float], float]] = {
    "right": lambda t: t,
    "since boot": lambda t: t + 12.3 - T0 / NS,
    "behind": lambda t: t - 2.0,
    "ahead": lambda t: t + 2.0,
    "slow by 100 ppm": lambda t: t - 3600 * 100e-6 - t * 100e-6,
    "fast by 100 ppm": lambda t: t + 3600 * 100e-6 + t * 100e-6,
    "slow by 200 ppm": lambda t: t - 1.0 - t * 200e-6,
    "zero": lambda t: -T0 / NS,
    "jumps ahead": lambda t: t + (5.0 if t > _ONE_S else 0.0),
    "jumps back": lambda t: t - (5.0 if t > _ONE_S else 0.0),
    "jumps ahead and back": lambda t: t + (3600.0 if _OFF_S < t < _ON_S else 0.0),
    "jumps back and ahead": lambda t: t - (0.7 if _OFF_S < t < _ON_S else 0.0),
    "one wild stamp": lambda t: t + (50.0 if _ONE_S <= t < _ONE_S + 0.1 else 0.0),
}
#: When a clock jumps back, which looks like messages that were held up, at first.
BACK_S = {
    "jumps back": _ONE_S,
    "jumps ahead and back": _ON_S,
    "jumps back and ahead": _OFF_S,
}


class Run:
    """Three sensors, `bad` with a clock of its own; what was true of its frames, by their time (s).

    Messages take `way_s` and up to `jitter_s` more. `errors_s` is how far the newest frame's stamp
    is from its message's time.
    """

    def __init__(
        self,
        policy: str,
        clock: Callable[[float], float],
        bad: str = "lidar",
        jitter_s: float = 0.03,
        way_s: float = 0.0,
        end_s: float = 30.0,
        rate_hz: float = 10.0,
    ) -> None:
        config = {name: StreamConfig() for name in NAMES}
        config[bad] = StreamConfig(stamp_policy=policy)
        self.pipeline = FusionPipeline({m: Stream(m, c) for m, c in config.items()}, told)
        self.bad, self.end_ns = bad, T0
        self.errors_s: dict[float, float] = {}
        self.live: dict[float, bool] = {}
        self.remarks: dict[float, str] = {}
        rng = np.random.default_rng(3)
        events = []
        for k in range(round(end_s * rate_hz)):
            for n, name in enumerate(NAMES):
                t = k / rate_hz + 0.003 * n
                events.append((t + way_s + jitter_s * rng.random(), t, name))
        for serial, (now, t, name) in enumerate(sorted(events)):
            shown = clock(t) if name == bad else t
            stamp = T0 + round(shown * NS) if shown > -T0 / NS else 0
            self._message(T0 + round(now * NS), t, name, stamp, serial)

    def _message(self, now_ns: int, t: float, name: str, stamp_ns: int, serial: int) -> None:
        frame = Frame(name, stamp_ns, np.array([serial], np.float32), now_ns)
        self.pipeline.push(frame, now_ns)
        if name != self.bad:
            return
        stream = self.pipeline.streams[name]
        status = stream.status(now_ns)
        self.live[t] = status.state is StreamState.LIVE
        self.remarks[t] = status.remark
        newest = stream.newest_ns(now_ns)
        if newest is not None:
            self.errors_s[t] = (newest - T0) / NS - t
        self.end_ns = now_ns

    def status(self, name: str = "") -> StreamStatus:
        """What the pipeline says of a sensor at the end; of the one with the clock, if not told."""
        statuses = self.pipeline.statuses(self.end_ns)
        return next(s for s in statuses if s.modality == (name or self.bad))


def told(sample: Sample) -> Prediction:
    """A model that weighs all sensors alike."""
    share = 1 / len(sample.frames)
    joints, deviations = np.zeros((17, 3), np.float32), np.ones(17, np.float32)
    return Prediction(joints, deviations, dict.fromkeys(sample.frames, share))


@dataclass(frozen=True)
class Kept:
    """What `align` made of one clock on one sensor.

    `live` is the share of messages after which the sensor was LIVE, `error_s` the largest distance
    of a stamp from the truth, both but for `settle_s` after a jump back, until both were right.
    """

    clock: str
    sensor: str
    live: float
    error_s: float
    settle_s: float

    def __str__(self) -> str:
        settled = f", followed after {self.settle_s:.1f} s" if self.clock in BACK_S else ""
        return (
            f"{self.clock:22} {self.sensor:6} LIVE {self.live:7.2%}, "
            f"{1e3 * self.error_s:4.1f} ms off{settled}"
        )


def keep(clock: str, sensor: str) -> Kept:
    """Run one clock on one sensor under `align`."""
    run = Run("align", CLOCKS[clock], sensor)
    back_s = BACK_S.get(clock, np.inf)

    def settling(t: float) -> bool:
        return back_s <= t < back_s + SETTLE_S

    right = {
        t: live and abs(run.errors_s.get(t, np.inf)) <= LIMIT_S for t, live in run.live.items()
    }
    late = [t - back_s for t, fine in right.items() if back_s <= t and not fine]
    lives = [live for t, live in run.live.items() if not settling(t)]
    errors = [abs(error) for t, error in run.errors_s.items() if not settling(t)]
    return Kept(clock, sensor, float(np.mean(lives)), max(errors), max(late, default=0.0))


def bounds(kept: Iterable[Kept]) -> list[Bound]:
    """What must hold of every clock on every sensor."""
    listed = list(kept)
    off = max(listed, key=lambda k: k.error_s)
    dead = min(listed, key=lambda k: k.live)
    slow = max(listed, key=lambda k: k.settle_s)

    def place(one: Kept) -> str:
        return f"{one.clock}, {one.sensor}"

    return [
        at_most(
            "align: a stamp from the truth", 1e3 * off.error_s, 1e3 * LIMIT_S, "ms", place(off)
        ),
        at_least("align: messages after which it is LIVE", 100 * dead.live, 100, "%", place(dead)),
        at_most("align: a jump back is followed", slow.settle_s, SETTLE_S, "s", place(slow)),
    ]
