"""deviation.npy beside the truth: what training reads of it, and what it refuses."""

import shutil

import numpy as np
import pytest
import torch

from pta_ros import checkpoint
from pta_ros.cli import train_pta
from pta_ros.datasets.mmfi import MmfiTree
from pta_ros.datasets.reduced import reduce_tree
from pta_ros.errors import DatasetError
from pta_ros.sensors import SENSORS
from pta_ros.training.augment import MIRROR, either_side
from pta_ros.training.pretrain import truth_of
from pta_ros.workers.workforce import Workforce

CSI = {"csi": SENSORS["csi"]()}


@pytest.fixture
def tree(synthetic_tree, tmp_path):
    """The truth of one clip is an estimate, two people wide; returns its folder and sigma."""
    root = shutil.copytree(synthetic_tree, tmp_path / "tree")
    folder = sorted(root.glob("E*/S*/A*"))[1]
    sigma = np.random.default_rng(0).uniform(0.02, 0.3, (2, 2, 17))
    sigma[:, 1] = np.nan  # nobody else is there
    np.save(folder / "deviation.npy", sigma)
    return root, folder, sigma


def test_rows_of_estimates_have_their_deviations_and_others_zero(tree, tmp_path):
    root, folder, sigma = tree
    data = reduce_tree(MmfiTree(root), CSI, tmp_path / "cache", workforce=Workforce(1))
    own = (data.subject == folder.parent.name) & (data.action == folder.name)
    np.testing.assert_allclose(data.deviation_m[own], sigma[:, 0], rtol=1e-6)
    assert not data.deviation_m[~own].any()
    assert data.estimated
    truth = truth_of(data, torch.arange(len(data)))
    np.testing.assert_array_equal(truth.deviation, data.deviation_m)


def test_without_the_file_nothing_is_weighed_and_with_it_the_rows_are_made_anew(tree, tmp_path):
    root, folder, _ = tree
    (folder / "deviation.npy").rename(tmp_path / "away.npy")
    before = reduce_tree(MmfiTree(root), CSI, tmp_path / "cache", workforce=Workforce(1))
    assert not before.estimated
    assert not len(truth_of(before, torch.arange(2)).deviation)
    (tmp_path / "away.npy").rename(folder / "deviation.npy")
    after = reduce_tree(MmfiTree(root), CSI, tmp_path / "cache", workforce=Workforce(1))
    assert after.estimated
    assert after.fingerprint != before.fingerprint


@pytest.mark.parametrize(
    "wrong",
    [
        np.full((2, 1, 17), -0.1),
        np.full((2, 1, 17), np.nan),
        np.full((3, 1, 17), 0.1),
        np.full((2, 17), 0.1),
        np.full((2, 1, 17), 1),
        np.zeros((2, 0, 17)),
    ],
)
def test_deviations_that_do_not_fit_are_named(tree, wrong):
    root, folder, _ = tree
    np.save(folder / "deviation.npy", wrong)
    clip = next(clip for clip in MmfiTree(root).clips if clip.path == folder)
    with pytest.raises(DatasetError, match=r"deviation\.npy: .*; expected "):
        clip.deviations_of((1, 2))


def test_of_joints_that_may_be_mirrored_the_less_sure_of_a_pair_counts():
    sigma = torch.rand(3, 17)
    both = either_side(sigma)
    assert both.equal(both[:, MIRROR])
    assert (both >= sigma).all()
    assert both[:, 0].equal(sigma[:, 0])  # the pelvis is its own
    assert not len(either_side(torch.zeros(0)))


CONFIG = """
model: {modalities: [csi], tokens: 4, dim: 16, latent: 8, channels: 16}
split: {meta_val: 0.2, val: 0.2, test: 0.2}
pretrain: {csi: {epochs: 1, batch: 8}}
meta: {epochs: 1, batch: 8}
"""


def test_training_heeds_them_and_does_not_go_on_without(tree, tmp_path, capsys):
    root, folder, _ = tree
    clips = sorted(root.glob("E*/S*/A*"))
    for clip in clips[1:]:
        np.save(clip / "deviation.npy", np.load(folder / "deviation.npy"))
    (tmp_path / "small.yaml").write_text(CONFIG)
    options = ["--config", str(tmp_path / "small.yaml"), "--threads", "1", "--out"]
    assert train_pta.main([str(root), *options, str(tmp_path / "with")]) == 0
    for clip in clips[1:]:
        (clip / "deviation.npy").unlink()
    assert train_pta.main([str(root), *options, str(tmp_path / "without")]) == 0
    weighed, plain = (
        checkpoint.load(tmp_path / f"{name}/model").model for name in ("with", "without")
    )
    assert not weighed.head.position.weight.equal(plain.head.position.weight)
    assert train_pta.main([str(root), *options, str(tmp_path / "with")]) == 1
    assert "another configuration or data set" in capsys.readouterr().err
