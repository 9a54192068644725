import json

import cv2
import numpy as np
import pytest
import scipy.io

from pta_ros.datasets.clips import MARKER
from pta_ros.errors import DatasetError
from pta_ros.simulate.recording import Recording
from pta_ros.simulate.tree import prepare, write_tree
from pta_ros.simulate.writer import TreePlan, spread_step, write_clip

PLAN = TreePlan(seed=5, subjects=(11,), actions=(3,), frames=2, step=7)


def test_a_clip_is_in_the_data_sets_exact_layout(tmp_path):
    assert list(write_tree(tmp_path / "t", PLAN)) == [True]
    clip = tmp_path / "t" / "E02" / "S11" / "A03"
    expected = [f"{d}/frame00{i}.{e}" for d, e in _KINDS for i in (1, 2)] + ["ground_truth.npy"]
    found = [str(p.relative_to(clip)) for p in clip.rglob("*") if p.is_file()]
    assert sorted(found) == sorted(expected)
    frame = Recording(5, 11, 3, step_s=0.7).frame(1)
    depth = cv2.imread(str(clip / "depth/frame002.png"), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(depth, frame.depth_mm)
    lidar = np.fromfile(clip / "lidar/frame002.bin", np.float64).reshape(-1, 3)
    np.testing.assert_array_equal(lidar.astype(np.float32), frame.lidar_m)
    csi = scipy.io.loadmat(clip / "wifi-csi/frame002.mat")
    with np.errstate(invalid="ignore"):
        linear = np.where(np.isfinite(frame.csi), 10 ** (csi["CSIamp"] / 20), csi["CSIamp"])
    np.testing.assert_allclose(linear, frame.csi, rtol=1e-12)
    assert csi["CSIamp"].dtype == np.float64
    assert csi["CSIphase"].shape == (3, 114, 10)
    truth = np.load(clip / "ground_truth.npy")
    np.testing.assert_allclose(truth[1], frame.joints_m, atol=1e-6)


_KINDS = (("depth", "png"), ("lidar", "bin"), ("wifi-csi", "mat"))


def test_a_second_run_writes_nothing_again_and_replaces_a_half_clip(tmp_path):
    half = tmp_path / "E02" / "S11" / ".partial-A03"
    prepare(tmp_path, PLAN)
    (half / "depth").mkdir(parents=True)
    (half / "depth" / "frame001.png").write_bytes(b"cut")
    assert write_clip(tmp_path, PLAN, 11, 3)
    assert not half.exists()
    assert list(write_tree(tmp_path, PLAN)) == [False]
    marker = json.loads((tmp_path / MARKER).read_text())
    assert marker["synthetic"] is True
    assert marker["seed"] == 5
    assert len(marker["runs"]) == 1


def test_processes_write_what_one_would(tmp_path):
    plan = TreePlan(seed=5, subjects=(11,), actions=(3, 4), frames=1, step=1)
    for name, jobs in (("one", 1), ("two", 2)):
        assert list(write_tree(tmp_path / name, plan, jobs)) == [True, True]
    files = sorted(p.relative_to(tmp_path / "one") for p in (tmp_path / "one").rglob("*.png"))
    assert len(files) == 2
    for file in files:
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_other_folders_and_other_settings_are_refused(tmp_path):
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "thesis.txt").write_text("years")
    with pytest.raises(DatasetError, match="not a synthetic tree"):
        prepare(tmp_path / "precious", PLAN)
    with pytest.raises(DatasetError, match="not a synthetic tree"):
        prepare(tmp_path / "precious" / "thesis.txt", PLAN)
    prepare(tmp_path / "t", PLAN)
    with pytest.raises(DatasetError, match=r"seed 5 .now 6."):
        prepare(tmp_path / "t", TreePlan(6, (11,), (3,), 2, 7))
    (tmp_path / "t" / MARKER).write_text("{")
    with pytest.raises(DatasetError, match="unreadable"):
        prepare(tmp_path / "t", PLAN)


@pytest.mark.parametrize(("frames", "step"), [(297, 1), (100, 2), (30, 9), (10, 10), (1, 10)])
def test_frames_are_spread_over_the_clip_but_at_most_a_second_apart(frames, step):
    assert spread_step(frames) == step
