"""Batches for the device that trains: ahead, in order, and where they fit; augmentation there."""

import threading
from types import SimpleNamespace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from pta_ros.bench.device_steps import CONFIG  # noqa: E402
from pta_ros.bench.inputs import rooms  # noqa: E402
from pta_ros.cli import train_pta  # noqa: E402
from pta_ros.datasets.feature_set import FeatureSet, Truth  # noqa: E402
from pta_ros.training.augment import AUGMENT  # noqa: E402
from pta_ros.training.augment_centred import CENTRED  # noqa: E402
from pta_ros.training.feed import ahead, at_hand, fed, rows_of  # noqa: E402
from pta_ros.training.pretrain import augmented, loss_of  # noqa: E402
from pta_ros.training.single import learner  # noqa: E402

CPU, ELSEWHERE = torch.device("cpu"), torch.device("meta")
PLAN = list(torch.arange(40).split(3))
SHAPES = {
    "depth": (96, 128), "lidar": (512, 3), "csi": (3, 114, 10), "radar": (17, 256, 128),
    "wifi": (270, 1000), "rfid": (23, 148),
}  # fmt: skip


def test_batches_come_in_the_order_of_the_plan_and_ahead_of_it():
    started, release = [], threading.Event()

    def load(rows):
        started.append(int(rows[0]))
        if int(rows[0]):
            assert release.wait(10)
        return (rows * 2,)

    batches = ahead(load, PLAN)
    assert next(batches)[0].equal(PLAN[0] * 2)  # others are waited for by nobody yet
    assert len(started) > 1
    release.set()
    rest = [batch[0] for batch in batches]
    assert torch.cat(rest).equal(torch.cat(PLAN[1:]) * 2)
    assert sorted(started) == [int(rows[0]) for rows in PLAN]


def test_what_loading_raises_is_raised_at_its_batch():
    def load(rows):
        if int(rows[0]) == 6:
            raise OSError("the disk is gone")
        return (rows,)

    batches = ahead(load, PLAN)
    assert [int(next(batches)[0][0]) for _ in range(2)] == [0, 3]
    with pytest.raises(OSError, match="the disk is gone"):
        next(batches)


def test_on_the_cpu_nothing_is_loaded_before_it_is_asked_for():
    loaded = []
    batches = fed(lambda rows: loaded.append(rows) or (rows,), PLAN, CPU)
    next(batches)
    assert len(loaded) == 1


@pytest.mark.parametrize(("free", "kept"), [(800, True), (799, False), (0, False)])
def test_an_array_lies_on_the_device_where_half_of_its_free_memory_holds_it(free, kept):
    array = np.arange(100, dtype=np.float32).reshape(25, 4)  # 400 bytes
    placed = at_hand(array, ELSEWHERE, free)
    assert (placed is not array) == kept
    if kept:
        assert placed.device == ELSEWHERE
        assert rows_of(placed, torch.tensor([3, 1])).shape == (2, 4)
    assert at_hand(array, CPU, free) is array
    assert rows_of(array, torch.tensor([3, 1])).tolist() == [[12, 13, 14, 15], [4, 5, 6, 7]]


def test_what_is_read_from_files_each_time_stays_there():
    tree = SimpleNamespace(nbytes=1)
    assert at_hand(tree, ELSEWHERE, 10**12) is tree


@pytest.mark.parametrize(("free", "kept"), [(2 * 1600, True), (2 * 1600 - 1, False)])
def test_features_lie_on_the_device_where_they_fit(free, kept):
    tokens, points = {"csi": torch.zeros(10, 4, 8)}, {"lidar": torch.zeros(10, 4, 2)}
    data = FeatureSet(tokens, points, torch.ones(10, 1), torch.zeros(10, 17, 3), torch.arange(10))
    placed = data.kept_on(ELSEWHERE, free)
    assert (placed.tokens["csi"].device == ELSEWHERE) == kept
    assert (placed.points["lidar"].device == ELSEWHERE) == kept
    assert placed.joints.device == placed.present.device == CPU
    assert data.kept_on(CPU, free) is data


@pytest.mark.parametrize("modality", AUGMENT)
def test_frames_are_changed_where_they_lie(modality, recording):
    x = torch.empty(4, *SHAPES[modality], device="meta")
    truth = Truth(torch.empty(4, 17, 3, device="meta"), torch.empty(4, device="meta"))
    with recording(numbers=True):
        out, told = augmented(modality, x, truth, centred=False)
    assert out.shape == x.shape
    assert told.joints.shape == (4, 17, 3)


@pytest.mark.parametrize(("modality", "shape"), [("depth", (2, 96, 96)), ("lidar", (1024, 3))])
def test_people_are_changed_where_they_lie(modality, shape, recording):
    x = torch.empty(4, *shape, device="meta")
    truth = Truth(torch.empty(4, 17, 3, device="meta"), torch.empty(4, device="meta"))
    assert modality in CENTRED
    with recording(numbers=True):
        out, _ = augmented(modality, x, truth, centred=True)
    assert out.shape == x.shape


@torch.no_grad()
def test_a_loss_in_bfloat16_is_that_in_float32_but_for_rounding():
    """Autocast on the CPU stands for the GPU's: the same layers are in lower precision."""
    torch.manual_seed(0)
    inputs, joints = rooms("lite", 8)
    truth = Truth(joints, torch.zeros(8, dtype=torch.long))
    for modality in ("depth", "lidar", "csi"):
        module, _ = learner(CONFIG, modality, joints.numpy(), None)
        module.eval()  # without dropout
        for part in module.head.parameters():
            torch.nn.init.normal_(part, 0, 0.05)
        exact, low = (
            loss_of(CONFIG, module, inputs[modality], truth, x) for x in ("float32", "bfloat16")
        )
        assert low.dtype == exact.dtype == torch.float32
        assert float(exact) != float(low), modality
        assert float(low) == pytest.approx(float(exact), rel=0.02), modality


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_a_device_that_is_not_there_is_one_line_and_leaves_nothing(
    synthetic_tree, tmp_path, capsys
):
    config = tmp_path / "c.yaml"
    config.write_text("seed: 0\n")
    arguments = [str(synthetic_tree), "--config", str(config), "--out", str(tmp_path / "run")]
    assert train_pta.main([*arguments, "--device", "cuda"]) == 1
    told = capsys.readouterr().err
    assert told.startswith("error: device is 'cuda', but 0 CUDA devices are usable")
    assert told.count("\n") == 1
    assert not (tmp_path / "run").exists()
