"""The fast path of the xfi family against the plain one."""

import math

import pytest
import torch

from pta_ros.model.config import PTAConfig
from pta_ros.model.encoders.xfi_fast import FastLidarEncoder, _farthest, _nearest
from pta_ros.model.encoders.xfi_lidar import farthest, nearest
from pta_ros.model.inference import fold_norms, trace_parts
from pta_ros.model.pta import PTA

SHAPES = {"depth": (480, 640), "lidar": (600, 3), "csi": (3, 114, 10)}
CONFIG = PTAConfig(encoders="xfi", channels=512, tokens=32, dim=64, latent=16)


@pytest.fixture(scope="module")
def model(random_statistics):
    torch.manual_seed(0)
    model = PTA(CONFIG).eval()
    random_statistics(model, 0.1, 0.5, 1.5)
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


PRECISIONS = {"float32": 1e-5, "bfloat16": 3e-2}


@pytest.fixture(scope="module", params=PRECISIONS)
def fast(request, model):
    """The fast model of one precision, and the largest relative error that it may have."""
    made = fold_norms(model)
    trace_parts(made, SHAPES, request.param)
    return made, PRECISIONS[request.param]


@torch.inference_mode()
def test_every_fast_encoder_gives_the_plain_ones_features(model, fast):
    errors = {m: relative_error(fast[0].encode_one(m, x), model.encode_one(m, x))
              for m, x in inputs().items()}  # fmt: skip
    assert max(errors.values()) <= fast[1], errors


@torch.inference_mode()
def test_the_same_input_gives_the_same_bits(model, fast):
    for way in (model, fast[0]):
        first, again = (way(inputs(), refine=True) for _ in range(2))
        for name, value in first._asdict().items():
            assert value.equal(getattr(again, name)), name
        for modality, x in inputs().items():
            one, two = way.encode_one(modality, x), way.encode_one(modality, x.clone())
            assert one.equal(two), modality


@torch.inference_mode()
def test_a_batch_is_its_samples_one_by_one(model):
    clouds = inputs()["lidar"].repeat(3, 1, 1)
    clouds[1, 300:] = math.nan
    clouds[2, :500] -= 30.0
    given = {"lidar": clouds, "csi": torch.rand(3, 3, 114, 10)}
    for precision, largest in PRECISIONS.items():
        fast = fold_norms(model)
        trace_parts(fast, {m: SHAPES[m] for m in given}, precision, batch=3)
        for modality, x in given.items():
            together = fast.encode_one(modality, x)
            for i in range(3):
                alone = model.encode_one(modality, x[i : i + 1])
                error = relative_error(together[i : i + 1], alone)
                assert error <= largest, (precision, modality, i, error)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@torch.inference_mode()
def test_padding_does_not_change_a_bit_of_a_clouds_features(model, dtype):
    cloud = inputs()["lidar"][:, :500]
    fast = FastLidarEncoder(model.encoders["lidar"], dtype).eval()
    padded = torch.cat([cloud, torch.full((1, 1500, 3), math.nan)], dim=1)
    assert fast(padded).equal(fast(cloud))


@pytest.mark.parametrize("away_m", [0.0, 30.0, -100.0])
def test_neighbours_and_centres_are_exact_wherever_the_cloud_is(away_m):
    """Against differences in float64; a matrix product loses 1 cm of a cloud 30 m away."""
    generator = torch.Generator().manual_seed(3)
    cloud = torch.rand(400, 3, generator=generator) + torch.tensor([away_m, 0.0, away_m])
    exact = (cloud.double()[:, None] - cloud.double()).square().sum(dim=-1)
    every = torch.ones(1, 400, dtype=torch.bool)
    plain, fast = nearest(cloud[None], cloud[None], every)[0], _nearest(cloud, cloud)
    sixteen = exact.sort(dim=1).values[:, 15]
    for found in (plain, fast):
        assert all(len(set(row)) == 16 for row in found.tolist())
        # Equal sets, but for a tie within the last bit of a float32 difference.
        assert bool((exact.gather(1, found).amax(dim=1) <= sixteen * (1 + 1e-6)).all())
    assert [set(r) for r in plain.tolist()] == [set(r) for r in fast.tolist()]
    assert _farthest(cloud).equal(farthest(cloud[None], 256, every)[0])


@torch.inference_mode()
def test_units_that_switch_and_units_that_do_not_give_the_same(model):
    plain = model.encoders["lidar"]
    fast = FastLidarEncoder(plain, torch.float32).eval()
    for spread in (0.01, 1.0, 50.0):  # no unit switches, some do, nearly all do
        cloud = torch.rand(1, 300, 3) * spread
        assert relative_error(fast(cloud), plain(cloud)) <= 1e-5, spread
