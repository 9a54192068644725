"""Broken data: named, counted, skipped or fatal. All damage is done to real files."""

import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest

from pta_ros.datasets.mmfi import MmfiTree
from pta_ros.datasets.problems import Fault, fault_summary
from pta_ros.datasets.reduced import reduce_tree
from pta_ros.errors import ConfigError, DatasetError
from pta_ros.sensors import sensors_from_config

SENSORS = sensors_from_config({"depth": {}, "lidar": {}, "csi": {}})
CLIP = "E01/S01/A02"


def reduce_all(root, cache, **options):
    return reduce_tree(MmfiTree(root), SENSORS, cache, jobs=1, **options)


def halve(path):
    os.truncate(path, path.stat().st_size // 2)


def empty(path):
    os.truncate(path, 0)


def overwrite_middle(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 3 : len(data) // 2] = b"\xff" * (len(data) // 2 - len(data) // 3)
    path.write_bytes(data)


def link_to_nowhere(path):
    path.unlink()
    path.symlink_to("/nowhere/at/all")


FRAME_DAMAGE = [
    ("depth", "depth/frame002.png", halve),
    ("depth", "depth/frame002.png", empty),
    ("depth", "depth/frame002.png", overwrite_middle),
    ("lidar", "lidar/frame002.bin", empty),
    ("lidar", "lidar/frame002.bin", lambda path: os.truncate(path, 100)),
    ("lidar", "lidar/frame002.bin", link_to_nowhere),
    ("csi", "wifi-csi/frame002.mat", halve),
    ("csi", "wifi-csi/frame002.mat", empty),
    ("csi", "wifi-csi/frame002.mat", lambda path: path.write_bytes(b"\xff" * 30000)),
]


@pytest.mark.parametrize(("modality", "name", "damage"), FRAME_DAMAGE)
def test_a_bad_frame_is_named_and_only_it_is_absent(root, tmp_path, modality, name, damage):
    damage(root / CLIP / name)
    data = reduce_all(root, tmp_path / "c")
    assert [fault.kind for fault in data.faults] == [f"unusable {modality} file"]
    assert str(root / CLIP / name) in str(data.faults[0])
    absent = {m: np.flatnonzero(~flags).tolist() for m, flags in data.present.items()}
    assert absent == {m: [1] if m == modality else [] for m in SENSORS}


def test_a_frame_the_sensor_rejects_is_named_by_its_file(root, tmp_path):
    path = root / CLIP / "lidar/frame003.bin"
    np.full((50, 3), 900.0).tofile(path)
    (fault,) = reduce_all(root, tmp_path / "c").faults
    assert str(path) in str(fault)
    assert "implausible" in str(fault)


def test_a_frame_without_its_file_in_one_modality_is_no_fault(root, tmp_path):
    (root / CLIP / "lidar/frame002.bin").unlink()
    shutil.rmtree(root / CLIP / "mmwave")
    data = reduce_all(root, tmp_path / "c", on_fault="fatal")
    assert data.faults == ()
    assert np.flatnonzero(~data.present["lidar"]).tolist() == [1]


GROUND_TRUTH_DAMAGE = [
    os.unlink,
    halve,
    empty,
    lambda path: np.save(path, np.zeros((3, 16, 3))),
    lambda path: np.save(path, np.full((3, 17, 3), np.nan)),
]


@pytest.mark.parametrize("damage", GROUND_TRUTH_DAMAGE)
def test_a_clip_without_usable_ground_truth_is_named_and_left_out(root, tmp_path, damage):
    whole = reduce_all(root, tmp_path / "c")
    path = root / CLIP / "ground_truth.npy"
    damage(path)
    data = reduce_all(root, tmp_path / "c")
    assert [fault.kind for fault in data.faults] == ["unusable clip"]
    assert str(path) in str(data.faults[0])
    assert len(data) == 9
    assert np.array_equal(data.joints, whole.joints[3:])
    assert np.array_equal(data.inputs["depth"], whole.inputs["depth"][3:])


def test_a_clip_without_frames_is_named_and_left_out(root, tmp_path):
    for path in (root / CLIP).glob("*/frame*"):
        path.unlink()
    data = reduce_all(root, tmp_path / "c")
    assert [str(fault) for fault in data.faults] == [f"clip without frames {root / CLIP}"]
    assert len(data) == 9


def test_an_empty_clip_folder_is_named(root, tmp_path):
    shutil.rmtree(root / CLIP)
    (root / CLIP).mkdir()
    (fault,) = reduce_all(root, tmp_path / "c").faults
    assert str(root / CLIP) in str(fault)


def test_a_clip_that_others_have_is_reported_missing(root, tmp_path):
    shutil.rmtree(root / "E04/S31/A10")
    data = reduce_all(root, tmp_path / "c")
    assert [str(fault) for fault in data.faults] == ["missing clip E04/S31/A10"]
    assert len(data) == 9


def test_a_subject_without_any_clip_lacks_them_all(root):
    shutil.rmtree(root / "E04/S31")
    assert MmfiTree(root).missing_clips == ()
    (root / "E04/S31").mkdir()
    assert MmfiTree(root).missing_clips == ("E04/S31/A02", "E04/S31/A10")


def test_frames_beyond_the_ground_truth_are_told(root, tmp_path):
    joints = np.load(root / CLIP / "ground_truth.npy")
    np.save(root / CLIP / "ground_truth.npy", joints[:1])
    (fault,) = reduce_all(root, tmp_path / "c").faults
    assert fault.kind == "clip longer than its ground truth"
    assert fault.what == f"{root / CLIP}: 2 frames, the first is number 2"


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("E01/S01/A10/lidar/frame002.bin", empty),
        ("E01/S01/A10/ground_truth.npy", halve),
        ("E04/S31/A10", shutil.rmtree),
    ],
)
def test_a_fatal_fault_stops_with_its_name_and_leaves_no_arrays(root, tmp_path, name, damage):
    damage(root / name)
    with pytest.raises(DatasetError, match=rf"{name}.*first fault"):
        reduce_all(root, tmp_path / "c", on_fault="fatal")
    assert [p for p in tmp_path.glob("c/*") if p.is_dir()] == []


def test_the_first_of_many_faults_is_the_fatal_one(root, tmp_path):
    for name in ("E01/S01/A10/depth/frame003.png", "E04/S31/A02/depth/frame001.png"):
        halve(root / name)
    with pytest.raises(DatasetError, match=r"A10/depth/frame003\.png"):
        reduce_tree(MmfiTree(root), SENSORS, tmp_path / "c", jobs=2, on_fault="fatal")


def test_faults_found_by_an_earlier_call_are_fatal_until_repaired(root, tmp_path):
    path = root / CLIP / "lidar/frame001.bin"
    whole = path.read_bytes()
    empty(path)
    first = reduce_all(root, tmp_path / "c")
    assert reduce_all(root, tmp_path / "c").faults == first.faults
    with pytest.raises(DatasetError, match=r"lidar/frame001\.bin"):
        reduce_all(root, tmp_path / "c", on_fault="fatal")
    path.write_bytes(whole)
    repaired = reduce_all(root, tmp_path / "c", on_fault="fatal")
    assert repaired.faults == ()
    assert repaired.present["lidar"].all()
    assert repaired.fingerprint != first.fingerprint


def test_an_unknown_policy_is_refused(root, tmp_path):
    with pytest.raises(ConfigError, match=r"'ignore'; expected one of \['skip', 'fatal'\]"):
        reduce_all(root, tmp_path / "c", on_fault="ignore")


def test_the_summary_counts_each_kind_and_shows_its_first():
    faults = [
        Fault("missing clip", "E01/S02/A05"),
        Fault("unusable lidar file", "/a.bin: 0 bytes"),
        Fault("unusable lidar file", "/b.bin: 0 bytes"),
    ]
    assert fault_summary(faults) == [
        "2 x unusable lidar file, the first: /a.bin: 0 bytes",
        "1 x missing clip, the first: E01/S02/A05",
    ]
    assert fault_summary([]) == []


def test_a_list_of_faults_that_is_damaged_is_made_again(root, tmp_path):
    empty(root / CLIP / "lidar/frame001.bin")
    first = reduce_all(root, tmp_path / "c")
    (path,) = tmp_path.glob("c/*/faults.json")
    for text in ("", "[1]", json.dumps([["only a kind"]])):
        path.write_text(text)
        assert reduce_all(root, tmp_path / "c").faults == first.faults


FULL_DISK = """
import resource, sys
from pathlib import Path
from pta_ros.datasets.mmfi import MmfiTree
from pta_ros.datasets.reduced import reduce_tree
from pta_ros.errors import DatasetError
from pta_ros.sensors import sensors_from_config

def limit(*progress):
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))

if sys.argv[3] == "first":
    limit()
try:
    reduce_tree(
        MmfiTree(sys.argv[1]), sensors_from_config({"depth": {}}), Path(sys.argv[2]), 1, limit
    )
except DatasetError as error:
    print(error)
"""


@pytest.mark.parametrize("when", ["first", "after one clip"])
def test_a_full_disk_says_how_much_is_needed_and_leaves_nothing(root, tmp_path, when):
    command = [sys.executable, "-c", FULL_DISK, str(root), str(tmp_path / "c"), when]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    needed = 12 * (4 * 96 * 128 + 1 + 4 * 17 * 3 + 3 * 24 + 4)
    assert told.startswith(f"{tmp_path}/c/reduced-")
    assert f"File too large; expected room for {needed} bytes there" in told
    assert [p.suffix for p in (tmp_path / "c").iterdir()] == [".lock"]
