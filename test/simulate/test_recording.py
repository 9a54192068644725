import numpy as np
import pytest

from pta_ros.errors import ConfigError
from pta_ros.simulate.recording import Recording, Session, scene_of


def same(a, b) -> bool:
    pairs = [(a.depth_mm, b.depth_mm), (a.lidar_m, b.lidar_m), (a.csi, b.csi)]
    return all(np.array_equal(x, y) for x, y in pairs)


def test_frames_have_each_sensors_shape_and_unit():
    frame = Recording(0, 1, 2).frame(0)
    assert frame.joints_m.shape == (17, 3)
    assert frame.joints_m.dtype == np.float32
    assert frame.depth_mm.shape == (480, 640)
    assert frame.depth_mm.dtype == np.uint16
    assert frame.lidar_m.dtype == np.float32
    assert 1700 < len(frame.lidar_m) < 2100
    assert frame.csi.shape == (3, 114, 10)
    assert 2.0 < frame.joints_m[0, 2] < 4.0


@pytest.mark.parametrize("make", [lambda: Recording(0, 3, 12), lambda: Session(0, 43)])
def test_a_frame_does_not_depend_on_the_frames_asked_before(make):
    forward, backward = make(), make()
    late = forward.frame(9)
    backward.frame(2)
    assert same(late, backward.frame(9))
    assert same(forward.frame(2), backward.frame(2))
    assert not same(late, forward.frame(2))


def test_ground_truth_is_what_the_frames_carry():
    clip = Recording(0, 3, 12, step_s=0.5)
    truth = clip.ground_truth(4)
    assert truth.shape == (4, 17, 3)
    np.testing.assert_allclose(truth[3], clip.frame(3).joints_m, atol=1e-6)


def test_seed_subject_action_and_clip_all_matter():
    time_s = np.array([1.0])
    clips = [(0, 3, 12, 0), (1, 3, 12, 0), (0, 4, 12, 0), (0, 3, 13, 0), (0, 3, 12, 1)]
    poses = [Recording(s, p, a, "E01", clip=c).joints(time_s) for s, p, a, c in clips]
    for i, a in enumerate(poses):
        for b in poses[:i]:
            assert np.abs(a - b).max() > 0.01


def test_a_session_has_no_jumps_and_changes_its_action():
    session = Session(0, 41, "E01")
    times = np.arange(0.0, 60.0, 0.02)
    speed = np.linalg.norm(np.diff(session.joints(times), axis=0), axis=-1) / 0.02
    assert speed.max() < 14.0
    done = [session.action(t) for t in range(0, 120, 3)]
    assert len(set(done)) >= 15


def test_a_sessions_joints_do_not_depend_on_the_order_or_number_of_times():
    times = np.array([31.0, 0.0, 12.5, 6.1])
    together = Session(0, 41, "E01").joints(times)
    for time_s, joints in zip(times, together, strict=True):
        alone = Session(0, 41, "E01").joints(np.array([time_s]))[0]
        np.testing.assert_allclose(alone, joints, atol=1e-12)


def test_a_sessions_rate_sets_the_time_between_frames():
    slow, fast = Session(0, 41, "E01"), Session(0, 41, "E01", rate_hz=20.0)
    np.testing.assert_array_equal(slow.frame(5).joints_m, fast.frame(10).joints_m)


def test_scenes_follow_the_data_sets_subjects():
    assert [scene_of(s) for s in (1, 10, 11, 30, 31, 40, 41)] == [
        *("E01", "E01", "E02", "E03", "E04", "E04", "E01")
    ]


@pytest.mark.parametrize(
    "make",
    [
        lambda: Recording(0, 0, 1),
        lambda: Recording(-1, 1, 1),
        lambda: Recording(0, 1, 28),
        lambda: Recording(0, 1, 1, "E09"),
        lambda: Session(0, 41, rate_hz=0.0),
    ],
)
def test_impossible_requests_are_refused(make):
    with pytest.raises(ConfigError):
        make()
