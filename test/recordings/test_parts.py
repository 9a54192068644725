"""What a conversion consists of: instants, moving frames, joint maps, annotations, cuts."""

import numpy as np
import pytest

from pta_ros.bags.messages import transforms
from pta_ros.errors import ConfigError, DatasetError, DecodeError
from pta_ros.frames import Frame
from pta_ros.fusion.config import StreamConfig
from pta_ros.fusion.transforms import Transforms
from pta_ros.people.readings import DepthReading, LidarReading
from pta_ros.people.seen import seen_by_camera, seen_by_lidar
from pta_ros.recordings.annotations import read_annotations
from pta_ros.recordings.cuts import cut
from pta_ros.recordings.joints import read_joints
from pta_ros.recordings.moving import Moving
from pta_ros.recordings.synchronise import Synchroniser
from pta_ros.skeleton import JOINT_NAMES

MS = 10**6
T0 = 10**18


def samples(stamps, rate_hz=10.0, span_ms=(0, 10_000), late_ms=None):
    """Instants (ms) and what is in each, of frames at these stamps (ms) by modality."""
    config, late = StreamConfig(), late_ms or {}
    together = Synchroniser(
        dict.fromkeys(("depth", "lidar", "csi"), config),
        rate_hz,
        tuple(T0 + t * MS for t in span_ms),
    )
    listed = sorted((t + late.get(m, 0), t, m) for m, each in stamps.items() for t in each)
    found = []
    for number, (came, t, modality) in enumerate(listed):
        frame = Frame(modality, T0 + t * MS, np.full(3, number, np.float32))
        together.add(frame, T0 + came * MS)
        found += together.samples(T0 + came * MS)
    found += together.samples()
    return [
        ((s.stamp_ns - T0) // MS, {m: (f.stamp_ns - T0) // MS for m, f in s.frames.items()})
        for s in found
    ]


def test_the_camera_sets_the_instants_and_the_nearest_join():
    found = samples({"depth": range(0, 1000, 100), "lidar": range(30, 1000, 100)})
    assert [t for t, _ in found] == list(range(0, 1000, 100))
    assert found[3] == (300, {"depth": 300, "lidar": 330})


def test_a_lost_frame_is_a_mask_and_no_neighbour_takes_its_place():
    lidar = [t for t in range(0, 3000, 100) if t != 1500]
    found = dict(samples({"depth": range(0, 3000, 100), "lidar": lidar}))
    assert found[1500] == {"depth": 1500}
    assert found[1400] == {"depth": 1400, "lidar": 1400}


def test_what_comes_late_is_in_its_instant():
    stamps = {"depth": range(0, 3000, 100), "lidar": range(0, 3000, 100)}
    found = samples(stamps, late_ms={"lidar": 900})
    assert all(frames == {"depth": t, "lidar": t} for t, frames in found)
    assert len(found) == 30


def test_others_go_on_while_the_camera_is_silent():
    depth = [t for t in range(0, 3000, 100) if not 1000 <= t < 2000]
    found = samples({"depth": depth, "lidar": range(20, 3000, 100)})
    alone = [t for t, frames in found if "depth" not in frames]
    assert alone == list(range(1020, 2000, 100))
    assert len(found) == 30


def test_a_fast_sensor_sets_no_pace_of_its_own():
    found = samples({"depth": range(0, 2000, 100), "csi": range(0, 1950, 10)}, rate_hz=10)
    assert [t for t, _ in found] == list(range(0, 2000, 100))


@pytest.mark.parametrize("jitter", [0, 7])
def test_the_rate_is_a_limit(jitter):
    rng = np.random.default_rng(0)
    stamps = [t + int(rng.integers(-jitter, jitter + 1)) for t in range(20, 10_000, 33)]
    found = [t for t, _ in samples({"depth": stamps}, rate_hz=10)]
    assert 98 <= len(found) <= 101
    assert np.diff(found).min() >= 79


def test_instants_are_those_of_the_span():
    found = samples({"depth": range(0, 5000, 100)}, span_ms=(1000, 2000))
    assert [t for t, _ in found] == list(range(1000, 2000, 100))


def test_repeats_and_stamps_that_stand_are_refused():
    together = Synchroniser({"csi": StreamConfig()}, 10.0, (T0, T0 + 10**10))
    frame = Frame("csi", T0, np.ones(3, np.float32))
    together.add(frame, T0)
    with pytest.raises(DecodeError, match="stamps do not advance"):
        together.add(frame, T0 + 100 * MS)
    with pytest.raises(DecodeError, match="frozen"):
        together.add(Frame("csi", T0 + 100 * MS, np.ones(3, np.float32)), T0 + 100 * MS)


def test_moving_frames_are_met_half_way():
    moving = Moving(Transforms())
    turn = [(0.0, 0.0, 0.0, 1.0), (0.0, 0.0, float(np.sqrt(0.5)), float(np.sqrt(0.5)))]
    for t, x, q in ((0, 0.0, turn[0]), (100, 1.0, turn[1]), (900, 9.0, turn[1])):
        moving.take(transforms("map", {"robot": ((x, 0.0, 0.0), q)}, T0 + t * MS))
    half = moving.at(T0 + 50 * MS).between("map", "robot")
    np.testing.assert_allclose(half[:3, 3], [0.5, 0, 0])
    angle = np.rad2deg(np.arctan2(half[1, 0], half[0, 0]))
    assert angle == pytest.approx(45)
    assert moving.at(T0 + 500 * MS).between("map", "robot") is None  # too long a gap
    assert moving.at(T0 + 940 * MS).between("map", "robot")[0, 3] == 9.0
    assert moving.at(T0 + 990 * MS).between("map", "robot") is None


def test_a_joint_map_names_what_is_wrong(tmp_path):
    path = tmp_path / "joints.yaml"
    path.write_text("joints: {pelvis: 0}")
    with pytest.raises(ConfigError, match=r"right_hip, right_knee.* missing; expected all 17"):
        read_joints(path)
    path.write_text("joints: {plevis: 0}")
    with pytest.raises(ConfigError, match=r"no joint 'plevis'; did you mean pelvis\?"):
        read_joints(path)
    rows = "\n".join(f"{name}: {i}" for i, name in enumerate(JOINT_NAMES))
    path.write_text(rows)
    assert read_joints(path).numbers == tuple((i,) for i in range(17))
    path.write_text(rows.replace("pelvis: 0", "pelvis: hips"))
    with pytest.raises(ConfigError, match="not both"):
        read_joints(path)


def test_annotations_are_read_as_people_write_them(tmp_path):
    path = tmp_path / "notes.csv"
    path.write_text('\ufeffStart, End, Label\n# first try\n\n3,4.5,"sit, then stand"\n0, 2, wave\n')
    first, second = read_annotations(path)
    assert (first.begin_s, first.end_s, first.label) == (0, 2, "wave")
    assert second.label == "sit, then stand"
    assert second.span_ns(T0) == (T0 + 3000 * MS, T0 + 4500 * MS)
    path.write_text("1700000000,1700000002,wave\n")
    assert read_annotations(path)[0].span_ns(T0)[0] == 1_700_000_000 * 10**9
    path.write_text("1,1700000002,wave\n")
    with pytest.raises(DatasetError, match="line 1 mixes two clocks"):
        read_annotations(path)


def test_a_recording_is_cut_in_time_and_its_end_held_out():
    cuts = cut((T0, T0 + 100 * 10**9), 10.0, first=5)
    assert [c.scene for c in cuts] == ["E01"] * 6 + ["E02"] * 2 + ["E03"] * 2
    assert [c.number for c in cuts] == list(range(5, 15))
    assert cuts[3].begin_ns == cuts[2].end_ns == T0 + 30 * 10**9
    assert [c.scene for c in cut((T0, T0 + 15 * 10**9), 10.0, 1)] == ["E01", "E01"]
    assert {c.scene for c in cut((T0, T0 + 100 * 10**9), 10.0, 1, "test")} == {"E03"}
    assert len(cut((T0, T0 + 10 * 10**9 + 1), 10.0, 1)) == 1


def test_of_each_activity_the_last_clips_are_held_out():
    spans = [(T0 + n * 10**9, T0 + (n + 1) * 10**9, 1 + (n >= 4)) for n in range(8)]
    cuts = cut((T0, T0 + 8 * 10**9), 10.0, 1, "", spans)
    assert [c.scene for c in cuts] == ["E01", "E01", "E02", "E03"] * 2
    assert [c.name for c in cuts][-1] == "E03/S00008/A02"


def test_sight_is_what_a_reading_shows_of_a_person(scene):
    lens, joints = scene.lens, scene.body(0).astype(np.float64)
    optical = np.eye(3)  # level frame and camera's are one here: only distances count
    metres = scene.depth(0) * np.float32(0.001)
    seen = seen_by_camera(DepthReading(metres, lens, optical, np.zeros(3)), joints)
    assert seen.joints[2:15].all()
    assert seen.amount > 60
    hidden = np.where(metres > 0, np.float32(1.5), metres)  # a wall before the person
    away = seen_by_camera(DepthReading(hidden, lens, optical, np.zeros(3)), joints)
    assert not away.joints.any()
    assert away.amount == 0
    rng = np.random.default_rng(0)
    cloud = (joints[:8].repeat(20, axis=0) + rng.normal(0, 0.05, (160, 3))).astype(np.float32)
    half = seen_by_lidar(LidarReading(cloud, np.zeros(3)), joints)
    assert half.joints[:8].all()
    assert not half.joints[12:].any()
    assert half.amount > 100
    assert not seen_by_lidar(LidarReading(cloud + 5, np.zeros(3)), joints).joints.any()
