"""The fast path of the xfi family against the plain one."""

import math

import pytest
import torch

from pta_ros.model.config import PTAConfig
from pta_ros.model.encoders.xfi_fast import FastLidarEncoder
from pta_ros.model.inference import fold_norms, trace_parts
from pta_ros.model.pta import PTA

SHAPES = {"depth": (480, 640), "lidar": (600, 3), "csi": (3, 114, 10)}
CONFIG = PTAConfig(encoders="xfi", channels=512, tokens=32, dim=64, latent=16)


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    model = PTA(CONFIG).eval()
    for name, buffer in model.named_buffers():
        if name.endswith("running_mean"):
            buffer.normal_(0, 0.1)
        if name.endswith("running_var"):
            buffer.uniform_(0.5, 1.5)
    return model


def inputs():
    generator = torch.Generator().manual_seed(0)
    given = {m: torch.rand(1, *s, generator=generator) for m, s in SHAPES.items()}
    given["depth"] = given["depth"] * 8
    given["lidar"][:, 500:] = math.nan
    given["lidar"][:, :500] += 30.0  # far from the origin: neighbours must still be exact
    return given


def relative_error(found, expected):
    return float((found - expected).norm() / expected.norm())


@pytest.mark.parametrize(("precision", "largest"), [("float32", 1e-5), ("bfloat16", 3e-2)])
@torch.inference_mode()
def test_every_fast_encoder_gives_the_plain_ones_features(model, precision, largest):
    fast = fold_norms(model)
    trace_parts(fast, SHAPES, precision)
    given = inputs()
    errors = {}
    for modality, x in given.items():
        expected = model.encode_one(modality, x)
        errors[modality] = relative_error(fast.encode_one(modality, x), expected)
        assert torch.equal(fast.encode_one(modality, x), fast.encode_one(modality, x)), modality
    assert max(errors.values()) <= largest, errors


@torch.inference_mode()
def test_units_that_switch_and_units_that_do_not_give_the_same(model):
    plain = model.encoders["lidar"]
    fast = FastLidarEncoder(plain, torch.float32).eval()
    for spread in (0.01, 1.0, 50.0):  # no unit switches, some do, nearly all do
        cloud = torch.rand(1, 300, 3) * spread
        assert relative_error(fast(cloud), plain(cloud)) <= 1e-5, spread
