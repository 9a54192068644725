"""The gate of a model of activities: what it compares, and that it learns to leave out."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from pta_ros.datasets.feature_set import FeatureSet
from pta_ros.metrics.evaluate import evaluate_activities
from pta_ros.model.config import PTAConfig
from pta_ros.model.encoders import token_count
from pta_ros.model.pta import PTA
from pta_ros.training.config import TrainConfig
from pta_ros.training.fit import Setup
from pta_ros.training.gate import calibrate_gate, gate_stage
from pta_ros.training.meta import MetaTrainer
from pta_ros.training.stage_config import GateConfig, MetaConfig

NAMES = ("radar", "wifi", "rfid")
CLASSES = tuple("abcdef")
CONFIG = PTAConfig(
    modalities=NAMES, tasks=("activity",), classes=CLASSES, channels=16, tokens=4, dim=16, latent=8
)
COUNT = 480
TRAIN, HELD = torch.arange(320), torch.arange(320, COUNT)
PEOPLE = np.array([f"S{n % 4:02d}" for n in range(COUNT)])


def toy(seed=0):
    """Every modality sees the class, in noise."""
    drawn = torch.Generator().manual_seed(seed)
    labels = torch.arange(COUNT) % len(CLASSES)
    signs = torch.randn(len(CLASSES), 16, generator=drawn)
    tokens = {}
    for m in NAMES:
        shape = (COUNT, token_count("lite", m), CONFIG.channels)
        tokens[m] = signs[labels][:, None] + torch.randn(shape, generator=drawn)
    present = torch.ones(COUNT, 3, dtype=torch.bool)
    return FeatureSet(tokens, {}, present, torch.zeros(COUNT, 0, 3), torch.arange(COUNT), labels)


CLEAN = toy()


def other(modality):
    """The windows of another class, with a mark."""
    tokens = CLEAN.tokens[modality].roll(1, dims=0)
    tokens[:, :, 5] = 4.0
    return replace(CLEAN, tokens={modality: tokens})


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    meta = MetaConfig(learning_rate=5e-3, batch=32, epochs=20)
    config = TrainConfig(task_loss="cross_entropy", model=CONFIG, meta=meta)
    trainer = MetaTrainer(config, PTA(CONFIG), CLEAN)
    for _ in range(150):
        trainer.inner(TRAIN[torch.randperm(len(TRAIN))[:32]])
    gated = PTA(replace(CONFIG, gate=True))
    gated.load_state_dict({**gated.state_dict(), **trainer.model.state_dict()})
    config = replace(config, model=gated.config, gate=GateConfig(epochs=20, learning_rate=5e-3))
    stage = gate_stage(Setup(config, CLEAN, TRAIN), gated, {m: {"other": other(m)} for m in NAMES})
    for number in range(stage.epochs):
        stage.epoch(number)
    return gated.eval()


@torch.inference_mode()
def test_it_compares_roots_of_probabilities(model):
    mask = torch.ones(5, 3, dtype=torch.bool)
    features = CLEAN.features(model, HELD[:5], mask)
    places, spread = (x[:, 0] for x in model.shown(model.alone(features), mask.shape))
    assert places.shape == (5, len(CLASSES), 1)
    torch.testing.assert_close(places.square().sum(dim=(1, 2)), torch.ones(5))
    assert torch.equal(places[..., 0], spread)
    alone = torch.tensor([[True, False, False]] * 5)
    said = model.predict(features, alone).logits.softmax(dim=1)
    torch.testing.assert_close(said, spread.square())


def accuracy(model, data, subset):
    return evaluate_activities(model, data, HELD, only=[subset])[0].accuracy


@pytest.mark.parametrize("wrong", NAMES)
def test_a_corrupt_sensor_is_left_out_and_good_ones_are_kept(model, wrong):
    calibrate_gate(model, CLEAN, HELD, PEOPLE[HELD.numpy()])
    rest = NAMES[0] if wrong != NAMES[0] else NAMES[1]
    pair = tuple(m for m in NAMES if m in (wrong, rest))
    swapped = replace(CLEAN, tokens={**CLEAN.tokens, **other(wrong).tokens})
    kept, found = accuracy(model, CLEAN, pair), accuracy(model, swapped, pair)
    gate, model.gate = model.gate, None
    without, harmed = accuracy(model, CLEAN, pair), accuracy(model, swapped, pair)
    dropped = accuracy(model, CLEAN, (rest,))
    model.gate = gate
    assert kept >= without - 1.0
    assert harmed < dropped - 10.0
    assert found > dropped - 5.0
