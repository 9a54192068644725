"""Frames that others encode: what crosses is small, gives the same tokens, and errors come out."""

from multiprocessing.reduction import ForkingPickler

import numpy as np
import pytest
import torch

from pta_ros.datasets import encoding
from pta_ros.datasets.arrays import Halves
from pta_ros.datasets.encoding import Block, Stowed, encode, encode_sent
from pta_ros.datasets.features import cache_features
from pta_ros.datasets.large import FramesOfTree
from pta_ros.datasets.mmfi import MmfiTree
from pta_ros.datasets.reduced import reduce_tree
from pta_ros.datasets.views import CLEAN, View
from pta_ros.errors import CheckpointError, ConfigError, DatasetError
from pta_ros.model.encoders import make_encoder
from pta_ros.sensors import sensors_from_config
from pta_ros.workers.workforce import Hired, Workforce

NAMES = ("depth", "lidar", "csi")
CHANNELS = 8
ROWS = torch.tensor([7, 2, 19])


def encoder_of(modality, family="lite"):
    """One of random weights and statistics."""
    torch.manual_seed(4)
    encoder = make_encoder(family, modality, 512 if family == "xfi" else CHANNELS)
    for value in encoder.buffers():
        if value.is_floating_point():
            value.mul_(1.1).add_(0.01)
    return encoder.eval()


ENCODERS = {m: encoder_of(m) for m in NAMES}


@pytest.fixture(scope="module")
def tree(synthetic_tree):
    return MmfiTree(synthetic_tree)


@pytest.fixture(scope="module")
def sensors():
    return sensors_from_config({m: {} for m in NAMES})


@pytest.fixture
def data(tree, sensors, tmp_path):
    """20 frames, reduced to files of the test's own."""
    return reduce_tree(tree, sensors, tmp_path / "cache", Workforce(1))


def crossed(thing, most_bytes=20_000):
    """What another process gets."""
    sent = ForkingPickler.dumps(thing)
    assert len(sent) < most_bytes
    return ForkingPickler.loads(sent)


@pytest.mark.parametrize("kept", ["stored", "halves", "tree", "values"])
def test_a_block_crosses_as_names_and_gives_the_same_frames(tree, sensors, data, tmp_path, kept):
    inputs = data.inputs["depth"]
    if kept == "halves":
        file = tmp_path / "halves.npy"
        np.save(file, np.asarray(inputs, np.float16))
        inputs = Halves(np.load(file, mmap_mode="r"))
    if kept == "tree":
        inputs = FramesOfTree("depth", sensors["depth"], tree.clips, data.present["depth"])
    if kept == "values":
        inputs = np.array(inputs)
    block = Block("depth", inputs, ROWS.numpy(), ROWS.numpy(), CLEAN)
    most = 200_000 if kept == "values" else 20_000
    assert torch.equal(crossed(block.sent(), most).inputs(), block.inputs())
    assert np.array_equal(block.inputs()[0], inputs[np.array([7])][0])


def test_frames_that_a_view_shows_cross_without_the_set_they_are_of(data):
    view = View("back", shown=lambda modality: np.roll(np.arange(20), 1))  # would not cross
    block = Block.of(data, "csi", ROWS, view)
    assert np.array_equal(block.inputs(), data.inputs["csi"][[6, 1, 18]])
    assert torch.equal(crossed(block.sent()).inputs(), block.inputs())


@pytest.mark.parametrize(
    ("family", "modality", "shape"),
    [
        ("lite", "depth", (96, 128)),
        ("lite", "lidar", (512, 3)),
        ("centred", "depth", (2, 96, 96)),
        ("xfi", "lidar", (400, 3)),
    ],
)
def test_an_encoder_crosses_as_its_form_and_a_file(tmp_path, family, modality, shape):
    encoder = encoder_of(modality, family)
    frames = np.random.default_rng(0).uniform(0.5, 2, (3, *shape)).astype(np.float32)
    block = Block(modality, frames, np.arange(3), np.arange(3), CLEAN, points=2)
    stowed = crossed(Stowed.at(tmp_path / "encoder", encoder))
    assert not any(value.is_meta for value in encoder.state_dict().values())
    mine, theirs = encode(encoder, block), encode_sent((stowed, block.sent()))
    assert mine.keys() == theirs.keys() == {"tokens", "points"}
    for name, values in mine.items():
        assert np.isfinite(values).all()
        assert np.array_equal(values, theirs[name])


def test_a_worker_keeps_few_encoders_open(data, tmp_path):
    encoding._opened.cache_clear()
    block = Block.of(data, "csi", ROWS, CLEAN)
    stowed = [Stowed.at(tmp_path / str(n), ENCODERS["csi"]) for n in range(5)]
    for one in (0, 0, 1, 2, 3, 4, 4):
        encode_sent(crossed((stowed[one], block.sent())))
    found = encoding._opened.cache_info()
    assert (found.hits, found.currsize) == (2, 2)


def test_an_encoder_that_is_not_there_or_damaged_is_told(data, tmp_path):
    encoding._opened.cache_clear()
    block, file = Block.of(data, "csi", ROWS, CLEAN).sent(), tmp_path / "encoder"
    stowed = Stowed.at(file, ENCODERS["csi"])
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(CheckpointError, match="expected an undamaged safetensors file"):
        encode_sent((stowed, block))
    file.unlink()
    with pytest.raises(DatasetError, match="encoder: not there for a worker; expected the run"):
        encode_sent((stowed, block))


def features(data, folder, workforce=None, **options):
    """Features in blocks of three frames; by the workforce, or by this process."""
    options = {"batch": 3, "position_points": 4, **options}
    with Hired(workforce or Workforce(), encode_sent) as hired:
        options["hired"] = hired if workforce else None
        return cache_features(ENCODERS, CHANNELS, data, folder, **options)


def check_same(one, other, here, there):
    """Equal up to rounding, in files of the same names and nothing else."""
    for m in NAMES:
        torch.testing.assert_close(one.tokens[m], other.tokens[m], rtol=1e-5, atol=1e-5)
    assert torch.equal(one.points["lidar"], other.points["lidar"])
    names, others = ({p.relative_to(f) for p in f.rglob("*")} for f in (here, there))
    assert names == others
    assert len(names) == 3 * 3 + 1  # an array, a folder and a lock of each, and the points


def test_processes_make_the_same_features(data, tmp_path):
    data.present["csi"] = np.arange(20) % 7 < 2  # a block has none
    data.present["depth"] = np.arange(20) % 3 > 0
    rows, seen = torch.arange(20).flip(0), []
    one = features(data, tmp_path / "a", rows=rows)
    other = features(
        data, tmp_path / "b", Workforce(2), rows=rows, progress=lambda *at: seen.append(at)
    )
    check_same(one, other, tmp_path / "a", tmp_path / "b")
    assert not one.tokens["csi"][~one.present[:, 2]].any()
    assert seen == [(min(n, 20), 20) for n in range(3, 22, 3)] * 3


def test_a_cluster_makes_the_same_features_though_a_worker_is_killed(dask, data, tmp_path):
    one, killed = features(data, tmp_path / "a"), []

    def kill(done, total):
        if not killed:
            killed.append(done)
            dask.workers[0].kill()

    there = Workforce(cluster=dask.address)
    other = features(data, tmp_path / "b", there, progress=kill)
    assert killed
    check_same(one, other, tmp_path / "a", tmp_path / "b")


def test_what_is_made_already_needs_no_workers(data, tmp_path):
    nobody = Workforce(cluster="nonsense")
    features(data, tmp_path)
    features(data, tmp_path, nobody)
    with pytest.raises(ConfigError, match="--cluster 'nonsense'"):
        features(data, tmp_path / "other", nobody)


def test_an_error_of_a_worker_comes_out_and_leaves_nothing_half(data, tmp_path):
    (file,) = tmp_path.glob("cache/*/lidar.npy")
    file.unlink()  # mapped here, not there
    with pytest.raises(DatasetError, match=r"lidar\.npy: .*No such file.*; expected an undamaged"):
        features(data, tmp_path / "b", Workforce(1))
    left = sorted(p.name.partition("-")[0] for p in (tmp_path / "b").iterdir() if p.is_dir())
    assert left == ["depth"]
