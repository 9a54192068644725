"""The wide world: from seeds alone, its splits apart, its truth where the sensors see it."""

import numpy as np
import pytest

from pta_ros.datasets.wide import Clip, clips_of
from pta_ros.errors import DatasetError
from pta_ros.people.centred import trunk
from pta_ros.simulate.wide import cameras, lidars
from pta_ros.simulate.wide.mounting import TEST_HEIGHTS_M
from pta_ros.simulate.wide.scene import draw_scene
from pta_ros.simulate.wide.writer import WidePlan

SCENES = range(1, 40)


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    root = tmp_path_factory.mktemp("wide")
    plan = WidePlan(seed=3, scenes=(6, 1, 1), frames=2)
    for part in plan.parts():
        assert plan.write(root, part)
    assert not plan.write(root, (1, 1))  # there already
    return root


def crowd(split="train", least=2):
    return next(scene for n in SCENES if len((scene := draw_scene(0, split, n)).people) >= least)


def test_a_scene_is_the_same_whenever_it_is_drawn():
    one, other = (draw_scene(1, "train", 7) for _ in range(2))
    first, second = (s.at(0.5, np.random.default_rng(2)) for s in (one, other))
    np.testing.assert_array_equal(first.depth_mm, second.depth_mm)
    np.testing.assert_array_equal(first.lidar_m, second.lidar_m)
    np.testing.assert_array_equal(first.joints, second.joints)


def test_devices_and_heights_of_the_test_are_unseen_in_training():
    assert not {c.name for c in cameras.TRAINING} & {c.name for c in cameras.TEST}
    assert not {d.name for d in lidars.TRAINING} & {d.name for d in lidars.TEST}

    def in_band(split):
        heights = [draw_scene(0, split, n).mounting.camera.place[2] for n in SCENES]
        return [any(low <= h <= high for low, high in TEST_HEIGHTS_M) for h in heights]

    assert all(in_band("test"))
    assert not any(in_band("train"))


def test_people_of_the_splits_are_others():
    def seeds(split):
        return {
            (p.subject.seed, p.subject.index)
            for n in SCENES
            for p in draw_scene(0, split, n).people
        }

    assert not seeds("train") & seeds("test")
    assert not seeds("val") & seeds("test")


def test_there_are_scenes_with_nobody_and_with_several():
    counts = [len(draw_scene(0, "train", n).people) for n in SCENES]
    assert min(counts) == 0
    assert max(counts) >= 3


def test_a_joint_in_sight_has_depth_and_points_near_it():
    scene = crowd()
    seen = scene.at(0.0, np.random.default_rng(0))
    mount, lens = scene.mounting.camera, scene.lens
    local = (seen.joints - np.asarray(mount.place)) @ mount.optical
    assert seen.sight.any()
    for pose, sight in zip(local, seen.sight[0], strict=True):
        for x, y, z in pose[sight]:
            u, v = round(lens.fx * x / z + lens.cx), round(lens.fy * y / z + lens.cy)
            around = seen.depth_mm[max(v - 3, 0) : v + 4, max(u - 3, 0) : u + 4] / 1000
            near = around[around > 0]
            assert not len(near) or np.abs(near - z).min() < 0.35
    own = seen.lidar_m @ scene.mounting.lidar.rotation.T + np.asarray(scene.mounting.lidar.place)
    for pose, sight in zip(seen.joints, seen.sight[1], strict=True):
        for joint in pose[sight]:
            assert np.linalg.norm(own - joint, axis=1).min() < 0.3


def test_a_bare_camera_shows_people_alone():
    scene = next(s for n in range(1, 200) if (s := draw_scene(0, "train", n)).bare and s.people)
    seen = scene.at(0.0, np.random.default_rng(0))
    assert 0 < np.count_nonzero(seen.depth_mm) <= seen.counts[0].sum()


def test_what_is_written_is_read_back(tree):
    clip = next(c for f in clips_of(tree, "train") if (c := Clip.open(f)).people.shape[1])
    number = int(clip.folder.parent.name[1:])
    scene = draw_scene(3, "train", number)
    readings = clip.readings(0)
    np.testing.assert_allclose(clip.people[0], [p.joints(0.0) for p in scene.people], atol=1e-5)
    np.testing.assert_allclose(readings.depth.place, scene.mounting.camera.place, atol=1e-5)
    np.testing.assert_allclose(readings.depth.rotation, scene.mounting.camera.optical, atol=1e-5)
    pixels = readings.depth.project(trunk(clip.people[0]))
    assert pixels.shape == (clip.people.shape[1], 2)
    truth = np.load(clip.folder / "ground_truth.npy")
    assert truth.shape == (2, 17, 3)
    assert np.isfinite(truth).all()


def test_an_empty_room_has_a_clip_without_people(tree):
    clips = [Clip.open(f) for split in ("train", "val", "test") for f in clips_of(tree, split)]
    assert all(c.people.shape[2:] == (17, 3) for c in clips)
    for clip in clips:
        if not clip.people.shape[1]:
            assert np.isnan(np.load(clip.folder / "ground_truth.npy")).all()


def test_a_clip_without_calibration_is_named(tree, tmp_path):
    folder = tmp_path / "A01"
    folder.mkdir()
    with pytest.raises(DatasetError, match=r"A01.*expected a clip of make_mmfi --preset wide"):
        Clip.open(folder)
    with pytest.raises(DatasetError, match="no clips for test"):
        clips_of(tmp_path, "test")
