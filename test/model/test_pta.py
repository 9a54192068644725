from dataclasses import replace

import pytest
import torch

from pta_ros.errors import ConfigError
from pta_ros.model.config import PTAConfig
from pta_ros.model.pta import PTA

CONFIG = PTAConfig(channels=32, tokens=8, dim=32, latent=16)
SHAPES = {"depth": (96, 128), "lidar": (512, 3), "csi": (3, 114, 10)}


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(1)
    model = PTA(CONFIG)
    for name, buffer in model.named_buffers():  # statistics as after some training
        if name.endswith("running_mean"):
            buffer.uniform_(-0.2, 0.2)
        if name.endswith("running_var"):
            buffer.uniform_(0.5, 1.5)
    return model.eval()


def inputs_of(batch, modalities=CONFIG.modalities, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return {m: torch.rand(batch, *SHAPES[m], generator=generator) + 1 for m in modalities}


@torch.no_grad()
def joints(model, inputs, available=None, refine=True):
    return model(inputs, available, refine).joints


@pytest.mark.parametrize("refine", [True, False])
def test_dropping_a_modality_equals_never_supplying_it(model, refine):
    inputs = inputs_of(2)
    yes, no = torch.ones(2, dtype=torch.bool), torch.zeros(2, dtype=torch.bool)
    masked = joints(model, inputs, {"depth": yes, "lidar": no, "csi": yes}, refine)
    never = joints(model, {m: inputs[m] for m in ("depth", "csi")}, None, refine)
    assert torch.equal(masked, never)


@pytest.mark.parametrize("refine", [True, False])
def test_a_batch_with_mixed_masks_equals_the_samples_one_by_one(model, refine):
    mask = torch.tensor([[1, 1, 1], [1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 1, 1]], dtype=torch.bool)
    inputs = inputs_of(len(mask))
    available = {m: mask[:, i] for i, m in enumerate(CONFIG.modalities)}
    together = joints(model, inputs, available, refine)
    for row, wanted in enumerate(mask):
        own = {m: inputs[m][row : row + 1] for i, m in enumerate(CONFIG.modalities) if wanted[i]}
        torch.testing.assert_close(together[row], joints(model, own, None, refine)[0])


def test_rows_marked_absent_are_never_read(model):
    inputs = inputs_of(2)
    available = {m: torch.tensor([True, m != "csi"]) for m in CONFIG.modalities}
    before = joints(model, inputs, available)
    inputs["csi"][1] = torch.nan
    assert torch.equal(before, joints(model, inputs, available))


def test_order_of_inputs_does_not_matter(model):
    inputs = inputs_of(2)
    turned = dict(reversed(inputs.items()))
    assert torch.equal(joints(model, inputs), joints(model, turned))


def test_inference_is_bit_equal_whatever_the_random_state(model):
    inputs = inputs_of(1)
    torch.manual_seed(5)
    first = joints(model, inputs)
    torch.manual_seed(6)
    assert torch.equal(first, joints(model, inputs))


def test_refined_and_plain_differ_and_every_modality_counts(model):
    inputs = inputs_of(1)
    assert not torch.equal(joints(model, inputs, refine=True), joints(model, inputs, refine=False))
    base = joints(model, inputs)
    for m in CONFIG.modalities:
        changed = {**inputs, m: inputs_of(1, (m,), seed=9)[m]}
        assert not torch.equal(base, joints(model, changed))


def test_features_are_moved_to_the_refined_ones_by_each_modalitys_share(model):
    mixed = PTA(replace(CONFIG, refined={"csi": 0.0, "lidar": 0.25})).eval()
    mixed.load_state_dict(model.state_dict())
    mask = torch.tensor([[1, 1, 1], [1, 0, 1], [0, 0, 1]], dtype=torch.bool)
    inputs = inputs_of(3)
    features = model.features(model.encode(inputs, mask), inputs, mask)
    refined, partly = model.align(features, mask), mixed.align(features, mask)
    assert torch.equal(partly[:, 0], refined[:, 0])
    torch.testing.assert_close(partly[:, 1], 0.75 * features[:, 1] + 0.25 * refined[:, 1])
    assert torch.equal(partly[:, 2], features[:, 2])
    assert not torch.equal(partly[:, 2], refined[:, 2])


@pytest.mark.parametrize("shares", [{"radar": 0.5}, {"csi": 1.5}])
def test_shares_of_no_modality_or_beyond_all_the_way_are_refused(shares):
    with pytest.raises(ConfigError, match="expected shares from 0 to 1 of some of"):
        PTAConfig(refined=shares)


def test_weights_renormalise_over_what_is_available(model):
    with torch.no_grad():
        model.purify.logits.copy_(torch.tensor([0.5, -0.25, 1.0]))
    alpha = torch.tensor([0.5, -0.25, 1.0]).softmax(0)
    weights = model(inputs_of(1, ("depth", "csi"))).weights[0]
    expected = torch.tensor([alpha[0], 0.0, alpha[2]]) / (alpha[0] + alpha[2])
    torch.testing.assert_close(weights.detach(), expected)


def test_a_sample_without_any_modality_is_an_error(model):
    nothing = {m: torch.tensor([True, False]) for m in CONFIG.modalities}
    with pytest.raises(ConfigError, match="no modality at all"):
        model(inputs_of(2), nothing)
    with pytest.raises(ConfigError, match=r"inputs are \[\]"):
        model({})
    with pytest.raises(ConfigError, match="sonar"):
        model({"sonar": torch.zeros(1, 4)})


def test_repeated_lidar_points_change_nothing_but_the_neighbourhoods(model):
    """The encoder is a set function: the order of points behind the centres is of no account."""
    inputs = inputs_of(1, ("lidar",))
    centres = model.encoders["lidar"].centres
    tail = torch.randperm(512 - centres, generator=torch.Generator().manual_seed(3)) + centres
    turned = {"lidar": torch.cat([inputs["lidar"][:, :centres], inputs["lidar"][:, tail]], dim=1)}
    torch.testing.assert_close(joints(model, inputs), joints(model, turned))
