"""A tree's clip as a bag, and the bag as a tree again: the same, bit for bit."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from pta_ros.datasets.mmfi import MmfiTree
from pta_ros.datasets.mmfi_bag import clip_to_bag
from pta_ros.datasets.people import visible
from pta_ros.datasets.wide import Clip

MODALITIES = ("depth", "lidar", "csi")


def write_clip(folder):
    """The published layout, as test/datasets writes it."""
    path = Path(__file__).parents[1] / "datasets/conftest.py"
    spec = importlib.util.spec_from_file_location("datasets_conftest", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.write_clip(folder, seed=4, frames=6)


@pytest.fixture
def clip(tmp_path):
    write_clip(tmp_path / "mmfi/E01/S01/A02")
    return MmfiTree(tmp_path / "mmfi").clips[0]


def same(one, other):
    return (
        one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes()
    )


@pytest.mark.parametrize("rate_hz", [10.0, 30.0])
@pytest.mark.parametrize("storage", ["mcap", "sqlite3"])
def test_an_mmfi_clip_comes_back_bit_for_bit(clip, tmp_path, tree, storage, rate_hz):
    clip_to_bag(clip, tmp_path / "bag", rate_hz, storage)
    made = tree(tmp_path / "bag", rate_hz=rate_hz)
    (again,) = MmfiTree(made.root).clips
    assert again.frame_numbers == clip.frame_numbers == tuple(range(1, 7))
    for number in clip.frame_numbers:
        for modality in MODALITIES:
            assert same(again.read(modality, number), clip.read(modality, number)), modality
    assert same(again.joints_of(again.frame_numbers), clip.joints_of(clip.frame_numbers))
    assert np.load(again.path / "stamps.npy").tolist() == [
        1_600_000_000 * 10**9 + round(n * 1e9 / rate_hz) for n in range(6)
    ]


@pytest.mark.parametrize("rate_hz", [10.0, 30.0])
def test_what_is_absent_stays_absent(clip, tmp_path, tree, rate_hz):
    for gone in ("lidar/frame002.bin", "depth/frame003.png", "wifi-csi/frame005.mat"):
        (clip.path / gone).unlink()
    clip = MmfiTree(tmp_path / "mmfi").clips[0]
    clip_to_bag(clip, tmp_path / "bag", rate_hz)
    made = tree(tmp_path / "bag", rate_hz=rate_hz)
    (again,) = MmfiTree(made.root).clips
    assert again.frame_numbers == clip.frame_numbers
    for number in clip.frame_numbers:
        for modality in MODALITIES:
            one, other = again.read(modality, number), clip.read(modality, number)
            assert (one is None) == (other is None)
            assert one is None or same(one, other)
    assert made.report["with"] == {"depth": 5, "lidar": 5, "csi": 5}


def test_csi_that_was_lost_or_zero_comes_back(clip, tmp_path, tree):
    from scipy.io import savemat

    from pta_ros.datasets.mmfi_files import csi_db, read_csi

    array = clip.read("csi", 1).copy()
    array[0, 3, 2], array[1, 5, 1], array[2, 7, 0], array[0, 0, 0] = np.nan, np.inf, -np.inf, 0
    savemat(tmp_path / "one.mat", {"CSIamp": csi_db(array)})
    assert same(read_csi(tmp_path / "one.mat"), array)


def test_a_wide_clip_comes_back(tmp_path, tree, wide_tree_of):
    from pta_ros.datasets.wide_bag import wide_to_bag

    wide = wide_tree_of((0, 0, 2), frames=3)
    shown = 0
    for number in (1, 2):
        clip = Clip.open(wide / f"E03/S{number:05d}/A01")
        wide_to_bag(clip, tmp_path / f"bag{number}", 2.0)
        made = tree(tmp_path / f"bag{number}", out=f"tree{number}", rate_hz=2.0, part="test")
        again = Clip.open(made.root / "E03/S00001/A01")
        assert again.frames == (0, 1, 2)
        for frame in again.frames:
            shown += check(clip, again, frame)
    assert shown > 0


def check(clip, again, frame):
    for one, other in zip(again.arrays(frame), clip.arrays(frame), strict=True):
        assert same(one, other)
    one, other = again.readings(frame), clip.readings(frame)
    np.testing.assert_allclose(one.depth.rotation, other.depth.rotation, atol=1e-9)
    np.testing.assert_allclose(one.depth.place, other.depth.place, atol=1e-9)
    assert one.depth.lens == other.depth.lens
    np.testing.assert_allclose(one.lidar.cloud, other.lidar.cloud, atol=1e-5)
    true = clip.people[frame][visible(clip).any(axis=2)[frame]]
    told = again.people[frame][np.isfinite(again.people[frame][:, 0, 0])]
    assert sorted(map(bytes, told)) == sorted(map(bytes, true))
    return len(true)
