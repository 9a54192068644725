"""What the gate is shown of frames: the same as it sees with the model, without the model."""

from dataclasses import replace

import pytest
import torch

from pta_ros.datasets.feature_set import FeatureSet
from pta_ros.model.config import PTAConfig
from pta_ros.model.encoders import token_count
from pta_ros.model.pta import PTA
from pta_ros.model.purify import pooled
from pta_ros.training.evidence import evidence_of, evidence_of_views, log_odds

CONFIG = PTAConfig(channels=16, tokens=4, dim=16, latent=8, gate=True)
NAMES = CONFIG.modalities
COUNT = 300  # more than one batch
ROWS = torch.arange(10, COUNT)


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    model = PTA(CONFIG).eval()
    with torch.no_grad():
        for layer in model.gate.odds:
            layer.weight.normal_()
    return model


@pytest.fixture(scope="module")
def data():
    """Random features; CSI is absent in every third frame, LiDAR in the last two hundred."""
    torch.manual_seed(1)
    tokens = {m: torch.randn(COUNT, token_count("lite", m), CONFIG.channels) for m in NAMES}
    present = torch.ones(COUNT, 3, dtype=torch.bool)
    present[::3, NAMES.index("csi")] = False
    present[100:, NAMES.index("lidar")] = False
    points = {"lidar": torch.randn(COUNT, CONFIG.tokens, 3)}
    return FeatureSet(tokens, points, present, torch.randn(COUNT, 17, 3), torch.arange(COUNT))


def view_of(data, modality):
    """Other frames of one modality."""
    points = {m: x.flip(0) for m, x in data.points.items() if m == modality}
    return replace(data, tokens={modality: data.tokens[modality].flip(0)}, points=points)


@torch.no_grad()
def odds_with_the_model(model, data, rows, member):
    mask = member.expand(len(rows), -1)
    features = data.features(model, rows, mask)
    return model.gate.log_odds(pooled(features), mask, *model.shown_alone(features, mask))


def test_the_odds_of_evidence_are_those_of_the_model(model, data):
    evidence = evidence_of(model, data, ROWS)
    for subset in (("depth", "lidar"), ("depth", "csi"), NAMES):
        member = torch.tensor([m in subset for m in NAMES])
        there = data.present[ROWS][:, member].all(dim=1).nonzero()[:, 0]
        whole = odds_with_the_model(model, data, ROWS[there], member)[:, member]
        tokens = {m: x[there] for m, x in evidence.tokens.items()}
        points = {m: x[there] for m, x in evidence.points.items()}
        some = replace(evidence, tokens=tokens, points=points)
        with torch.no_grad():
            found = log_odds(model, some, member.expand(len(there), -1))[:, member]
        assert whole.std() > 0.01
        torch.testing.assert_close(found, whole, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("modality", NAMES)
def test_of_a_corruption_there_is_that_modality_alone_and_zero_where_it_is_absent(
    model, data, modality
):
    view = view_of(data, modality)
    found = evidence_of_views(model, data, ROWS, {modality: {"other": view}})[modality]["other"]
    assert list(found.tokens) == list(found.points) == [modality]
    assert found.tokens[modality].shape == (len(ROWS), 1, 2 * CONFIG.dim)
    assert found.points[modality].shape == (len(ROWS), 17, 4)
    absent = ~data.present[ROWS, NAMES.index(modality)]
    assert not found.tokens[modality][absent].any()
    assert found.tokens[modality][~absent].any(dim=(1, 2)).all()
    seen = replace(
        data, tokens={**data.tokens, **view.tokens}, points={**data.points, **view.points}
    )
    whole = evidence_of(model, seen, ROWS)
    torch.testing.assert_close(found.tokens[modality], whole.tokens[modality])
    torch.testing.assert_close(found.points[modality], whole.points[modality])


def test_truth_and_presence_are_those_of_the_rows(model, data):
    evidence = evidence_of(model, data, ROWS)
    assert torch.equal(evidence.joints, data.joints[ROWS])
    assert torch.equal(evidence.present, data.present[ROWS])
    assert torch.equal(evidence.rows, ROWS)


def test_rows_of_a_modality_that_is_not_present_hold_zero(model, data):
    evidence = evidence_of(model, data, ROWS)
    for column, modality in enumerate(NAMES):
        absent = ~evidence.present[:, column]
        for values in (evidence.tokens[modality], evidence.points[modality]):
            assert not values[absent].any()
            assert values[~absent].any(dim=(1, 2)).all()


def test_a_modality_that_no_row_has_is_zero_everywhere(model, data):
    rows = torch.arange(100, 130)
    for found in (evidence_of(model, data, rows), evidence_of(model, data, rows, "lidar")):
        assert found.tokens["lidar"].shape == (30, 1, 2 * CONFIG.dim)
        assert found.points["lidar"].shape == (30, 17, 4)
        assert not found.tokens["lidar"].any()
        assert not found.points["lidar"].any()
