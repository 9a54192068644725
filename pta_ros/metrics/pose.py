"""Errors of estimated poses, in the unit of their input, one number per frame."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]


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
