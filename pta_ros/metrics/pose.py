"""Errors of estimated poses, one number per frame, and how plausible their motion is by itself."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pta_ros.skeleton import BONES

Array = NDArray[np.floating]

#: Steps between these multiples of the usual one count as even.
_EVEN = (0.5, 2.0)


def joint_errors(estimate: Array, truth: Array) -> Array:
    """Distance of every joint, (N, J, 3), (N, J, 3) -> (N, J)."""
    distance: Array = np.linalg.norm(estimate - truth, axis=-1)
    return distance


def mpjpe(estimate: Array, truth: Array) -> Array:
    """Mean per joint position error of every frame: (N, J, 3), (N, J, 3) -> (N,)."""
    mean: Array = joint_errors(estimate, truth).mean(axis=-1)
    return mean


def pa_mpjpe(estimate: Array, truth: Array) -> Array:
    """MPJPE after the best similarity transform of every frame (method, Metrics)."""
    return mpjpe(procrustes(estimate, truth), truth)


def procrustes(estimate: Array, truth: Array) -> Array:
    """Rotate (no reflection), scale and shift each estimate onto its truth (Umeyama 1991)."""
    x = np.asarray(estimate, np.float64)
    y = np.asarray(truth, np.float64)
    x_mean, y_mean = x.mean(axis=1, keepdims=True), y.mean(axis=1, keepdims=True)
    x, y = x - x_mean, y - y_mean
    u, s, vt = np.linalg.svd(np.swapaxes(x, 1, 2) @ y)
    proper = np.ones_like(s)
    proper[:, -1] = np.sign(np.linalg.det(u @ vt))
    rotation = (u * proper[:, None]) @ vt
    spread = np.maximum((x**2).sum(axis=(1, 2)), np.finfo(np.float64).tiny)
    scale = (s * proper).sum(axis=1) / spread
    fitted: Array = scale[:, None, None] * (x @ rotation) + y_mean
    return fitted


def usual_step_s(times_s: Array) -> float:
    """Median time between estimates, 0 with fewer than two."""
    return float(np.median(np.diff(times_s))) if len(times_s) > 1 else 0.0


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
    moved = np.diff(np.asarray(joints_m, np.float64), axis=0)
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
