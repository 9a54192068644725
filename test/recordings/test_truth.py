"""Where the truth is from and in which frame: topics, motion capture, transforms, a model."""

import numpy as np
import pytest
import yaml

from pta_ros.bags.messages import header, message, transforms, true_people, true_pose
from pta_ros.datasets.mmfi import MmfiTree
from pta_ros.datasets.wide import Clip
from pta_ros.errors import ConfigError, DatasetError
from pta_ros.recordings.joints import POSES, read_joints
from pta_ros.skeleton import JOINT_NAMES

ONLY = "E01/S00001/A01"
#: In `map` the robot's base_link stands so, turned by 90 degrees to the left.
MAP = ((2.0, 1.0, 0.0), (0.0, 0.0, float(np.sqrt(0.5)), float(np.sqrt(0.5))))


def level(joints):
    """Of the camera's frame in base_link (test/recordings/conftest.py)."""
    x, y, z = joints.T
    return np.stack([z, -x, 1 - y], axis=1)


def in_map(joints):
    x, y, z = level(joints).T
    return np.stack([2 - y, 1 + x, z], axis=1).astype(np.float32)


def told_in_map(scene):
    def truth(n, stamp):
        msg = true_pose(in_map(scene.body(n)), stamp, "synthetic")
        msg.header.frame_id = "map"
        moving = transforms("map", {"base_link": MAP}, stamp)
        return {"/ground_truth": msg, "/tf": moving}

    return truth


def test_a_skeleton_in_another_frame_is_brought_to_the_camera(write, tree, scene):
    made = tree(write(truth=told_in_map(scene)), part="train")
    (clip,) = MmfiTree(made.root).clips
    for number in clip.frame_numbers:
        np.testing.assert_allclose(clip.joints(number), scene.body(number - 1), atol=1e-5)
    people = Clip.open(made.root / ONLY).people
    np.testing.assert_allclose(people[3, 0], level(scene.body(3)), atol=1e-5)


def test_a_frame_that_no_way_leads_from_is_one_error(write, tree, scene):
    bag = write(truth=told_in_map(scene), skip=lambda topic, n: topic == "/tf")
    with pytest.raises(DatasetError, match=r"the truth is in frame 'map', and nothing says where"):
        tree(bag)


def test_the_level_frame_is_of_no_use_where_the_cameras_pose_is_assumed(write, tree, scene):
    def truth(n, stamp):
        return {"/truth/people": true_people(scene.body(n)[None], stamp, "base_link")}

    with pytest.raises(DatasetError, match="frame 'base_link', and nothing says where depth"):
        tree(write(truth=truth, static={}))


def test_an_extrinsic_says_where_the_camera_is(write, tree, scene, tmp_path):
    def truth(n, stamp):
        people = level(scene.body(n))[None].astype(np.float32)
        return {"/truth/people": true_people(people, stamp, "base_link")}

    params = tmp_path / "robot.yaml"
    own = {"depth": {"extrinsic": "0 0 1 0 0 0"}, "lidar": {"extrinsic": "0 0 1.2 0 0 0"}}
    params.write_text(yaml.safe_dump({"/**/fusion": {"ros__parameters": own}}))
    made = tree(write(truth=truth, static={}), part="train", params=params)
    (clip,) = MmfiTree(made.root).clips
    np.testing.assert_allclose(clip.joints(5), scene.body(4), atol=1e-5)


def test_nobody_there_is_a_frame_with_nobody(write, tree, scene):
    def truth(n, stamp):
        count = (1, 0, 2)[n % 3]
        away = np.arange(count)[:, None, None] * np.array([1, 0, 0])
        people = (level(scene.body(n)) + away).astype(np.float32)
        return {"/truth/people": true_people(people, stamp, "base_link")}

    made = tree(write(truth=truth, count=6), part="train")
    clip = Clip.open(made.root / ONLY)
    there = np.isfinite(clip.people[..., 0, 0])
    assert there.sum(axis=1).tolist() == [1, 0, 2, 1, 0, 2]
    assert not clip.sight[1].any()
    (one,) = MmfiTree(made.root).clips
    assert one.frame_numbers == (1, 3, 4, 6)
    assert one.frames_without_truth == (2, 5)
    np.testing.assert_allclose(one.joints(3), scene.body(2), atol=1e-5)  # the nearest of two


def markers(joints):
    """A PoseArray's poses: the thorax has two markers, one to the left and one to the right."""
    rows = [*joints, joints[8] + [0.1, 0, 0], joints[8] - [0.1, 0, 0]]
    return [{"position": dict(zip("xyz", map(float, row), strict=True))} for row in rows]


def joint_map(path, values):
    path.write_text(yaml.safe_dump({"joints": values}))
    return read_joints(path)


def test_a_pose_array_is_mapped_to_joints(write, tree, scene, tmp_path):
    def truth(n, stamp):
        head = header(stamp, "depth_optical_frame")
        return {"/mocap": message(POSES, header=head, poses=markers(scene.body(n)))}

    names = {name: i for i, name in enumerate(JOINT_NAMES)} | {"thorax": [17, 18]}
    joints = joint_map(tmp_path / "joints.yaml", names)
    made = tree(write(truth=truth), joints=joints, part="train")
    (clip,) = MmfiTree(made.root).clips
    assert len(clip.frame_numbers) == 20
    np.testing.assert_allclose(clip.joints(9), scene.body(8), atol=1e-6)
    with pytest.raises(ConfigError, match="expected --joints"):
        tree(write("again", truth=truth), out="other", truth="/mocap")
    few = joint_map(tmp_path / "few.yaml", names | {"head": 40})
    with pytest.raises(DatasetError, match="19 poses; expected 41, as the joint map says"):
        tree(write("third", truth=truth), out="few", joints=few)


def test_frames_on_tf_are_joints(write, tree, scene, tmp_path):
    def truth(n, stamp):
        places = {
            f"person/{name}": (tuple(map(float, place)), (0.0, 0.0, 0.0, 1.0))
            for name, place in zip(JOINT_NAMES, in_map(scene.body(n)), strict=True)
        }
        return {"/tf": transforms("map", {**places, "base_link": MAP}, stamp)}

    joints = joint_map(tmp_path / "joints.yaml", {name: f"person/{name}" for name in JOINT_NAMES})
    made = tree(write(truth=truth), joints=joints, part="train")
    (clip,) = MmfiTree(made.root).clips
    assert len(clip.frame_numbers) == 20
    np.testing.assert_allclose(clip.joints(9), scene.body(8), atol=1e-5)
    other = joint_map(tmp_path / "other.yaml", {name: f"nobody/{name}" for name in JOINT_NAMES})
    with pytest.raises(
        ConfigError, match=r"no frame 'nobody/pelvis' on /tf; it has base_link, per"
    ):
        tree(write("again", truth=truth), out="other", joints=other)


def test_a_skeleton_that_is_an_estimate_brings_its_deviations(write, tree, scene):
    def truth(n, stamp):
        msg = true_pose(scene.body(n), stamp, "a model")
        msg.std_dev[:] = 0.05
        return {"/ground_truth": msg}

    made = tree(write(truth=truth), part="train")
    sigma = np.load(made.root / ONLY / "deviation.npy")
    assert sigma.shape == (20, 1, 17)
    np.testing.assert_allclose(sigma, 0.05)
    assert not made.marker.synthetic


def test_what_counts_as_true_has_no_deviation(write, tree):
    made = tree(write(), part="train")
    assert not (made.root / ONLY / "deviation.npy").exists()


def test_a_truth_of_another_time_is_one_error(write, tree, scene):
    def truth(n, stamp):
        return scene.truth(n, stamp - 3600 * 10**9)

    with pytest.raises(DatasetError, match="no overlap in time: the truth from"):
        tree(write(truth=truth))


def test_no_truth_that_can_be_read_is_one_error(write, tree, scene):
    def truth(n, stamp):
        msg = scene.truth(n, stamp)["/ground_truth"]
        msg.positions = msg.positions[:5]
        return {"/ground_truth": msg}

    with pytest.raises(DatasetError, match=r"no truth from /ground_truth .*positions \(5, 3\)"):
        tree(write(truth=truth))


def test_a_model_tells_the_truth_and_how_sure_it_is(write, tree, scene, tmp_path, people_model):
    pytest.importorskip("torch")
    from pta_ros.recordings.teacher import ModelTeacher

    teacher = ModelTeacher(str(people_model), None, tmp_path / "tree")
    made = tree(write(truth=lambda n, stamp: {}), teacher=teacher, part="train")
    assert made.report["frames"] == 20
    folder = made.root / ONLY
    people, sigma = (np.load(folder / f"{name}.npy") for name in ("people", "deviation"))
    assert people.shape[:2] == sigma.shape[:2]
    there = np.isfinite(people[..., 0, 0])
    assert there.any()
    assert (sigma[there] > 0).all()
    assert not list(made.root.glob(".partial*"))
    about = yaml.safe_load((folder / "calibration.yaml").read_text())
    assert about["truth"] == f"estimates of model {people_model}"


def test_a_model_that_sees_nobody_says_so_in_every_clip(write, tree, tmp_path):
    from pta_ros.evaluation.replay.people import TruePeople

    class Nobody:
        name = "nobody"

        def tell(self, seen):
            nobody = np.zeros((0, 17, 3), np.float32)
            stamps = range(seen.span_ns[0], seen.span_ns[1], 10**8)
            return [TruePeople(t, "base_link", nobody) for t in stamps]

        def forget(self, seen):
            pass

    made = tree(write(truth=lambda n, stamp: {}), teacher=Nobody(), part="train")
    assert np.load(made.root / ONLY / "people.npy").shape == (20, 0, 17, 3)
    assert np.load(made.root / ONLY / "deviation.npy").shape == (20, 0, 17)
    (clip,) = MmfiTree(made.root).clips
    assert clip.frame_numbers == ()


def test_a_models_estimates_are_made_once(write, tree, tmp_path, people_model, monkeypatch):
    pytest.importorskip("torch")
    from pta_ros.recordings import clip, teacher

    told = teacher.ModelTeacher(str(people_model), None, tmp_path / "tree")
    bag = write(truth=lambda n, stamp: {}, count=30)

    def stop(self, root, part):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(clip.Writing, "write", stop)
        with pytest.raises(KeyboardInterrupt):
            tree(bag, teacher=told)
    monkeypatch.setattr(teacher, "replay", None)  # not called again
    assert tree(bag, teacher=told).report["frames"] > 0
