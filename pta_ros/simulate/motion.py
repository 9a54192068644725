"""How a person moves through time: key poses, minimum-jerk ways between them, small liberties."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pta_ros.simulate import kinematics
from pta_ros.simulate.actions import Action
from pta_ros.simulate.body import Subject
from pta_ros.simulate.kinematics import CHANNELS, INDEX, Array

_STREAM = 202
_ANGLE_SWAY = 1.2  # degrees
_LENGTH_SWAY = 0.004  # leg lengths
_LENGTHS = ("px", "py", "pz", "jump", "l_fx", "l_fy", "l_fz", "r_fx", "r_fy", "r_fz")
_PLANTED = ("jump", "l_fx", "l_fy", "l_fz", "r_fx", "r_fy", "r_fz", "py")  # never sway


@dataclass(frozen=True, eq=False)
class Variation:
    """One clip's liberties: `tempo` and `amplitude` factors, start `phase` in cycles.

    `keys` (8, C) scale single key poses; `drift` (2, 3) and `sway` (2, C, 2) are the frequencies
    (Hz) and phases (rad) of slow changes of tempo and amplitude, and of posture.
    """

    tempo: float
    amplitude: float
    phase: float
    keys: Array
    drift: Array
    sway: Array

    @classmethod
    def draw(cls, seed: int, subject: int, clip: int) -> Variation:
        """The liberties of clip number `clip` of a subject of the population `seed`."""
        rng = np.random.default_rng([seed, subject, clip, _STREAM])
        sway = np.empty((2, len(CHANNELS), 2))
        sway[..., 0] = rng.uniform([[0.08], [0.25]], [[0.22], [0.6]], (2, len(CHANNELS)))
        sway[..., 1] = rng.uniform(0.0, 2.0 * np.pi, (2, len(CHANNELS)))
        drift = np.stack([rng.uniform(0.05, 0.16, 3), rng.uniform(0.0, 2.0 * np.pi, 3)])
        return cls(
            tempo=float(rng.uniform(0.88, 1.14)),
            amplitude=float(rng.uniform(0.88, 1.1)),
            phase=float(rng.uniform()),
            keys=1.0 + 0.09 * np.clip(rng.standard_normal((8, len(CHANNELS))), -2.0, 2.0),
            drift=drift,
            sway=sway,
        )


def channels(subject: Subject, act: Action, time_s: Array, variation: Variation) -> Array:
    """Motion channels (T, C) of an action at times (T,) in seconds."""
    rate, amplitude = variation.drift
    wander = np.sin(2.0 * np.pi * np.outer(time_s, rate) + amplitude)
    speed = subject.tempo * variation.tempo / act.period_s
    cycle = variation.phase + speed * time_s + 0.05 * wander[:, 0]
    size = subject.amplitude * variation.amplitude * (1.0 + 0.06 * wander[:, 1])
    poses = act.poses * variation.keys[: len(act.poses)]
    out = size[:, None] * _interpolate(act.times, poses, cycle)
    out += _sway(variation, time_s)
    for name, offset in subject.posture:
        out[:, INDEX[name]] += offset
    return np.asarray(out)


def _interpolate(times: Array, poses: Array, cycle: Array) -> Array:
    """Minimum-jerk ways (twice differentiable) between cyclic key poses."""
    share = np.mod(cycle, 1.0)
    last = np.searchsorted(times, share, side="right") - 1
    following = (last + 1) % len(times)
    span = np.mod(times[following] - times[last], 1.0)
    u = (share - times[last]) / span
    ease = u**3 * (10.0 - 15.0 * u + 6.0 * u**2)
    return np.asarray(poses[last] + ease[:, None] * (poses[following] - poses[last]))


def _sway(variation: Variation, time_s: Array) -> Array:
    """Small slow changes of posture (T, C); the feet stay planted."""
    angle = 2.0 * np.pi * variation.sway[..., 0] * time_s[:, None, None] + variation.sway[..., 1]
    return np.asarray(np.sin(angle).mean(axis=1) * _SWAY_SIZE)


_SWAY_SIZE = np.array(
    [0.0 if n in _PLANTED else (_LENGTH_SWAY if n in _LENGTHS else _ANGLE_SWAY) for n in CHANNELS]
)


def pose(subject: Subject, act: Action, time_s: float, variation: Variation) -> Array:
    """Joints (17, 3) in the body frame (x left, y up from the floor, z forward), metres."""
    times = np.array([time_s])
    return np.asarray(kinematics.solve(subject, channels(subject, act, times, variation))[0])
