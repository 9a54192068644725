"""Recordings to trees: instants, absence, activities, going on, what is left out and told."""

import json
from pathlib import Path

import numpy as np
import pytest
import yaml

from pta_ros.datasets.alone import alone_in
from pta_ros.datasets.clips import made_with
from pta_ros.datasets.mmfi import MmfiTree
from pta_ros.datasets.people import people_set
from pta_ros.datasets.wide import Clip
from pta_ros.errors import ConfigError, DatasetError
from pta_ros.recordings import clip as clips
from pta_ros.recordings.annotations import Annotation
from pta_ros.sensors import DepthSensor
from pta_ros.workers.workforce import Workforce

ONLY = "E01/S00001/A01"


def test_a_clip_has_the_readings_the_lens_the_poses_and_everybody(write, tree, scene):
    made = tree(write(), part="train")
    clip = Clip.open(made.root / ONLY)
    assert clip.lens == scene.lens
    np.testing.assert_array_equal(clip.arrays(4)[0], scene.depth(4))
    np.testing.assert_array_equal(clip.arrays(4)[1], scene.points(4))
    np.testing.assert_allclose(clip.readings(0).lidar.place, [0, 0, 1.2], atol=1e-9)
    np.testing.assert_allclose(clip.readings(0).depth.place, [0, 0, 1.0], atol=1e-9)
    x, y, z = clip.people[7, 0].T  # level: ahead, left, up
    own = scene.body(7)
    np.testing.assert_allclose(
        np.stack([x, y, z - 1]), [own[:, 2], -own[:, 0], -own[:, 1]], atol=1e-5
    )
    assert clip.sight[7, 0, 0, 5:12].all()  # the trunk is before the camera
    assert clip.counts[7, 0, 0] > 60
    assert clip.sight[7, 1, 0].any()
    about = yaml.safe_load((clip.folder / "calibration.yaml").read_text())
    assert not about["depth"]["pose_assumed"]
    assert about["csi"] == {
        "frame_id": "wifi_frame", "antennas": 3, "subcarriers": 114, "packets": 10
    }  # fmt: skip
    assert made.marker.synthetic
    assert made_with(made.root) == {"synthetic": True, "recorded": True}


def test_any_camera_is_seen_through_the_models_own(write, tree, scene):
    made = tree(write(), part="train")
    (clip,) = MmfiTree(made.root).clips
    array = clip.read("depth", 1)
    assert array.shape == (480, 640)
    assert np.isnan(array).any()  # this camera sees less than MM-Fi's
    middle = array[200:280, 280:360]
    assert abs(float(np.median(middle)) - 2.9) < 0.01
    assert DepthSensor().prepare(array, "depth").shape == (96, 128)


def test_people_and_poses_are_read_by_both_readers(write, tree, tmp_path):
    bag = write(count=120)
    made = tree(bag, clip_s=3.0)
    scenes = sorted(p.name for p in made.root.iterdir() if p.is_dir())
    assert scenes == ["E01", "E02", "E03"]
    data = people_set(made.root, tmp_path / "cache", workforce=Workforce(1))
    assert len(data.centres) == 120
    assert data.people.present["depth"].any()
    one = MmfiTree(made.root)
    assert sum(len(clip.frame_numbers) for clip in one.clips) == 120
    assert one.missing_clips == ()


def test_a_robot_without_lidar_has_no_lidar(write, tree, tmp_path):
    bag = write(count=120, skip=lambda topic, n: topic == "/lidar/points")
    made = tree(bag, clip_s=3.0)
    assert made.report["with"] == {"depth": 120, "csi": 120}
    assert "no topic lidar/points in the bag" in made.report["no_topic"]["lidar"]
    assert not list(made.root.glob("E*/*/*/lidar"))
    data = people_set(made.root, tmp_path / "cache", workforce=Workforce(1))
    assert not data.people.present["lidar"].any()
    assert data.people.present["depth"].any()


def test_wifi_alone_is_a_tree_too(write, tree, scene):
    bag = write(skip=lambda topic, n: topic in ("/lidar/points", "/depth/image"))
    made = tree(bag, part="train")
    (clip,) = MmfiTree(made.root).clips
    np.testing.assert_array_equal(clip.read("csi", 3), scene.csi(2))
    np.testing.assert_array_equal(clip.joints(3), scene.body(2))


def test_a_sensor_can_be_left_out(write, tree):
    made = tree(write(), part="train", left_out=("csi",))
    assert made.report["with"] == {"depth": 20, "lidar": 20}


@pytest.mark.parametrize(("rate_hz", "frames"), [(10.0, 20), (5.0, 10), (50.0, 20)])
def test_frames_come_at_the_rate_or_as_the_sensors_do(write, tree, scene, rate_hz, frames):
    made = tree(write(), rate_hz=rate_hz, part="train")
    stamps = np.load(made.root / ONLY / "stamps.npy")
    assert len(stamps) == frames
    assert set(np.diff(stamps)) == {2 * 10**9 // frames}
    clip = Clip.open(made.root / ONLY)
    np.testing.assert_array_equal(clip.arrays(1)[0], scene.depth(20 // frames))


def test_a_sensor_behind_a_slow_link_joins_its_instants(write, tree, scene, monkeypatch):
    from pta_ros.bags.bag import BagWriter

    before = BagWriter.write

    def late(self, topic, stamp, msg):
        before(self, topic, stamp + (18 * 10**8 if topic == "/lidar/points" else 0), msg)

    monkeypatch.setattr(BagWriter, "write", late)
    bag = write(count=40)
    monkeypatch.undo()
    made = tree(bag, part="train")
    assert made.report["with"] == {"depth": 40, "lidar": 40, "csi": 40}


def test_the_truth_is_between_two_messages(write, tree, scene):
    made = tree(write(skip=lambda topic, n: topic == "/ground_truth" and n % 2), part="train")
    (clip,) = MmfiTree(made.root).clips
    assert len(clip.frame_numbers) == 19  # nothing is told after the last
    np.testing.assert_allclose(clip.joints(4), scene.body(3), atol=1e-6)
    assert made.report["left_out"] == {"no truth yet, or no more": 1}


def test_instants_without_truth_are_left_out_and_counted(write, tree, scene):
    gone = range(5, 12)
    made = tree(write(skip=lambda topic, n: topic == "/ground_truth" and n in gone), part="train")
    (clip,) = MmfiTree(made.root).clips
    assert made.report["frames"] == len(clip.frame_numbers) == 13
    np.testing.assert_array_equal(clip.joints(6), scene.body(12))
    np.testing.assert_array_equal(clip.read("csi", 6), scene.csi(12))
    assert made.report["left_out"] == {"no truth within 0.05 s, or a gap of more than 0.2 s": 7}


def test_without_truth_every_instant_is_kept(write, tree):
    made = tree(write(), truth="", part="train")
    assert made.report["frames"] == 20
    assert not (made.root / ONLY / "ground_truth.npy").exists()
    assert made.marker.recordings[0]["truth"] == ""


def test_a_frozen_a_broken_and_a_silent_sensor_are_masked_and_told(write, tree, scene):
    from pta_ros.bags.messages import reading
    from pta_ros.sensors import SENSORS

    def truth(n, stamp):
        found = scene.truth(n, stamp)
        if 5 <= n < 9:  # frozen
            found["/depth/image"] = reading(DepthSensor(), scene.depth(4), stamp)
        if 12 <= n < 15:  # noise
            noise = np.abs(np.random.default_rng(n).normal(30, 9, (3, 114, 10)))
            found["/wifi/csi"] = reading(SENSORS["csi"](), noise.astype(np.float32), stamp)
        return found

    bag = write(truth=truth, skip=lambda topic, n: topic == "/lidar/points" and n >= 16)
    made = tree(bag, part="train")
    assert made.report["with"] == {"depth": 16, "lidar": 16, "csi": 17}
    (frozen,) = made.report["unusable_messages"]["depth"].items()
    assert frozen[1] == 4
    assert "frozen" in frozen[0]
    broken = made.report["unusable_messages"]["csi"]
    assert sum(broken.values()) == 3
    assert all("noise" in why for why in broken)
    clip = Clip.open(made.root / ONLY)
    assert clip.arrays(6)[0] is None
    assert clip.arrays(6)[1] is not None
    assert clip.arrays(17)[1] is None
    assert not clip.sight[6, 0].any()


def test_activities_cut_the_recording_and_name_its_classes(write, tree):
    known = (Annotation(0.0, 0.5, "sit", 1), Annotation(1.0, 1.6, "wave", 2))
    made = tree(write(), annotations=known, part="train")
    assert made.marker.classes == ["sit", "wave"]
    clips = {clip.action: len(clip.frame_numbers) for clip in MmfiTree(made.root).clips}
    assert clips == {"A01": 5, "A02": 6}
    about = yaml.safe_load((made.root / "E01/S00002/A02/calibration.yaml").read_text())
    assert about["activity"] == "wave"


def test_what_lies_between_activities_can_have_a_name(write, tree):
    known = (Annotation(0.5, 1.0, "sit", 1),)
    made = tree(write(), annotations=known, rest="other", part="train")
    assert made.marker.classes == ["other", "sit"]
    assert made.report["frames"] == 20


def test_annotations_in_unix_seconds_fit_many_recordings(write, tree, scene):
    start = scene.t0 / 1e9
    known = (Annotation(start, start + 1, "sit", 1), Annotation(start + 100, start + 101, "run", 2))
    bags = write("one"), write("two", start=scene.t0 + 100 * 10**9)
    made = tree(*bags, annotations=known, part="train")
    assert made.marker.classes == ["sit", "run"]
    assert [one["first"] for one in made.marker.recordings] == [1, 2]
    relative = (Annotation(0, 1, "sit", 1),)
    with pytest.raises(ConfigError, match="count from a recording's begin"):
        tree(*bags, out="other", annotations=relative)


def test_a_second_recording_joins_the_tree(write, tree):
    tree(write("one"), part="train")
    made = tree(write("two", count=10), part="test")
    assert [one["name"] for one in made.marker.recordings] == ["one", "two"]
    assert sorted(p.parent.name for p in made.root.glob("E*/S*/A01")) == ["S00001", "S00002"]
    assert (made.root / "E03/S00002/A01").is_dir()


class Stopped(Exception):
    """Stands for a kill."""


def files(root):
    return {
        p.relative_to(root).as_posix(): p.read_bytes()
        for p in sorted(root.rglob("*"))
        if p.is_file() and ".partial" not in p.as_posix()
    }


def test_a_run_that_was_stopped_goes_on_and_ends_at_the_same(write, tree, monkeypatch):
    bag = write(count=60)
    whole = tree(bag, clip_s=1.0, out="whole")
    written = clips.ClipWriter.add
    calls = []

    def stop(self, *arguments):
        calls.append(1)
        if len(calls) == 25:
            raise Stopped
        written(self, *arguments)

    monkeypatch.setattr(clips.ClipWriter, "add", stop)
    with pytest.raises(Stopped):
        tree(bag, clip_s=1.0)
    monkeypatch.undo()
    made = tree(bag, clip_s=1.0)
    assert made.told[0] == ("bag", 2, 6)  # two were whole
    assert files(made.root) == files(whole.root)
    assert not list(made.root.rglob(".partial*"))


def test_a_clip_without_frames_is_remembered(write, tree):
    bag = write(count=30, skip=lambda topic, n: topic == "/ground_truth" and 8 <= n < 22)
    made = tree(bag, clip_s=1.0)
    assert made.report["clips_without_frames"] == 1
    again = tree(bag, clip_s=1.0)
    assert again.told == [("bag", 3, 3)]
    assert again.report == made.report


def test_other_settings_or_another_cut_want_another_folder(write, tree):
    bag = write()
    tree(bag)
    with pytest.raises(DatasetError, match=r"was made with rate_hz 10.0 \(now 5.0\)"):
        tree(bag, rate_hz=5.0)
    with pytest.raises(
        DatasetError, match="bag is in it with other activities, parts, parameters or truth"
    ):
        tree(bag, part="test")
    with pytest.raises(DatasetError, match="other activities, parts, parameters or truth"):
        tree(bag, clock="receipt")


def test_one_run_at_a_time_writes_a_tree(write, tree, tmp_path):
    bag = write()
    with alone_in(tmp_path / "tree"), pytest.raises(ConfigError, match="another run writes there"):
        tree(bag)
    assert not (tmp_path / "tree").exists()
    with alone_in(tmp_path / "a" / "b"):
        pass
    assert not (tmp_path / "a").exists()
    assert tree(bag).report["frames"]


def test_a_folder_of_something_else_is_left_alone(write, tree, tmp_path):
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree/mine.txt").write_text("mine")
    with pytest.raises(DatasetError, match="not empty and not made here"):
        tree(write())
    assert [p.name for p in (tmp_path / "tree").iterdir()] == ["mine.txt"]


def test_many_processes_write_what_one_does(write, tree):
    bag = write(count=40)
    one, two = tree(bag, clip_s=2.0, out="one"), tree(bag, clip_s=2.0, out="two", jobs=2)
    assert files(one.root) == files(two.root)


def test_the_report_is_in_the_tree(write, tree):
    made = tree(write())
    content = json.loads((made.root / "RECORDED.json").read_text())
    assert content["recordings"][0]["report"] == made.report
    assert Path(made.root / ONLY / "report.json").is_file()
