"""Pre-trained models beside the fusion: as they were, and weighed by what it gains."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from pta_ros.datasets.feature_set import FeatureSet
from pta_ros.errors import ConfigError
from pta_ros.metrics.evaluate import outputs_of
from pta_ros.model.config import PTAConfig
from pta_ros.model.encoders import token_count
from pta_ros.training.config import config_from
from pta_ros.training.keep import LEAST, fit_exponents, keep, pool
from pta_ros.training.single import SingleModality

CONFIG = PTAConfig(channels=8, tokens=4, dim=16, latent=8, pretrained=8, settle=True)
ROWS = torch.arange(LEAST)


@pytest.fixture
def singles():
    torch.manual_seed(2)
    narrow = replace(CONFIG, dim=8, pretrained=0)
    found = {m: SingleModality(narrow, m).eval() for m in CONFIG.modalities}
    for single in found.values():
        torch.nn.init.normal_(single.head.position.weight)
    return found


@pytest.fixture
def data():
    torch.manual_seed(0)
    tokens = {
        m: torch.randn(len(ROWS), token_count("lite", m), CONFIG.channels)
        for m in CONFIG.modalities
    }
    points = {"lidar": torch.randn(len(ROWS), 4, 3)}
    there = torch.ones(len(ROWS), 3, dtype=torch.bool)
    return FeatureSet(tokens, points, there, torch.zeros(len(ROWS), 17, 3), ROWS)


def as_is(data):
    return lambda rows, mask: (data, rows)


def test_a_kept_model_says_what_it_said_by_itself(singles, data):
    model = keep(CONFIG, singles).eval()
    model.pretrained.exponents[:] = torch.tensor([0.0, 1.0])
    for modality, single in singles.items():
        out, _ = outputs_of(model, data, ROWS, (modality,))
        joints, _ = single.head(single.projector(data.tokens[modality]))
        torch.testing.assert_close(out.joints, joints.detach())


def test_a_subset_hears_them_as_far_as_that_is_right(singles, data):
    model = keep(CONFIG, singles).eval()
    model.pretrained.exponents[0b100] = torch.tensor([0.7, 0.3])
    data.joints[:] = outputs_of(model, data, ROWS, ("csi",))[0].joints
    fit_exponents(model, as_is(data), ROWS, "mpjpe")
    assert model.pretrained.exponents[0b100].tolist() == pytest.approx([0.7, 0.3])


@pytest.mark.parametrize("without", [1, LEAST])
def test_a_subset_that_too_few_rows_have_hears_the_fusion_alone(singles, data, without):
    model = keep(CONFIG, singles).eval()
    model.pretrained.exponents[0b100] = torch.tensor([0.0, 1.0])
    data.joints[:] = outputs_of(model, data, ROWS, ("csi",))[0].joints  # else they were heard
    data.present[:without, 2] = False
    fit_exponents(model, as_is(data), ROWS, "mpjpe")
    assert model.pretrained.exponents[0b100].tolist() == [1.0, 0.0]


def test_what_it_is_fitted_on_is_drawn_for_each_subset_as_often_as_asked(singles, data):
    asked = []

    def draw(rows, mask):
        asked.append(tuple(mask[0].tolist()))
        assert torch.equal(rows, ROWS)
        assert mask.shape == (len(ROWS), 3)
        return data, rows

    fit_exponents(keep(CONFIG, singles).eval(), draw, ROWS, "mpjpe", draws=3)
    assert len(set(asked)) == 7
    assert all(asked.count(mask) == 3 for mask in asked)


def drawn(logs, generator):
    return np.array([generator.choice(len(p), p=p) for p in np.exp(logs)])


def test_the_pool_finds_the_exponents_that_the_labels_are_drawn_by():
    generator = np.random.default_rng(0)
    told = torch.from_numpy(generator.normal(0, 2, (2, 20_000, 5))).log_softmax(dim=2).numpy()
    true = np.array([0.5, 1.5])
    logs = torch.from_numpy(np.tensordot(true, told, axes=1)).log_softmax(dim=1).numpy()
    assert pool(told, drawn(logs, generator)) == pytest.approx(true, abs=0.06)


def test_an_answer_that_says_nothing_is_not_heard():
    generator = np.random.default_rng(0)
    told = torch.from_numpy(generator.normal(0, 2, (2, 20_000, 5))).log_softmax(dim=2).numpy()
    right, wrong = pool(told, drawn(told[0], generator))
    assert right == pytest.approx(1.0, abs=0.06)
    assert 0.0 <= wrong < 0.03


def test_kept_models_are_as_wide_as_single_modality_models():
    with pytest.raises(ConfigError, match="pretrained is 64; expected 32"):
        config_from({"model": {"pretrained": 64}, "widths": {"single": 32}})


def test_answers_that_say_nothing_leave_the_fusion_some_exponent():
    labels = np.arange(200) % 5
    assert pool(np.full((2, 200, 5), -np.log(5)), labels)[0] > 0
    wrong = np.log(np.where(np.arange(5) == (labels[:, None] + 1) % 5, 0.96, 0.01))
    assert pool(np.stack([wrong, wrong]), labels)[0] == pytest.approx(0.01)


def test_heads_of_imported_encoders_are_not_kept():
    with pytest.raises(ConfigError, match=r"imported is 'x', model\.pretrained 128"):
        config_from({"imported": "x", "model": {"encoders": "xfi", "pretrained": 128}})
