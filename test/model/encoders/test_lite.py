"""Encoders of XRF55's sensors: what a phase may not say, and tokens of the right shape."""

import math

import pytest
import torch

from pta_ros.model.encoders.lite import ENCODERS, RfidEncoder

SHAPES = {"radar": (17, 32, 64), "wifi": (27, 500), "rfid": (23, 148)}


@pytest.mark.parametrize("name", sorted(SHAPES))
def test_tokens_have_the_shape_that_is_told(name):
    encoder = ENCODERS[name](32).eval()
    assert encoder(torch.randn(2, *SHAPES[name])).shape == (2, encoder.tokens, 32)


@pytest.fixture
def encoder():
    torch.manual_seed(0)
    return RfidEncoder(16).eval()


def test_whole_turns_and_a_tags_offset_do_not_change_rfid_tokens(encoder):
    phases = torch.randn(2, 23, 148).cumsum(dim=2) * 0.1
    turns = 2 * math.pi * torch.randint(-2, 3, phases.shape)
    offset = 2 * math.pi * torch.rand(2, 23, 1)
    torch.testing.assert_close(encoder(phases + turns + offset), encoder(phases), atol=1e-4, rtol=0)


def test_a_motion_does_change_rfid_tokens(encoder):
    still = torch.zeros(1, 23, 148)
    moving = still + torch.sin(torch.arange(148) * 0.3)
    assert (encoder(moving) - encoder(still)).abs().max() > 0.01
