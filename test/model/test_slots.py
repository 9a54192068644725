"""Proxies in the slots of absent modalities."""

from dataclasses import replace

import pytest
import torch

from pta_ros.errors import ConfigError
from pta_ros.model.config import PTAConfig
from pta_ros.model.slots import ProxySlots

CONFIG = PTAConfig(channels=16, tokens=4, dim=16, latent=8)


@pytest.fixture
def model():
    torch.manual_seed(0)
    return ProxySlots(CONFIG).eval()


def test_a_slot_holds_the_mean_of_the_proxies_of_what_is_there(model):
    features, mask = torch.randn(1, 3, 4, 16), torch.tensor([[True, True, False]])
    made = [model.generators[f"{m}_csi"](features[:, i]) for i, m in enumerate(("depth", "lidar"))]
    slots = features[:, 0] + features[:, 1] + (made[0] + made[1]) / 2
    joints, _ = model.head(slots)[:2]
    assert torch.allclose(model.complete(features, mask).joints, joints, atol=1e-6)


def test_with_everything_there_no_proxy_counts(model):
    features, mask = torch.randn(2, 3, 4, 16), torch.ones(2, 3, dtype=torch.bool)
    whole = model.complete(features, mask)
    for parameter in model.generators.parameters():
        parameter.data.fill_(float("nan"))
    assert torch.equal(model.complete(features, mask).joints, whole.joints)


def test_a_width_that_no_attention_can_have_is_refused():
    with pytest.raises(ConfigError, match="a multiple of its 4 heads"):
        ProxySlots(replace(CONFIG, dim=18))
