"""Corrupt and missing files: named, counted, skipped or fatal. All damage is done to real files."""

import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest

from pta_ros.datasets.mmfi import MmfiTree
from pta_ros.datasets.problems import Problem, problem_lines
from pta_ros.datasets.reduced import reduce_tree
from pta_ros.errors import ConfigError, DatasetError
from pta_ros.sensors import sensors_from_config
from pta_ros.workers.workforce import Workforce

SENSORS = sensors_from_config({"depth": {}, "lidar": {}, "csi": {}})
CLIP = "E01/S01/A02"


def reduce_all(root, cache, **options):
    return reduce_tree(MmfiTree(root), SENSORS, cache, workforce=Workforce(1), **options)


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
def test_a_corrupt_frame_is_named_and_only_it_is_absent(root, tmp_path, modality, name, damage):
    damage(root / CLIP / name)
    data = reduce_all(root, tmp_path / "c")
    assert [problem.kind for problem in data.problems] == [f"unusable {modality} file"]
    assert str(root / CLIP / name) in str(data.problems[0])
    absent = {m: np.flatnonzero(~flags).tolist() for m, flags in data.present.items()}
    assert absent == {m: [1] if m == modality else [] for m in SENSORS}


def test_a_frame_the_sensor_rejects_is_named_by_its_file(root, tmp_path):
    path = root / CLIP / "lidar/frame003.bin"
    np.full((50, 3), 900.0).tofile(path)
    (problem,) = reduce_all(root, tmp_path / "c").problems
    assert str(path) in str(problem)
    assert "implausible" in str(problem)


@pytest.mark.parametrize(
    ("modality", "name"),
    [
        ("depth", "depth/frame001.png"),
        ("lidar", "lidar/frame003.bin"),
        ("csi", "wifi-csi/frame002.mat"),
    ],
)
def test_a_missing_file_is_named_and_only_its_frame_is_absent(root, tmp_path, modality, name):
    path = root / CLIP / name
    path.unlink()
    shutil.rmtree(root / CLIP / "mmwave")  # of a sensor that is not asked for
    data = reduce_all(root, tmp_path / "c")
    assert data.problems == (Problem(f"missing {modality} file", str(path)),)
    absent = {m: np.flatnonzero(~flags).tolist() for m, flags in data.present.items()}
    row = int(path.stem[-1]) - 1
    assert absent == {m: [row] if m == modality else [] for m in SENSORS}
    assert reduce_all(root, tmp_path / "c").problems == data.problems  # from the cache
    with pytest.raises(DatasetError, match=name):
        reduce_all(root, tmp_path / "c", on_problem="fatal")


def test_a_frame_that_lacks_all_its_files_is_named_file_by_file(root, tmp_path):
    paths = sorted((root / CLIP).glob("*/frame002.*"))
    for path in paths:
        path.unlink()
    data = reduce_all(root, tmp_path / "c")
    expected = {str(p) for p in paths if p.parent.name in ("depth", "lidar", "wifi-csi")}
    assert {problem.what for problem in data.problems} == expected
    assert data.number[:2].tolist() == [1, 3]


def test_a_clip_without_any_file_of_a_modality_is_one_problem(root, tmp_path):
    shutil.rmtree(root / CLIP / "lidar")
    (problem,) = reduce_all(root, tmp_path / "c").problems
    assert problem.kind == "clip without lidar"
    assert str(root / CLIP / "lidar/frame001.bin") in problem.what
    depth = sensors_from_config({"depth": {}})  # a model that has no LiDAR
    assert reduce_tree(MmfiTree(root), depth, tmp_path / "c", workforce=Workforce(1)).problems == ()


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
    assert [problem.kind for problem in data.problems] == ["unusable clip"]
    assert str(path) in str(data.problems[0])
    assert len(data) == 9
    assert np.array_equal(data.joints, whole.joints[3:])
    assert np.array_equal(data.inputs["depth"], whole.inputs["depth"][3:])


def test_a_clip_without_frames_is_named_and_left_out(root, tmp_path):
    for path in (root / CLIP).glob("*/frame*"):
        path.unlink()
    data = reduce_all(root, tmp_path / "c")
    assert [str(problem) for problem in data.problems] == [f"clip without frames {root / CLIP}"]
    assert len(data) == 9


def test_an_empty_clip_folder_is_named(root, tmp_path):
    shutil.rmtree(root / CLIP)
    (root / CLIP).mkdir()
    (problem,) = reduce_all(root, tmp_path / "c").problems
    assert str(root / CLIP) in str(problem)


def test_a_clip_that_others_have_is_reported_missing(root, tmp_path):
    shutil.rmtree(root / "E04/S31/A10")
    data = reduce_all(root, tmp_path / "c")
    assert [str(problem) for problem in data.problems] == ["missing clip E04/S31/A10"]
    assert len(data) == 9


def test_a_subject_without_any_clip_lacks_them_all(root):
    shutil.rmtree(root / "E04/S31")
    assert MmfiTree(root).missing_clips == ()
    (root / "E04/S31").mkdir()
    assert MmfiTree(root).missing_clips == ("E04/S31/A02", "E04/S31/A10")


def test_frames_beyond_the_ground_truth_are_told(root, tmp_path):
    joints = np.load(root / CLIP / "ground_truth.npy")
    np.save(root / CLIP / "ground_truth.npy", joints[:1])
    (problem,) = reduce_all(root, tmp_path / "c").problems
    assert problem.kind == "clip longer than its ground truth"
    assert problem.what == f"{root / CLIP}: 2 frames, the first is number 2"


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("E01/S01/A10/lidar/frame002.bin", empty),
        ("E01/S01/A10/ground_truth.npy", halve),
        ("E04/S31/A10", shutil.rmtree),
    ],
)
def test_a_fatal_problem_stops_with_its_name_and_leaves_no_arrays(root, tmp_path, name, damage):
    damage(root / name)
    with pytest.raises(DatasetError, match=rf"{name}.*first problem"):
        reduce_all(root, tmp_path / "c", on_problem="fatal")
    assert [p for p in tmp_path.glob("c/*") if p.is_dir()] == []


def test_the_first_of_many_problems_is_the_fatal_one(root, tmp_path):
    for name in ("E01/S01/A10/depth/frame003.png", "E04/S31/A02/depth/frame001.png"):
        halve(root / name)
    with pytest.raises(DatasetError, match=r"A10/depth/frame003\.png"):
        reduce_tree(
            MmfiTree(root), SENSORS, tmp_path / "c", workforce=Workforce(2), on_problem="fatal"
        )


def test_problems_found_by_an_earlier_call_are_fatal_until_repaired(root, tmp_path):
    path = root / CLIP / "lidar/frame001.bin"
    whole = path.read_bytes()
    empty(path)
    first = reduce_all(root, tmp_path / "c")
    assert reduce_all(root, tmp_path / "c").problems == first.problems
    with pytest.raises(DatasetError, match=r"lidar/frame001\.bin"):
        reduce_all(root, tmp_path / "c", on_problem="fatal")
    path.write_bytes(whole)
    repaired = reduce_all(root, tmp_path / "c", on_problem="fatal")
    assert repaired.problems == ()
    assert repaired.present["lidar"].all()
    assert repaired.fingerprint != first.fingerprint


def test_an_unknown_policy_is_refused(root, tmp_path):
    with pytest.raises(ConfigError, match=r"'ignore'; expected one of \['skip', 'fatal'\]"):
        reduce_all(root, tmp_path / "c", on_problem="ignore")


def test_the_log_shows_some_problems_and_counts_each_kind():
    problems = [
        Problem("missing clip", "E01/S02/A05"),
        Problem("unusable lidar file", "/a.bin: 0 bytes"),
        Problem("unusable lidar file", "/b.bin: 0 bytes"),
    ]
    assert problem_lines(problems, most=2) == [
        "left out: missing clip E01/S02/A05",
        "left out: unusable lidar file /a.bin: 0 bytes",
        "2 x unusable lidar file, the first: /a.bin: 0 bytes",
        "1 x missing clip, the first: E01/S02/A05",
    ]
    assert problem_lines([]) == []


def test_a_list_of_problems_that_is_damaged_is_made_again(root, tmp_path):
    empty(root / CLIP / "lidar/frame001.bin")
    first = reduce_all(root, tmp_path / "c")
    (path,) = tmp_path.glob("c/*/problems.json")
    for text in ("", "[1]", json.dumps([["only a kind"]])):
        path.write_text(text)
        assert reduce_all(root, tmp_path / "c").problems == first.problems


FULL_DISK = """
import resource, sys
from pathlib import Path
from pta_ros.datasets.mmfi import MmfiTree
from pta_ros.datasets.reduced import reduce_tree
from pta_ros.errors import DatasetError
from pta_ros.sensors import sensors_from_config
from pta_ros.workers.workforce import Workforce

def limit(*progress):
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))

if sys.argv[3] == "first":
    limit()
try:
    reduce_tree(
        MmfiTree(sys.argv[1]), sensors_from_config({"depth": {}}), Path(sys.argv[2]),
        Workforce(1), limit,
    )
except DatasetError as error:
    print(error)
"""


@pytest.mark.parametrize("when", ["first", "after one clip"])
def test_a_full_disk_says_how_much_is_needed_and_leaves_nothing(root, tmp_path, when):
    command = [sys.executable, "-c", FULL_DISK, str(root), str(tmp_path / "c"), when]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    needed = 12 * (4 * 96 * 128 + 1 + 4 * 17 * 4 + 3 * 24 + 4)
    assert told.startswith(f"{tmp_path}/c/reduced-")
    assert f"File too large; expected room for {needed} bytes there" in told
    assert [p.suffix for p in (tmp_path / "c").iterdir()] == [".lock"]
