from itertools import combinations

import pytest
import torch
from torch import nn

from pta_ros.model.config import DiffusionConfig, PTAConfig
from pta_ros.model.inference import fold_norms, trace_parts
from pta_ros.model.pta import PTA

SHAPES = {"depth": (96, 128), "lidar": (512, 3), "csi": (3, 114, 10)}


@pytest.fixture(scope="module", params=[True, False], ids=["shared", "per modality"])
def model(request):
    torch.manual_seed(0)
    diffusion = DiffusionConfig(shared=request.param)
    model = PTA(PTAConfig(channels=32, tokens=8, dim=32, latent=16, diffusion=diffusion))
    for name, buffer in model.named_buffers():
        if name.endswith("running_mean"):
            buffer.uniform_(-0.2, 0.2)
        if name.endswith("running_var"):
            buffer.uniform_(0.5, 1.5)
    return model.eval()


def inputs_of(count):
    generator = torch.Generator().manual_seed(0)
    return {m: torch.rand(count, *s, generator=generator) + 1 for m, s in SHAPES.items()}


def assert_same(fast, plain):
    torch.testing.assert_close(fast.joints, plain.joints, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(fast.log_std, plain.log_std, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(fast.weights, plain.weights)


@torch.inference_mode()
def test_the_traced_model_says_the_same_for_every_subset(model):
    fast = fold_norms(model)
    trace_parts(fast, SHAPES)
    inputs = inputs_of(1)
    for size in (3, 1, 2):
        for subset in combinations(SHAPES, size):
            given = {m: inputs[m] for m in subset}
            for refine in (True, False):
                for _ in range(3):  # graphs are specialised in their first runs
                    assert_same(fast(given, refine=refine), model(given, refine=refine))


def test_the_folded_model_says_the_same_and_has_no_norm_left(model):
    inputs = inputs_of(2)
    before = {k: v.clone() for k, v in model.state_dict().items()}
    folded = fold_norms(model)
    with torch.no_grad():
        for refine in (True, False):
            assert_same(folded(inputs, refine=refine), model(inputs, refine=refine))
    kinds = (nn.BatchNorm1d, nn.BatchNorm2d)
    assert not [m for m in folded.modules() if isinstance(m, kinds)]
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name]), name
