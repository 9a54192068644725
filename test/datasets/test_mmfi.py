import json

import numpy as np
import pytest

from pta_ros.datasets.mmfi import MmfiTree
from pta_ros.datasets.mmfi_files import FOLDERS
from pta_ros.errors import DatasetError, DecodeError


@pytest.fixture
def clip(root):
    return MmfiTree(root).clips[0]


def available(clip, number):
    return [modality for modality, files in clip.files.items() if number in files]


def test_clips_are_found_in_order_without_the_clutter(root):
    tree = MmfiTree(str(root))
    names = [(clip.scene, clip.subject, clip.action) for clip in tree.clips]
    assert names == [
        ("E01", "S01", "A02"),
        ("E01", "S01", "A10"),
        ("E04", "S31", "A02"),
        ("E04", "S31", "A10"),
    ]
    assert tree.subjects == ("S01", "S31")
    assert tree.actions == ("A02", "A10")


def test_every_modality_reads_as_its_sensors_physical_array(clip):
    shapes = {m: clip.read(m, 2).shape for m in FOLDERS}
    assert shapes == {"depth": (480, 640), "lidar": (102, 3), "csi": (3, 114, 10)}
    assert {clip.read(m, 2).dtype for m in FOLDERS} == {np.dtype(np.float32)}


def test_frame_numbers_start_at_one_and_name_ground_truth_rows(clip):
    assert clip.frame_numbers == (1, 2, 3)
    rows = np.load(clip.path / "ground_truth.npy")
    np.testing.assert_allclose(clip.ground_truth, rows, rtol=1e-6)
    np.testing.assert_allclose(clip.joints(3), rows[2], rtol=1e-6)


@pytest.mark.parametrize("number", [0, 4])
def test_a_frame_beyond_the_ground_truth_is_an_error(clip, number):
    with pytest.raises(DatasetError, match=f"frame {number}; last is 3"):
        clip.joints(number)


def test_a_missing_file_is_an_absent_modality(clip):
    (clip.path / "lidar/frame002.bin").unlink()
    assert available(clip, 1) == ["depth", "lidar", "csi"]
    assert available(clip, 2) == ["depth", "csi"]
    assert clip.missing("lidar") == [clip.path / "lidar/frame002.bin"]
    assert clip.read("lidar", 2) is None
    assert clip.read("lidar", 3).shape == (103, 3)
    assert clip.frame_numbers == (1, 2, 3)


def test_a_missing_folder_is_an_absent_modality(clip):
    (clip.path / "depth").rename(clip.path / "depth_elsewhere")
    assert available(clip, 1) == ["lidar", "csi"]


def test_a_frame_without_any_file_is_not_listed(clip):
    for path in clip.path.glob("*/frame002.*"):
        path.unlink()
    assert clip.frame_numbers == (1, 3)


def test_a_frame_without_ground_truth_is_not_listed(clip):
    np.save(clip.path / "ground_truth.npy", np.zeros((2, 17, 3)))
    assert clip.frame_numbers == (1, 2)


@pytest.mark.parametrize("name", ["._frame001.png", "frame1.png", "frame001.png.part", "a001.png"])
def test_foreign_files_are_passed_over(clip, name):
    (clip.path / "depth/frame001.png").rename(clip.path / "depth" / name)
    assert available(clip, 1) == ["lidar", "csi"]


def test_an_empty_lidar_file_is_listed_and_fails_by_name(clip):
    (clip.path / "lidar/frame001.bin").write_bytes(b"")
    assert "lidar" in available(clip, 1)
    with pytest.raises(DecodeError, match=r"A02/lidar/frame001.bin: 0 bytes"):
        clip.read("lidar", 1)


def test_an_unknown_modality_is_named(clip):
    with pytest.raises(DatasetError, match="'sonar'"):
        clip.read("sonar", 1)


def test_a_missing_root_is_named(tmp_path):
    with pytest.raises(DatasetError, match="nowhere"):
        MmfiTree(tmp_path / "nowhere")


def test_a_folder_without_clips_says_what_was_expected(tmp_path):
    (tmp_path / "S01").mkdir()
    with pytest.raises(DatasetError, match="E01/S01/A01"):
        MmfiTree(tmp_path)


def test_a_synthetic_tree_of_the_first_format_is_refused_and_todays_is_read(root):
    made = root / "SYNTHETIC.json"
    made.write_text(json.dumps({"synthetic": True, "format": 2}))
    assert MmfiTree(root).clips
    made.write_text('{"synthetic": true, "format": 1, "seed": 0}')
    with pytest.raises(DatasetError, match=r"format 1; expected 2, .* dB: make it again"):
        MmfiTree(root)


@pytest.mark.parametrize("text", ["{", "[2]", "\udcff"])
def test_a_marker_that_says_nothing_is_named(root, text):
    (root / "SYNTHETIC.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(DatasetError, match=r"SYNTHETIC\.json.*expected what the tree"):
        MmfiTree(root)
