"""A sensor that is present and does not see who is there: no subset is of such alone."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from pta_ros.datasets.feature_set import FeatureSet
from pta_ros.datasets.reduced import ReducedSet
from pta_ros.errors import DatasetError
from pta_ros.model.baselines import ConcatenateMlp, MeanOfPredictions
from pta_ros.model.config import PTAConfig
from pta_ros.model.heads import PTAOutput
from pta_ros.model.pta import PTA
from pta_ros.model.slots import ProxySlots
from pta_ros.training import settle as settling
from pta_ros.training import slots
from pta_ros.training.config import TrainConfig
from pta_ros.training.fit import Setup, supervised_stage
from pta_ros.training.fresh import Fresh
from pta_ros.training.meta import MetaTrainer
from pta_ros.training.prepare import shown_sha256
from pta_ros.training.pretrain import rows_with
from pta_ros.training.single_heads import single_heads_stage
from pta_ros.training.slots import slots_stage
from pta_ros.training.stage_config import MetaConfig

SMALL = PTAConfig(channels=16, tokens=4, dim=16, latent=8)
CONFIG = TrainConfig(model=SMALL, meta=MetaConfig(batch=16, epochs=1))
COUNT = 64
ROWS = torch.arange(COUNT)


def blind_set():
    """All sensors are present; CSI sees nobody, depth in every second row only."""
    generator = torch.Generator().manual_seed(0)
    model = PTA(SMALL)
    tokens = {
        m: torch.randn(COUNT, int(encoder.tokens), SMALL.channels, generator=generator)
        for m, encoder in model.encoders.items()
    }
    sees = torch.ones(COUNT, 3, dtype=torch.bool)
    sees[:, SMALL.modalities.index("csi")] = False
    sees[::2, SMALL.modalities.index("depth")] = False
    joints = torch.randn(COUNT, 17, 3, generator=generator)
    points = {"lidar": torch.zeros(COUNT, SMALL.tokens, 3)}
    present = torch.ones(COUNT, 3, dtype=torch.bool)
    return FeatureSet(tokens, points, present, joints, ROWS, sees=sees)


@pytest.fixture
def used(monkeypatch):
    """Rows and masks of all features that are asked for."""
    found, whole = [], FeatureSet.features

    def features(self, model, rows, mask, used=None):
        found.append((rows, mask))
        return whole(self, model, rows, mask, used)

    monkeypatch.setattr(FeatureSet, "features", features)
    return found


def check_seeing(masks, data):
    """Some sensor of each mask sees, and blind ones are in some."""
    rows, mask = (torch.cat(parts) for parts in zip(*masks, strict=True))
    sees = data.seeing(rows)
    assert bool((mask & sees).any(dim=1).all())
    assert bool((mask & ~sees).any())


def test_supervised_systems_draw_no_subset_that_is_blind(used):
    torch.manual_seed(0)
    data = blind_set()
    supervised_stage(Setup(CONFIG, data, ROWS), ConcatenateMlp(SMALL)).epoch(0)
    check_seeing(used, data)


def test_the_inner_step_draws_no_subset_that_is_blind(used):
    torch.manual_seed(0)
    data = blind_set()
    MetaTrainer(CONFIG, PTA(SMALL), data).inner(ROWS)
    check_seeing(used, data)


def test_weights_are_learned_from_sensors_that_see(used):
    torch.manual_seed(0)
    data = blind_set()
    MetaTrainer(CONFIG, PTA(SMALL), data).outer(ROWS)
    ((rows, mask),) = used
    assert torch.equal(mask, mask & data.seeing(rows))
    assert bool(mask.any(dim=1).all())
    assert int(mask.sum()) > len(mask)  # several sensors in some


def test_proxies_copy_no_blind_sensor_and_come_of_none_alone(monkeypatch):
    torch.manual_seed(0)
    data, masks = blind_set(), []
    model, fuse = ProxySlots(SMALL), ProxySlots.fuse

    def fused(self, features, proxies, mask):
        masks.append(mask)
        return fuse(self, features, proxies, mask)

    monkeypatch.setattr(ProxySlots, "fuse", fused)
    monkeypatch.setattr(slots, "regularisation", None)  # of pairs that both see: there is none
    data.sees[:] = False
    data.sees[:, SMALL.modalities.index("lidar")] = True
    slots_stage(Setup(CONFIG, data, ROWS), model).epoch(0)
    assert bool(torch.cat(masks)[:, SMALL.modalities.index("lidar")].all())


def test_a_single_sensor_s_head_learns_where_it_sees(used):
    data = blind_set()
    single_heads_stage(Setup(CONFIG, data, ROWS), MeanOfPredictions(SMALL)).epoch(0)
    assert all(torch.equal(mask, data.sees[rows]) for rows, mask in used)


def frames(**blind):
    """Eight frames of depth and LiDAR, both present in all."""
    joints, names = np.zeros((8, 17, 3), np.float32), np.array(["E01"] * 8)
    present = {m: np.ones(8, bool) for m in ("depth", "lidar")}
    inputs = {m: np.ones((8, 4), np.float32) for m in present}
    numbers = np.arange(8, dtype=np.int32)
    return ReducedSet(inputs, present, joints, names, names, names, numbers, (), "x", sees=blind)


def test_an_encoder_learns_from_frames_in_which_it_sees():
    half = np.arange(8) % 2 == 0
    train, val = rows_with(frames(depth=half), "depth", torch.arange(4), torch.arange(4, 8))
    assert (train.tolist(), val.tolist()) == ([0, 2], [4, 6])
    assert frames(depth=half).usable.all()
    assert (frames(depth=half, lidar=half).usable == half).all()
    with pytest.raises(DatasetError, match="0 usable training and 0 validation"):
        rows_with(frames(depth=~half & half), "depth", torch.arange(4), torch.arange(4, 8))


class Nothing(torch.nn.Linear):
    tokens = 1


def test_fresh_frames_tell_who_sees():
    half = np.arange(8) % 2 == 0
    encoders = {m: Nothing(4, 4) for m in ("depth", "lidar")}
    data, rows = Fresh(encoders, frames(lidar=half), lambda x, y: (dict(x), y))(
        torch.tensor([3, 4]), torch.ones(2, 2, dtype=torch.bool)
    )
    assert data.seeing(rows).tolist() == [[True, False], [True, True]]
    assert bool(data.present.all())


def test_runs_differ_by_who_is_present_and_by_who_sees():
    half = np.arange(8) % 2 == 0
    absent = replace(frames(), present={"depth": half, "lidar": ~half | half})
    digests = {shown_sha256(data) for data in (frames(), frames(depth=half), absent)}
    assert len(digests) == 3
    assert shown_sha256(frames()) == shown_sha256(frames(depth=np.ones(8, bool)))


def test_a_blind_sensor_is_not_heard_alone_beside_one_that_sees(monkeypatch):
    """Depth alone is a little better than both where it sees, and lost where it does not."""
    data, names = blind_set(), SMALL.modalities
    data.joints.zero_()
    depth, lidar = (names.index(m) for m in ("depth", "lidar"))
    sees = data.sees[:, depth]

    def outputs(model, given, rows, subset):
        rows = rows[given.seeing(rows)[:, [names.index(m) for m in subset]].any(dim=1)]
        off = torch.ones(len(rows))
        if "depth" in subset:
            off = torch.where(sees[rows], 0.10, 3.0)
            off = torch.where(sees[rows], 0.11, 0.2) if "lidar" in subset else off
        joints = off[:, None, None].expand(-1, 17, 3)
        rest = (torch.zeros(len(rows), size) for size in (17, 3, 0))
        return PTAOutput(joints, *rest), rows

    model = PTA(replace(SMALL, settle=True)).eval()
    monkeypatch.setattr(settling, "outputs_of", outputs)
    settling.settle(model, data, ROWS, "mpjpe")
    assert bool(model.settled.heard[1 << depth | 1 << lidar][[depth, lidar]].all())
