import shutil

import numpy as np
import pytest

from pta_ros.datasets.mmfi import MmfiTree
from pta_ros.datasets.reduced import reduce_tree
from pta_ros.errors import DatasetError
from pta_ros.sensors import sensors_from_config
from pta_ros.workers.workforce import Workforce

SENSORS = sensors_from_config({"depth": {}, "lidar": {}, "csi": {}})


@pytest.fixture
def tree(synthetic_tree, tmp_path):
    return shutil.copytree(synthetic_tree, tmp_path / "tree")


def reduce_all(tree, cache, **options):
    return reduce_tree(MmfiTree(tree), SENSORS, cache, workforce=Workforce(1), **options)


def test_every_row_is_what_the_sensor_makes_of_its_file(tree, tmp_path):
    seen = []
    data = reduce_all(tree, tmp_path / "c", progress=lambda done, total: seen.append((done, total)))
    assert len(data) == 20
    assert seen[-1] == (10, 10)
    assert data.problems == ()
    row = 0
    for clip in MmfiTree(tree).clips:
        for number in clip.frame_numbers:
            assert (data.subject[row], data.action[row]) == clip.pair
            assert np.array_equal(data.joints[row], clip.joints(number))
            for m, sensor in SENSORS.items():
                assert data.present[m][row]
                expected = sensor.prepare(clip.read(m, number), "here")
                assert np.array_equal(data.inputs[m][row], expected)
            row += 1
    assert data.rows_of(("S01", "S03")).tolist() == [0, 1, 2, 3, 8, 9, 10, 11]


def test_unusable_files_are_named_and_count_as_absent(tree, tmp_path):
    (tree / "E01/S01/A02/lidar/frame001.bin").write_bytes(b"")
    (tree / "E01/S01/A02/depth/frame002.png").write_bytes(b"not a picture")
    (tree / "E01/S01/A02/wifi-csi/frame002.mat").unlink()
    data = reduce_all(tree, tmp_path / "c")
    flags = {m: data.present[m][:2].tolist() for m in SENSORS}
    assert flags == {"depth": [True, False], "lidar": [False, True], "csi": [True, False]}
    kinds = ["missing csi file", "unusable lidar file", "unusable depth file"]
    assert [problem.kind for problem in data.problems] == kinds
    names = ("wifi-csi/frame002.mat", "lidar/frame001.bin", "depth/frame002.png")
    for name, problem in zip(names, data.problems, strict=True):
        assert f"E01/S01/A02/{name}" in problem.what


def test_the_second_call_reads_the_first_ones_arrays(tree, tmp_path):
    first = reduce_all(tree, tmp_path / "c")
    seen = []
    again = reduce_all(tree, tmp_path / "c", progress=lambda *a: seen.append(a))
    assert seen == []
    assert np.array_equal(first.inputs["lidar"], again.inputs["lidar"])


def test_other_settings_or_other_files_are_reduced_anew(tree, tmp_path):
    reduce_all(tree, tmp_path / "c")
    shutil.rmtree(tree / "E01/S05")
    assert len(reduce_all(tree, tmp_path / "c")) == 16
    few = sensors_from_config({"lidar": {"points": 64}})
    small = reduce_tree(MmfiTree(tree), few, tmp_path / "c", workforce=Workforce(1))
    assert small.inputs["lidar"].shape == (16, 64, 3)


def test_a_tree_without_a_usable_frame_is_an_error_and_leaves_nothing(tree, tmp_path):
    for path in tree.rglob("frame*.*"):
        path.write_bytes(b"")
    with pytest.raises(DatasetError, match=r"no usable frame; first problem: .*frame001"):
        reduce_all(tree, tmp_path / "c")
    assert [p.suffix for p in (tmp_path / "c").iterdir()] == [".lock"]


def test_a_clip_that_is_gone_while_its_tree_is_reduced_is_no_clip_of_damaged_files(tree, tmp_path):
    last = MmfiTree(tree).clips[-1].path

    def lose(done, total):
        shutil.rmtree(last, ignore_errors=True)

    with pytest.raises(DatasetError, match=f"{last}: not there any more, or not for a worker"):
        reduce_all(tree, tmp_path / "c", progress=lose)
    assert not list((tmp_path / "c").glob("reduced-*/"))
