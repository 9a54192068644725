"""The gate's stage: what it moves, and what it learns."""

from dataclasses import replace

import pytest
import torch

from pta_ros.datasets.feature_set import FeatureSet
from pta_ros.model.config import PTAConfig
from pta_ros.model.encoders import token_count
from pta_ros.model.pta import PTA
from pta_ros.training.config import TrainConfig
from pta_ros.training.fit import Setup
from pta_ros.training.gate import gate_stage
from pta_ros.training.meta import MetaTrainer
from pta_ros.training.mixed import mix
from pta_ros.training.stage_config import GateConfig, MetaConfig

CONFIG = PTAConfig(channels=16, tokens=4, dim=16, latent=8)
NAMES = CONFIG.modalities
COUNT = 320
MARK = 7.0


def toy():
    """Joints driven by 4 causes that every modality sees."""
    generator = torch.Generator().manual_seed(0)
    causes = torch.randn(COUNT, 4, generator=generator)
    joints = (causes @ torch.randn(4, 51, generator=generator)).view(COUNT, 17, 3)
    tokens = {}
    for m in NAMES:
        shape = (COUNT, token_count("lite", m), CONFIG.channels)
        tokens[m] = torch.randn(shape, generator=generator)
        tokens[m][:, :, :4] = causes[:, None]
    points = {"lidar": torch.randn(COUNT, CONFIG.tokens, 3, generator=generator)}
    present = torch.ones(COUNT, 3, dtype=torch.bool)
    return FeatureSet(tokens, points, present, joints, torch.arange(COUNT))


def views_of(clean):
    """Two kinds of corruption: the causes of another row, with a mark of the kind."""
    return {
        m: {kind: _view(clean, m, MARK * number) for number, kind in enumerate(("one", "two"), 1)}
        for m in NAMES
    }


def _view(clean, modality, mark):
    tokens = clean.tokens[modality].roll(7, dims=0)
    tokens[:, :, 5] = mark
    points = {"lidar": clean.points["lidar"] + mark} if modality == "lidar" else {}
    return replace(clean, tokens={modality: tokens}, points=points)


CLEAN = toy()
CORRUPTED = views_of(CLEAN)


@pytest.fixture(scope="module")
def trained_state():
    """PTA after some training on the toy, before its gate."""
    torch.manual_seed(0)
    config = TrainConfig(model=CONFIG, meta=MetaConfig(learning_rate=5e-3))
    meta = MetaTrainer(config, PTA(CONFIG), CLEAN)
    for _ in range(120):
        meta.inner(torch.randperm(256)[:32])
    meta.outer(torch.arange(256, 288))
    return meta.model.state_dict()


def stage_of(trained_state, refine=True, epochs=3, corrupt=0.3):
    torch.manual_seed(1)
    model = PTA(replace(CONFIG, gate=True, refine=refine))
    model.load_state_dict({**model.state_dict(), **trained_state})
    gate = GateConfig(epochs=epochs, learning_rate=1e-2, corrupt=corrupt)
    meta = MetaConfig(batch=32, epochs=epochs, learning_rate=1e-2)
    config = TrainConfig(model=model.config, gate=gate, meta=meta)
    steps = []
    rows = torch.arange(256)
    setup = Setup(config, CLEAN, rows, lambda: {"val": 2.0}, lambda *at: steps.append(at))
    return gate_stage(setup, model, CORRUPTED), steps


@pytest.mark.parametrize("refine", [True, False])
def test_only_the_gate_moves(trained_state, refine):
    stage, steps = stage_of(trained_state, refine)
    before = {n: v.clone() for n, v in stage.module.state_dict().items()}
    figures = stage.epoch(0)
    moved = [n for n, v in stage.module.state_dict().items() if not torch.equal(v, before[n])]
    assert moved
    assert all(n.startswith("gate.") for n in moved)
    assert set(moved) == {n for n, _ in stage.module.named_parameters() if n.startswith("gate.")}
    assert set(figures) == {"loss_gate"}
    assert stage.validate() == {"val": 2.0}
    assert steps == [(i, 8) for i in range(1, 9)]


def test_of_many_frames_some_are_drawn(trained_state, monkeypatch):
    monkeypatch.setattr("pta_ros.training.gate.ENOUGH", 100)
    stage, steps = stage_of(trained_state)
    stage.epoch(0)
    assert steps[-1] == (4, 4)  # 100 of 256 rows


def weights_and_errors(model, data):
    full = torch.ones(64, 3, dtype=torch.bool)
    with torch.no_grad():
        model.eval()
        features = data.features(model, torch.arange(64), full)
        out = model.complete(features, full)
    return out.weights, (out.joints - data.joints).norm(dim=-1).mean(dim=1)


def test_it_learns_to_tell_corrupted_frames_of_rows_that_it_has_not_seen(trained_state):
    torch.manual_seed(2)
    stage, _ = stage_of(trained_state, epochs=12)
    held_out = torch.arange(256, 320)
    one = {"csi": CORRUPTED["csi"]}
    data, _ = mix(CLEAN, {**_clean_views(), **one}, held_out, dict.fromkeys(NAMES, 1.0))
    weights, errors = weights_and_errors(stage.module, data)
    for number in range(12):
        stage.epoch(number)
    gated, better = weights_and_errors(stage.module, data)
    column = NAMES.index("csi")
    assert float(gated[:, column].mean()) < 0.5 * float(weights[:, column].mean())
    assert float(better.mean()) < 0.9 * float(errors.mean())


def _clean_views():
    return {m: {"clean": CLEAN} for m in ("depth", "lidar")}
