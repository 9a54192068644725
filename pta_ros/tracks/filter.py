"""One person through time: a Kalman filter over the centre and the 17 joints.

Each of the 18 points has a position and a velocity; the axes are alike and share one covariance.

How people move. A point rests or moves: no single power of acceleration gives a hand that is calm
at rest and without lag in motion. So two filters run side by side and are mixed by what they
explain (interacting multiple models; Blom and Bar-Shalom 1988). While moving, a
limb's velocity is drawn to the centre's within a third of a second (an arm that swings comes back),
so that what is predicted through a silence stays a person. Powers were fits to 120 synthetic people
of simulate/wide, a quarter of them walking, sampled at 100 Hz; the trunk's was raised, see below.

How models err. The same pose gives nearly the same error: of the shipped model's errors in a
recorded demo (10 Hz) 0.85 to 0.9 of the variance is that of the frame before, and half of it is
gone after half a second of gestures. A filter that takes them for noise grows sure of a wrong
place. So every modality has an unknown bias, one deviation of it per joint and axis, that changes
with time and as the joint moves; an estimate from several modalities has its share of each bias, by
weight. A hundred frames of a poor sensor then say no more than a few, two sensors more than one,
and the deviations that come out hold. What is new in every frame is noise; the faster a modality's
frames come, the less of them is new, so that they say as much in a second as at 10 Hz.

The settings of MotionConfig and the trunk's power were chosen on estimates of the shipped model
mmfi_lite of six synthetic people (41 to 46 of bench_over_time) at 10 Hz, by mean error, calm at
rest and coverage together. A longer bias, as its correlation would have it, and a stiffer rest cost
a tenth of the mean error: joints that move slowly were taken for biased ones.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from pta_ros.clock import NS
from pta_ros.settings import Group, param
from pta_ros.skeleton import LIMBS, NUM_JOINTS

Array = NDArray[np.float64]

CENTRE, POINTS = NUM_JOINTS, NUM_JOINTS + 1
RESTING, MOVING = range(2)
_WAYS = 2
_TRUNK = (CENTRE, *LIMBS["torso"], 1, 4, 11, 14)
_ENDS = {2: 10.0, 5: 10.0, 3: 18.0, 6: 18.0, 12: 6.0, 15: 6.0, 13: 12.0, 16: 12.0}
#: Power of the acceleration while moving, m²/s³ per axis: trunk, knees, ankles, elbows, wrists.
POWER: Array = np.array([4.8 if p in _TRUNK else _ENDS[p] for p in range(POINTS)])
#: Deviation of the velocity of somebody who is seen for the first time, m/s per axis.
_FIRST_M_S = 0.6
_LEAST_MODE = 1e-3
#: The gap between frames for which the settings were chosen, and the least that is told apart.
_USUAL_S, _LEAST_S = 0.1, 0.001
#: Predictions that are kept: a handful for each person in sight.
_KEPT = 32


@dataclass(frozen=True)
class MotionConfig(Group):
    """How people move and models err; see the module."""

    limb_s: float = param(0.35, "a limb's own velocity dies in", unit="s", low=0.05, high=10.0)
    rest_s: float = param(0.25, "at rest both in", unit="s", low=0.05, high=10.0)
    trunk_s: float = param(0.4, "and a trunk joint's in", unit="s", low=0.05, high=10.0)
    centre_s: float = param(30.0, "the centre's velocity dies in", unit="s", low=0.05, high=60.0)
    rest: float = param(0.0003, "power at rest, of that in motion", low=1e-6, high=1.0)
    start_hz: float = param(3.5, "how often a point starts to move", unit="Hz", low=0.01, high=50.0)
    stop_hz: float = param(1.0, "how often it ceases to", unit="Hz", low=0.01, high=50.0)
    white: float = param(0.35, "share of the variance new in every frame", low=0.01, high=1.0)
    dense: float = param(1.0, "times (0.1 s / gap) to this power after a gap", low=0.0, high=4.0)
    bias_s: float = param(1.0, "the bias of a resting joint holds for", unit="s", low=0.1, high=1e3)
    bias_m: float = param(0.05, "or for a way of", unit="m", low=0.01, high=10.0)
    outlier: float = param(4.0, "so many deviations off a point counts less", low=2.0, high=100.0)
    spread: float = param(1.1, "deviations are told so much larger", low=0.5, high=5.0)


@dataclass(frozen=True, eq=False)
class State:
    """What is known of one person at `stamp_ns`; S: position, velocity, a bias per modality.

    `mean` (2, 18, S, 3), `cov` (2, 18, S, S) of the two ways of motion, `mode` (2, 18) their
    probabilities. Never changed in place.
    """

    stamp_ns: int
    mean: Array
    cov: Array
    mode: Array

    def mixed(self) -> tuple[Array, Array]:
        """Means (18, S, 3) and covariances (18, S, S) over both ways of motion."""
        return self._mixed

    @cached_property
    def _mixed(self) -> tuple[Array, Array]:
        """Several ask it of one state."""
        mean, cov = _mix(self.mean, self.cov, self.mode[:, None])
        return mean[0], cov[0]


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """One person in one frame: `points` (18, 3) metres, joints and centre, with a `deviation_m`
    (18,) per axis; `parts` (M,) is how much of each modality's bias is in it, a unit vector.
    `presence` and `weights` are the person's."""

    points: Array
    deviation_m: Array
    parts: Array
    presence: float = 1.0
    weights: dict[str, float] = field(default_factory=dict)


class MotionFilter:
    """Starts, predicts and updates states; `modalities` are so many."""

    def __init__(self, config: MotionConfig, modalities: int) -> None:
        self.config, self.size = config, 2 + modalities
        self._power = POWER * np.array([[config.rest], [1.0]])
        self._die_s = np.full((_WAYS, POINTS), config.limb_s)
        self._die_s[:, list(_TRUNK)] = config.trunk_s
        self._die_s[RESTING] = config.rest_s
        self._die_s[:, CENTRE] = config.centre_s
        self._leave_hz = np.array([config.start_hz, config.stop_hz])
        self._foreseen = lru_cache(maxsize=_KEPT)(self._predict)

    def start(self, seen: Seen, stamp_ns: int) -> State:
        """The state of somebody who is seen for the first time."""
        mean = np.zeros((_WAYS, POINTS, self.size, 3))
        mean[:, :, 0] = seen.points
        cov = np.zeros((_WAYS, POINTS, self.size, self.size))
        cov[..., 0, 0] = seen.deviation_m**2
        cov[..., 1, 1] = _FIRST_M_S**2
        cov[..., 2:, 2:] = np.eye(self.size - 2)
        cov[..., 0, 2:] = cov[..., 2:, 0] = -self._held(seen)
        return State(stamp_ns, mean, cov, np.full((_WAYS, POINTS), 1.0 / _WAYS))

    def predict(self, state: State, stamp_ns: int) -> State:
        """The state at `stamp_ns`, not before its own.

        The same is asked by each sensor's frame, by the update and by what is told then: the last
        few are kept.
        """
        return self._foreseen(state, stamp_ns)

    def _predict(self, state: State, stamp_ns: int) -> State:
        time_s = (stamp_ns - state.stamp_ns) / NS
        if time_s <= 0.0:
            return state
        mean, cov, mode = self._switch(state, time_s)
        joint, variance = state.mixed()
        speed = np.linalg.norm(joint[:, 1], axis=-1)
        held = np.exp(-time_s / self.config.bias_s - time_s * speed / self.config.bias_m)
        fade = np.exp(-time_s / self._die_s)
        reach = self._die_s * (1.0 - fade)
        move = np.zeros((_WAYS, POINTS, self.size, self.size))
        move[..., 0, 0], move[..., 0, 1], move[..., 1, 1] = 1.0, reach, fade
        index = np.arange(2, self.size)
        move[..., index, index] = held[:, None]
        mean, cov = move @ mean, move @ cov @ np.swapaxes(move, -1, -2)
        along = np.stack([reach[:, CENTRE:] - reach, fade[:, CENTRE:] - fade], axis=-1)
        mean[:, :, :2] += along[..., None] * joint[CENTRE, 1]  # with the centre
        cov[:, :, :2, :2] += variance[CENTRE, 1, 1] * along[..., :, None] * along[..., None, :]
        cov[:, :, :2, :2] += self._power[..., None, None] * self._wander(time_s, fade)
        cov[:, :, index, index] += (1.0 - held**2)[:, None]
        return State(stamp_ns, mean, cov, mode)

    def update(self, state: State, seen: Seen, since_s: float) -> State:
        """The state with what was seen at its stamp, `since_s` after what was seen before."""
        row = np.concatenate([np.tile([1.0, 0.0], (POINTS, 1)), self._held(seen)], axis=1)
        across = (state.cov @ row[:, :, None])[..., 0]  # (2, 18, S)
        dense = max(1.0, _USUAL_S / max(since_s, _LEAST_S)) ** self.config.dense
        noise = dense * self.config.white * seen.deviation_m**2
        variance = (across * row).sum(axis=-1) + noise  # (2, 18)
        new = seen.points - (row[:, None, :] @ state.mean)[..., 0, :]  # (2, 18, 3)
        square = (new**2).sum(axis=-1)
        # Farther than somebody can have moved: it counts less, as if its deviation were larger.
        most = 3.0 * self.config.outlier**2
        variance = variance + np.maximum(square[MOVING] / most - variance[MOVING], 0.0)
        gain = across / variance[..., None]
        mean = state.mean + gain[..., None] * new[:, :, None, :]
        cov = state.cov - gain[..., :, None] * across[..., None, :]
        likely = -1.5 * np.log(variance) - 0.5 * square / variance
        mode = state.mode * np.exp(likely - likely.max(axis=0))
        mode = np.maximum(mode / mode.sum(axis=0), _LEAST_MODE)
        return State(state.stamp_ns, mean, cov, mode / mode.sum(axis=0))

    def _held(self, seen: Seen) -> Array:
        """How far one deviation of each bias moves each point, (18, M)."""
        share = np.sqrt(1.0 - self.config.white)
        return share * seen.deviation_m[:, None] * seen.parts

    def _switch(self, state: State, time_s: float) -> tuple[Array, Array, Array]:
        """Mean, covariance and probability of each way after points may have changed theirs."""
        leave = -np.expm1(-time_s * self._leave_hz) / (_WAYS - 1)
        change = leave[:, None] * (1.0 - np.eye(_WAYS)) + np.diag(1.0 - (_WAYS - 1) * leave)
        came = change[:, :, None] * state.mode[:, None]  # from, to, points
        mode = came.sum(axis=0)
        mean, cov = _mix(state.mean, state.cov, came / mode)
        return mean, cov, mode

    def _wander(self, time_s: float, fade: Array) -> Array:
        """Covariance (2, 18, 2, 2) that an acceleration of power 1 gives a velocity that dies."""
        die = self._die_s
        left = 1.0 - fade
        out = np.empty((_WAYS, POINTS, 2, 2))
        out[..., 0, 0] = die**2 * (time_s - 2.0 * die * left + 0.5 * die * (1.0 - fade**2))
        out[..., 0, 1] = out[..., 1, 0] = 0.5 * die**2 * left**2
        out[..., 1, 1] = 0.5 * die * (1.0 - fade**2)
        return out


def _mix(mean: Array, cov: Array, share: Array) -> tuple[Array, Array]:
    """Means (K, 18, S, 3) and covariances (K, 18, S, S) of mixtures: `share` (2, K, 18) of each
    way in each of them, adding up to 1."""
    part = share.transpose(2, 1, 0)  # (18, K, 2)
    points, size = mean.shape[1:3]
    middle = mean[MOVING]
    apart = mean - middle  # near zero, so that squares lose nothing
    spread = cov + _outer(apart)
    flat = part @ apart.transpose(1, 0, 2, 3).reshape(points, _WAYS, -1)
    means = flat.reshape(points, -1, size, 3).transpose(1, 0, 2, 3)
    flat = part @ spread.transpose(1, 0, 2, 3).reshape(points, _WAYS, -1)
    covs = flat.reshape(points, -1, size, size).transpose(1, 0, 2, 3)
    return means + middle, covs - _outer(means)


def _outer(vectors: Array) -> Array:
    """Mean over the axes of v vᵀ, (..., S, S), of vectors (..., S, 3)."""
    return vectors @ np.swapaxes(vectors, -1, -2) / 3.0
