"""The filter of one person: what it believes of errors that go together, of rest and of motion."""

import numpy as np
import pytest

from pta_ros.bench import tracks as bench
from pta_ros.clock import NS
from pta_ros.errors import ConfigError
from pta_ros.tracks.filter import CENTRE, POINTS, MotionConfig, MotionFilter, Seen
from pta_ros.tracks.tracker import Tracker, TrackerConfig

DEPTH, CSI = np.array([1.0, 0.0]), np.array([0.0, 1.0])


def seen(place, deviation_m=0.03, parts=DEPTH):
    points = np.broadcast_to(np.asarray(place, float), (POINTS, 3))
    return Seen(points, np.full(POINTS, deviation_m), parts)


def fed(measurements, config=None, rate_hz=10.0):
    """The state after measurements at a rate."""
    motion = MotionFilter(config or MotionConfig(), 2)
    return motion, fed_on(motion, motion.start(measurements[0], 0), measurements[1:], rate_hz)


def fed_on(motion, state, measurements, rate_hz):
    """The state after more of them."""
    for one in measurements:
        ahead = motion.predict(state, state.stamp_ns + round(NS / rate_hz))
        state = motion.update(ahead, one, 1 / rate_hz)
    return state


def deviation_m(state):
    return np.sqrt(state.mixed()[1][:, 0, 0])


def test_the_first_measurement_is_believed_with_its_deviation():
    _, state = fed([seen((1, 2, 3), 0.05)])
    assert state.mixed()[0][:, 0] == pytest.approx(np.tile([1.0, 2.0, 3.0], (POINTS, 1)))
    assert deviation_m(state) == pytest.approx(0.05)


def test_many_equal_errors_do_not_make_it_sure():
    """A hundred frames of one modality within a second: its bias stays as unknown as it was."""
    config = MotionConfig()
    _, state = fed([seen((1, 0, 1), 0.1)] * 100, config, rate_hz=100.0)
    least = 0.1 * np.sqrt(1.0 - config.white)
    assert (deviation_m(state) > 0.9 * least).all()
    white = MotionConfig(white=1.0, dense=0.0)  # the same frames, were their errors independent
    assert (deviation_m(fed([seen((1, 0, 1), 0.1)] * 100, white, 100.0)[1]) < 0.6 * least).all()


def test_another_modality_makes_it_surer():
    one = fed([seen((1, 0, 1), 0.05)] * 10)[1]
    two = fed([seen((1, 0, 1), 0.05, parts) for parts in (DEPTH, CSI) * 5])[1]
    assert (deviation_m(two) < 0.85 * deviation_m(one)).all()


def test_a_poor_modality_that_repeats_hardly_moves_it():
    motion, state = fed([seen((0, 0, 1), 0.03)] * 20)
    state = fed_on(motion, state, [seen((0.25, 0, 1), 0.12, CSI)] * 20, rate_hz=100.0)
    assert np.abs(state.mixed()[0][:, 0, 0]).max() < 0.06  # of 0.25


def test_three_times_the_frames_say_as_much_within_a_second():
    rng = np.random.default_rng(4)
    path = np.array([1.0, 0.0, 1.0]) + 0.03 * rng.normal(size=(90, 3))
    usual = deviation_m(fed([seen(place) for place in path[:30]])[1])
    often = deviation_m(fed([seen(place) for place in path], rate_hz=30.0)[1])
    counted = MotionConfig(dense=0.0)  # as if what is new in a frame were new at any rate
    surer = deviation_m(fed([seen(place) for place in path], counted, 30.0)[1])
    assert often == pytest.approx(usual, rel=0.05)
    assert (surer < 0.95 * usual).all()


def test_at_rest_it_is_calm_and_a_step_is_followed_at_once():
    rng = np.random.default_rng(0)
    noise = 0.01 * rng.normal(size=(40, 3))
    path = np.array([1.0, 0.0, 1.0]) + noise
    path[30:, 2] += 0.3
    states = [fed([seen(p) for p in path[: n + 1]])[1].mixed()[0][5, 0] for n in range(20, 34)]
    told = np.array(states)
    assert np.diff(told[:10], axis=0).std() < 0.6 * np.diff(path[20:30], axis=0).std()
    assert told[11, 2] > 1.15  # the frame after the step: more than half of it
    assert told[13, 2] == pytest.approx(1.3, abs=0.05)


def test_uniform_motion_has_no_lag():
    _, state = fed([seen((0.1 * n, 0, 1)) for n in range(30)])
    mean = state.mixed()[0]
    assert mean[:, 0, 0] == pytest.approx(2.9, abs=0.015)
    assert mean[CENTRE, 1, 0] == pytest.approx(1.0, abs=0.1)


def test_through_a_silence_limbs_go_with_the_centre_and_deviations_grow():
    rng = np.random.default_rng(1)
    frames = []
    for n in range(20):  # everybody at 1 m/s, the wrist to and fro beside
        one = seen((0.1 * n, 0, 1))
        points = one.points.copy()
        points[16, 1] += 0.3 * np.sin(0.6 * n) + 0.003 * rng.normal()
        frames.append(Seen(points, one.deviation_m, one.parts))
    motion, state = fed(frames)
    later = motion.predict(state, state.stamp_ns + NS // 2)
    moved = later.mixed()[0][:, 0] - state.mixed()[0][:, 0]
    assert moved[CENTRE, 0] == pytest.approx(0.5, abs=0.08)
    assert moved[16, 0] == pytest.approx(0.5, abs=0.12)
    assert abs(moved[16, 1]) < 0.1  # its own 1.8 m/s would have been 0.9
    assert (deviation_m(later) > 1.5 * deviation_m(state)).all()


def test_one_outlier_counts_less_than_its_deviation_says():
    path = [seen((0, 0, 1), 0.03)] * 20
    _, state = fed([*path, seen((2.0, 0, 1), 0.03)])
    assert np.abs(state.mixed()[0][CENTRE, 0, 0]) < 1.0
    assert np.linalg.eigvalsh(state.cov).min() > -1e-9


def test_states_are_never_changed_in_place():
    motion, state = fed([seen((0, 0, 1))] * 3)
    kept = [array.copy() for array in (state.mean, state.cov, state.mode)]
    motion.update(motion.predict(state, state.stamp_ns + 10**8), seen((1, 0, 1)), 0.1)
    assert all(
        np.array_equal(a, b) for a, b in zip(kept, (state.mean, state.cov, state.mode), strict=True)
    )


@pytest.mark.parametrize("white", [0.05, 0.12, 0.3])
def test_deviations_hold_over_time(white):
    """Errors that go together from frame to frame, more and less than the filter was told."""
    found = []
    for seed in range(3):
        cast = bench.draw_cast(seed, white=white)
        streams = [cast.stream(m, 10.0, 4.0) for m in ("depth", "lidar")]
        told = bench.track(cast, streams)
        found.append((told.within(1.0), told.within(2.0)))
    one, two = np.mean(found, axis=0)
    assert 0.60 <= one <= 0.76
    assert two >= 0.88


def test_were_errors_taken_for_white_noise_deviations_would_not_hold():
    cast = bench.draw_cast(0)
    streams = [cast.stream(m, 30.0, 3.0) for m in ("depth", "lidar")]
    naive = Tracker(TrackerConfig(motion=MotionConfig(white=1.0, dense=0.0)), bench.MODALITIES)
    assert bench.track(cast, streams, tracker=naive).within(1.0) < 0.6


def test_impossible_settings_are_named():
    with pytest.raises(ConfigError, match="white"):
        MotionConfig(white=0.0)
