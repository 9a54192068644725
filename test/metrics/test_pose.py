import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pta_ros.metrics.pose import joint_errors, mpjpe, pa_mpjpe, procrustes
from pta_ros.metrics.subsets import subset_name, subsets


def rotation(angles):
    x, y, z = angles
    rx = [[1, 0, 0], [0, np.cos(x), -np.sin(x)], [0, np.sin(x), np.cos(x)]]
    ry = [[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]]
    rz = [[np.cos(z), -np.sin(z), 0], [np.sin(z), np.cos(z), 0], [0, 0, 1]]
    return np.array(rz) @ np.array(ry) @ np.array(rx)


def test_mpjpe_of_a_known_offset():
    truth = np.random.default_rng(0).normal(size=(3, 17, 3))
    moved = truth + np.array([0.3, 0.0, 0.4])
    assert mpjpe(moved, truth) == pytest.approx([0.5, 0.5, 0.5])
    assert joint_errors(moved, truth).shape == (3, 17)


angle = st.floats(-3.1, 3.1)


@settings(deadline=None)
@given(
    st.tuples(angle, angle, angle), st.floats(0.2, 5), st.tuples(*[st.floats(-4, 4)] * 3),
    st.integers(0, 1000),
)  # fmt: skip
def test_a_similarity_transform_costs_nothing_after_alignment(angles, scale, shift, seed):
    truth = np.random.default_rng(seed).normal(size=(2, 17, 3))
    estimate = scale * truth @ rotation(angles).T + np.array(shift)
    assert pa_mpjpe(estimate, truth) == pytest.approx([0, 0], abs=1e-9)


def test_a_mirrored_body_is_not_forgiven():
    truth = np.random.default_rng(1).normal(size=(1, 17, 3))
    assert pa_mpjpe(truth * [-1, 1, 1], truth)[0] > 0.1


def test_alignment_is_the_best_of_many():
    rng = np.random.default_rng(2)
    truth, estimate = rng.normal(size=(1, 17, 3)), rng.normal(size=(1, 17, 3))
    best = ((procrustes(estimate, truth) - truth) ** 2).sum()
    for _ in range(200):
        fitted = procrustes(estimate, truth) @ rotation(rng.normal(scale=0.1, size=3)).T
        fitted = fitted * rng.normal(1, 0.05) + rng.normal(scale=0.05, size=3)
        assert ((fitted - truth) ** 2).sum() >= best


def test_a_collapsed_estimate_has_a_finite_error():
    truth = np.random.default_rng(3).normal(size=(1, 17, 3))
    assert np.isfinite(pa_mpjpe(np.zeros((1, 17, 3)), truth)).all()


def test_three_modalities_have_seven_subsets():
    names = [subset_name(s) for s in subsets(("d", "l", "w"))]
    assert names == ["d", "l", "w", "d+l", "d+w", "l+w", "d+l+w"]
