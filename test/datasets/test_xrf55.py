"""XRF55's layout, its damages, and its splits."""

import numpy as np
import pytest

from pta_ros.datasets import class_names, open_tree
from pta_ros.datasets.reduced import reduce_tree
from pta_ros.datasets.splits import repeat_split
from pta_ros.datasets.xrf55 import (
    ACTIVITIES,
    FOLDERS,
    Xrf55Tree,
    read_sample,
    read_window,
    window_file,
)
from pta_ros.errors import DatasetError, DecodeError
from pta_ros.sensors import sensors_from_config
from pta_ros.simulate.actions import ACTIONS, XRF55_ACTIONS
from pta_ros.simulate.tree import write_tree
from pta_ros.simulate.xrf55_writer import Xrf55Plan
from pta_ros.workers.workforce import Workforce

SENSORS = sensors_from_config({"radar": {}, "wifi": {}, "rfid": {}})


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("xrf55")
    plan = Xrf55Plan(1, (1, 2), (3, 55), (1, 2, 3, 15), (1, 2))
    assert list(write_tree(folder, plan)) == [True] * 8
    assert list(write_tree(folder, plan)) == [False] * 8
    return folder


def test_files_have_the_published_names_and_sizes(root):
    for folder, shape in FOLDERS.values():
        array = np.load(root / "Scene2" / folder / "02_55_15.npy")
        assert array.shape == shape
        assert len(list((root / "Scene1" / folder).iterdir())) == 2 * 2 * 4


def test_a_tree_is_read_by_scene_subject_and_action(root):
    tree = open_tree(root, SENSORS)
    assert isinstance(tree, Xrf55Tree)
    assert [(c.scene, *c.pair) for c in tree.clips[:3]] == [
        ("Scene1", "S01", "A03"), ("Scene1", "S01", "A55"), ("Scene1", "S02", "A03"),
    ]  # fmt: skip
    clip = tree.clips[0]
    assert clip.frame_numbers == (1, 2, 3, 15)
    assert clip.read("radar", 4) is None
    shapes = {m: clip.read(m, 1).shape for m in SENSORS}
    assert shapes == {"radar": (17, 256, 128), "wifi": (1000, 270), "rfid": (148, 23)}


def test_a_wifi_file_may_lie_either_way(root, tmp_path):
    path = root / "Scene1" / "WiFi" / "01_03_01.npy"
    turned = tmp_path / "01_03_01.npy"
    np.save(turned, np.load(path).T)
    np.testing.assert_array_equal(read_sample("wifi", turned), read_sample("wifi", path))


@pytest.mark.parametrize(
    "content", [b"no array", np.zeros((3, 3)), np.zeros((23, 148), bool), np.array(["text"] * 3)]
)
def test_a_damaged_file_is_named(tmp_path, content):
    path = tmp_path / "01_01_01.npy"
    path.write_bytes(content) if isinstance(content, bytes) else np.save(path, content)
    with pytest.raises(DecodeError, match="01_01_01"):
        read_sample("rfid", path)


@pytest.mark.parametrize(
    ("modality", "packets"),
    [
        ("radar", np.full((4, 2, 3), 70_000, np.float32)),
        ("wifi", np.float32([[1.1, 2], [3, np.nan]])),
        ("rfid", np.float32([[0.5, 1.0]])),
    ],
)
def test_a_recorded_window_of_any_size_comes_back_exactly(tmp_path, modality, packets):
    path = tmp_path / "01_01_01.npy"
    np.save(path, window_file(modality, packets))
    np.testing.assert_array_equal(read_window(modality, path), packets)
    np.save(path, np.zeros(3))
    with pytest.raises(DecodeError, match="01_01_01"):
        read_window(modality, path)


def test_an_empty_folder_and_an_unknown_action_are_told(tmp_path):
    with pytest.raises(DatasetError, match="Scene1/mmWave"):
        Xrf55Tree(tmp_path)
    (tmp_path / "Scene1" / "RFID").mkdir(parents=True)
    (tmp_path / "Scene1" / "RFID" / "01_56_01.npy").touch()
    with pytest.raises(DatasetError, match="action 56"):
        Xrf55Tree(tmp_path)


def test_two_files_of_one_sample_are_refused_and_copies_beside_scenes_ignored(tmp_path):
    folder = tmp_path / "Scene1" / "RFID"
    folder.mkdir(parents=True)
    (folder / "01_02_03.npy").touch()
    old = tmp_path / "Scene1_old" / "RFID"
    old.mkdir(parents=True)
    (old / "01_02_04.npy").touch()
    (clip,) = Xrf55Tree(tmp_path).clips
    assert (clip.scene, list(clip.files["rfid"])) == ("Scene1", [3])
    (folder / "1_2_3.npy").touch()
    with pytest.raises(DatasetError, match=r"1_2_3\.npy: the same sample as 01_02_03\.npy"):
        Xrf55Tree(tmp_path)


def test_reduced_samples_keep_their_names_and_what_is_missing(root, tmp_path):
    tree = open_tree(root, SENSORS)
    tree.clips[0].files["rfid"].pop(2)
    data = reduce_tree(tree, SENSORS, tmp_path, workforce=Workforce(1))
    assert len(data) == 32
    assert data.joints.shape == (32, 0, 3)
    assert {m: x.shape[1:] for m, x in data.inputs.items()} == {
        m: s.shape for m, s in SENSORS.items()
    }
    assert data.present["rfid"].sum() == 31
    assert set(data.labels) == {2, 54}
    gone = root / "Scene1" / "RFID" / "01_03_02.npy"
    assert [str(problem) for problem in data.problems] == [f"missing rfid file {gone}"]

    split = repeat_split(data, 0, 0.3, 0.3, unseen=0.5)
    assert not set(data.subject[split.unseen]) & set(data.subject[split.train])
    assert set(data.scene[split.train]) == {"Scene1"}
    assert set(data.number[split.test]) == {15}
    groups = [set(data.number[rows]) for rows in split[:3]]
    assert sum(map(len, groups)) == len(set.union(*groups)) == 3
    across = repeat_split(data, 0, 0.3, 0.3, 0.0, 14, ("Scene1",), ("Scene2",))
    assert set(data.scene[across.test]) == {"Scene2"}
    assert not len(across.unseen)
    with pytest.raises(DatasetError, match="3 or more"):
        repeat_split(data, 0, 0.3, 0.3, 0.5, train_repeats=2)


def test_classes_are_named_as_the_simulated_actions():
    assert tuple(a.name for a in XRF55_ACTIONS.values()) == ACTIVITIES == class_names(["wifi"])
    assert tuple(a.name for a in ACTIONS.values()) == class_names(["depth", "lidar", "csi"])
