"""How plausible estimated motion is by itself: jitter of joints, constancy of bones, silence."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pta_ros.skeleton import BONES

Array = NDArray[np.floating]

#: A pause longer than this many usual steps, and than `_GAP_S`, is a gap.
_GAP_STEPS, _GAP_S = 3.0, 0.35
_EVEN = (0.5, 2.0)


def usual_step_s(times_s: Array) -> float:
    """Median time between estimates, 0 with fewer than two."""
    return float(np.median(np.diff(times_s))) if len(times_s) > 1 else 0.0


def gap_s(times_s: Array) -> float:
    """From how many seconds on a pause between estimates is a gap."""
    return max(_GAP_S, _GAP_STEPS * usual_step_s(times_s))


def silent_s(times_s: Array, duration_s: float) -> float:
    """Seconds without an estimate: all gaps, those at both ends included."""
    pauses = np.diff(np.concatenate([[0.0], times_s, [duration_s]]))
    return float(pauses[pauses > gap_s(times_s)].sum())


def jitter(times_s: Array, joints_m: Array) -> Array:
    """RMS acceleration of every joint in m/s²: (N,), (N, J, 3) -> (J,), NaN when there is none.

    Acceleration from second differences, as in the acceleration error of Kanazawa et al. (Learning
    3D Human Dynamics from Video, CVPR 2019), here divided by the time that passed. Only steps of
    about the usual length count, so that gaps and near-double stamps do not.
    """
    step = np.diff(times_s)
    usual = usual_step_s(times_s)
    even = (step >= _EVEN[0] * usual) & (step <= _EVEN[1] * usual) & (step > 0)
    kept = even[1:] & even[:-1]
    if not kept.any():
        return np.full(joints_m.shape[1], np.nan)
    before, after = step[:-1][kept, None, None], step[1:][kept, None, None]
    joints = np.asarray(joints_m, np.float64)
    moved = np.diff(joints, axis=0)
    change = moved[1:][kept] / after - moved[:-1][kept] / before
    acceleration = 2.0 * change / (before + after)
    rms: Array = np.sqrt((acceleration**2).sum(axis=-1).mean(axis=0))
    return rms


def bone_variation(joints_m: Array) -> Array:
    """Coefficient of variation of every bone's length over time: (N, J, 3) -> (B,).

    Standard deviation over mean; bones are rigid, so 0 is perfect. NaN without an estimate.
    """
    if len(joints_m) == 0:
        return np.full(len(BONES), np.nan)
    pairs = np.array(BONES)
    bones = np.asarray(joints_m, np.float64)
    lengths = np.linalg.norm(bones[:, pairs[:, 1]] - bones[:, pairs[:, 0]], axis=-1)
    variation: Array = lengths.std(axis=0) / np.maximum(lengths.mean(axis=0), 1e-9)
    return variation
