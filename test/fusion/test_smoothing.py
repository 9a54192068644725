"""One-Euro filter: what passes, what is calmed, what starts over."""

import math

import numpy as np
import pytest

from pta_ros.errors import ConfigError
from pta_ros.fusion.smoothing import OneEuroFilter, SmoothingConfig

NS = 1_000_000_000


def run(config, path, rate_hz=10.0):
    """Filter positions (T, 17, 3)."""
    smooth = OneEuroFilter(config)
    stamps = (np.arange(len(path)) / rate_hz * NS).astype(int)
    return np.stack([smooth(p, int(t)) for p, t in zip(path, stamps, strict=True)])


def still(n, noise_m, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(0, noise_m, (n, 17, 3)).astype(np.float32)


def moving(n, speed_m_s, rate_hz=10.0):
    path = np.zeros((n, 17, 3), np.float32)
    path[:, :, 0] = (speed_m_s * np.arange(n) / rate_hz)[:, None]
    return path


def test_first_sample_passes_unchanged():
    joints = still(1, 1.0)[0]
    assert np.array_equal(OneEuroFilter()(joints, 5), joints)


def test_constant_input_stays_constant():
    path = np.repeat(still(1, 1.0), 20, axis=0)
    assert run(SmoothingConfig(), path) == pytest.approx(path, abs=1e-6)


def test_matches_the_published_recursion_on_one_axis():
    """With motion along one axis the joint's speed is the coordinate's, as in the paper."""
    config = SmoothingConfig(min_cutoff_hz=1.2, beta=0.7, d_cutoff_hz=1.0)
    values = np.cumsum(np.random.default_rng(3).normal(0, 0.1, 30))
    path = np.zeros((30, 17, 3), np.float32)
    path[:, :, 1] = values[:, None]

    def alpha(cutoff, te=0.1):
        return 1 / (1 + (1 / (2 * math.pi * cutoff)) / te)

    expected, x, dx = [], None, 0.0
    for raw in path[:, 0, 1].astype(float):
        if x is None:
            x = raw
        else:
            dx = alpha(1.0) * (raw - x) / 0.1 + (1 - alpha(1.0)) * dx
            a = alpha(1.2 + 0.7 * abs(dx))
            x = a * raw + (1 - a) * x
        expected.append(x)
    assert run(config, path)[:, 5, 1] == pytest.approx(expected, abs=1e-6)


def test_noise_of_a_still_person_is_calmed():
    path = still(300, 0.02)
    config = SmoothingConfig(min_cutoff_hz=0.5, beta=0.5)
    assert run(config, path)[50:].std() < 0.6 * path[50:].std()


def test_beta_bounds_the_lag_of_a_fast_joint():
    path = moving(50, 1.0)
    lag_m = [
        np.abs(run(SmoothingConfig(min_cutoff_hz=1.0, beta=beta), path) - path)[-1].max()
        for beta in (0.0, 4.0)
    ]
    assert lag_m[0] > 0.1
    assert lag_m[1] < 0.05


def test_result_turns_with_the_axes():
    rng = np.random.default_rng(1)
    path = np.cumsum(rng.normal(0, 0.05, (40, 17, 3)), axis=0)
    rotation = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    turned = run(SmoothingConfig(), path @ rotation)
    assert turned == pytest.approx(run(SmoothingConfig(), path) @ rotation, abs=1e-5)


@pytest.mark.parametrize("jump_s", [0.501, -0.1, 0.0])
def test_gap_repeat_and_step_back_start_over(jump_s):
    smooth = OneEuroFilter()
    for k in range(5):
        smooth(moving(5, 1.0)[k], k * NS // 10)
    far = np.full((17, 3), 9.0, np.float32)
    after = 4 * NS // 10 + round(jump_s * NS)
    assert np.array_equal(smooth(far, after), far)
    near = np.full((17, 3), 9.1, np.float32)
    assert (smooth(near, after + NS // 10) < 9.1).all()  # and goes on from there


def test_reset_forgets():
    smooth = OneEuroFilter()
    smooth(np.zeros((17, 3), np.float32), 0)
    smooth.reset()
    far = np.ones((17, 3), np.float32)
    assert np.array_equal(smooth(far, NS // 10), far)


def test_input_is_neither_changed_nor_kept():
    smooth = OneEuroFilter()
    first, second = np.zeros((17, 3), np.float32), np.ones((17, 3), np.float32)
    passed = smooth(first, 0)
    passed[:] = 50.0
    smoothed = smooth(second, NS // 10)
    assert (smoothed < 1.0).all()
    assert (second == 1.0).all()
    assert smoothed.dtype == np.float32


@pytest.mark.parametrize(
    "setting",
    [
        {"min_cutoff_hz": 0.0},
        {"d_cutoff_hz": -1.0},
        {"gap_s": math.nan},
        {"beta": -0.1},
    ],
)
def test_impossible_settings_are_named(setting):
    with pytest.raises(ConfigError, match=next(iter(setting))):
        SmoothingConfig(**setting)


def test_switched_on_again_it_starts_over():
    smooth, still, far = OneEuroFilter(), np.zeros((17, 3)), np.ones((17, 3), np.float32)
    smooth(still, 10**9)
    assert (smooth(far, 11 * 10**8) < 1).all()
    smooth.enabled = False
    assert np.array_equal(smooth(still, 12 * 10**8), still)
    smooth.enabled = True
    assert np.array_equal(smooth(far, 13 * 10**8), far)
