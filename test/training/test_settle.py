"""A subset's poses are drawn to the mean pose, and poor sensors unheard, as serves other people."""

from dataclasses import replace

import pytest
import torch

from pta_ros.datasets.feature_set import FeatureSet
from pta_ros.metrics.evaluate import outputs_of
from pta_ros.model.config import PTAConfig
from pta_ros.model.encoders import token_count
from pta_ros.model.pta import PTA
from pta_ros.model.purify import subset_number
from pta_ros.model.settle import Settled, drawn
from pta_ros.training.settle import settle

CONFIG = PTAConfig(channels=8, tokens=4, dim=16, latent=8, settle=True)
ROWS = torch.arange(40)
MEAN = torch.linspace(-1, 1, 17 * 3).reshape(17, 3)


def features(present=True):
    generator = torch.Generator().manual_seed(0)
    tokens = {
        m: torch.randn(len(ROWS), token_count("lite", m), CONFIG.channels, generator=generator)
        for m in CONFIG.modalities
    }
    there = torch.full((len(ROWS), 3), present)
    return FeatureSet(tokens, {"lidar": torch.zeros(len(ROWS), 4, 3)}, there,
                      torch.zeros(len(ROWS), 17, 3), ROWS)  # fmt: skip


def pta():
    torch.manual_seed(0)
    model = PTA(CONFIG).eval()
    torch.nn.init.normal_(model.head.position.weight)
    model.settled.mean_pose.copy_(MEAN)
    return model


def joints_of(model, data, *subset):
    return outputs_of(model, data, ROWS, subset)[0].joints


def kept_of(model, number):
    return model.settled.kept[number].tolist()


def test_before_any_choice_all_are_heard_and_nothing_is_drawn():
    mask = torch.tensor([[True, False, True], [False, True, False], [True, True, True]])
    settled, joints = Settled(3, 17), torch.randn(3, 17, 3)
    assert torch.equal(settled.heard[subset_number(mask)], mask)
    torch.testing.assert_close(settled.draw(joints, mask), joints)
    plain = PTA(replace(CONFIG, settle=False)).eval()
    model = PTA(CONFIG).eval()
    model.load_state_dict({**model.state_dict(), **plain.state_dict()})
    torch.testing.assert_close(*(joints_of(m, features(), "depth", "csi") for m in (plain, model)))


def test_poses_keep_the_shares_of_centre_and_posture_that_are_right():
    model, data = pta(), features()
    data.joints[:] = drawn(joints_of(model, data, "csi"), MEAN, 0.9, 0.5)
    settle(model, data, ROWS, "mpjpe")
    assert kept_of(model, 0b100) == pytest.approx([0.9, 0.5])
    torch.testing.assert_close(joints_of(model, data, "csi"), data.joints)


def test_a_sensor_that_makes_another_worse_is_not_heard_beside_it():
    model, data = pta(), features()
    data.joints[:] = joints_of(model, data, "depth")
    settle(model, data, ROWS, "mpjpe")
    depth = joints_of(model, data, "depth")
    torch.testing.assert_close(depth, data.joints)
    for subset in (("depth", "lidar"), ("depth", "csi"), CONFIG.modalities):
        assert torch.equal(joints_of(model, data, *subset), depth)
        weights = outputs_of(model, data, ROWS, subset)[0].weights
        assert torch.equal(weights, torch.tensor([1.0, 0.0, 0.0]).expand(len(ROWS), 3))
    assert not torch.equal(joints_of(model, data, "lidar", "csi"), depth)


def test_sensors_that_are_right_together_are_all_heard():
    model, data = pta(), features()
    data.joints[:] = joints_of(model, data, *CONFIG.modalities)
    settle(model, data, ROWS, "mpjpe")
    assert bool(model.settled.heard[0b111].all())


def test_a_choice_is_made_anew_and_not_on_top_of_the_one_before():
    model, data = pta(), features()
    data.joints[:] = drawn(joints_of(model, data, "csi"), MEAN, 0.9, 0.5)
    settle(model, data, ROWS, "mpjpe")
    first = {name: tensor.clone() for name, tensor in model.settled.named_buffers()}
    settle(model, data, ROWS, "mpjpe")
    for name, tensor in model.settled.named_buffers():
        assert torch.equal(tensor, first[name]), name


def test_a_subset_that_no_row_has_stays_as_it_is():
    model = pta()
    settle(model, features(present=False), ROWS, "mpjpe")
    fresh = Settled(3, 17)
    assert torch.equal(model.settled.heard, fresh.heard)
    assert torch.equal(model.settled.kept, fresh.kept)
