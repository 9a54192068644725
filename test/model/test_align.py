import pytest
import torch

from pta_ros.errors import ConfigError
from pta_ros.model.align import Aligner
from pta_ros.model.config import DiffusionConfig, PTAConfig
from pta_ros.model.layers import TokenConv, TokenNorm
from pta_ros.model.pta import PTA


def aligner(**options):
    torch.manual_seed(0)
    return Aligner(tokens=6, dim=24, latent=16, config=DiffusionConfig(**options))


def test_token_conv_is_a_convolution_over_tokens():
    torch.manual_seed(0)
    ours, theirs = TokenConv(4, 5, width=3), torch.nn.Conv1d(4, 5, 3, padding=1)
    with torch.no_grad():
        theirs.weight.copy_(ours.weight.view(5, 3, 4).permute(0, 2, 1))
        theirs.bias.copy_(ours.bias)
    x = torch.randn(2, 7, 4)
    torch.testing.assert_close(ours(x), theirs(x.transpose(1, 2)).transpose(1, 2))


def test_token_norm_is_batch_norm_over_batch_and_tokens():
    x = torch.randn(3, 5, 4)
    normed = TokenNorm(4).train()(x)
    torch.testing.assert_close(normed.mean(dim=(0, 1)), torch.zeros(4), atol=1e-6, rtol=0)
    torch.testing.assert_close(
        normed.var(dim=(0, 1), correction=0), torch.ones(4), atol=1e-3, rtol=0
    )


def test_the_noise_schedule_is_linear_in_beta():
    model = aligner()
    betas = 1e-4 + (2e-2 - 1e-4) * torch.arange(1000, dtype=torch.float64) / 999
    expected = (1 - betas).cumprod(0).float()
    torch.testing.assert_close(model.alpha_bar, expected, rtol=1e-4, atol=1e-7)


def test_ddim_recovers_the_clean_latent_when_the_noise_is_known(monkeypatch):
    """With the true noise predicted at every step, DDIM ends at the clean latent exactly."""
    model = aligner()
    clean, noise = torch.randn(2, 6, 16), torch.randn(2, 6, 16)
    kept = model.alpha_bar[800]  # the first of five steps over a thousand
    monkeypatch.setattr(model.predictor, "forward", lambda z, t: noise)
    torch.testing.assert_close(
        model._reverse(kept.sqrt() * clean + (1 - kept).sqrt() * noise), clean, rtol=1e-3, atol=1e-3
    )


def test_ddim_visits_k_steps_of_equal_stride(monkeypatch):
    model, seen = aligner(ddim_steps=4), []
    monkeypatch.setattr(
        model.predictor, "forward", lambda z, t: seen.append(int(t[0])) or torch.zeros_like(z)
    )
    model._reverse(torch.randn(1, 6, 16))
    assert seen == [750, 500, 250, 0]


def test_the_gradient_of_the_reverse_process_does_not_see_later_statistics():
    """L_diff moves the predictor's running statistics between this pass and its gradient."""
    model = aligner().train()
    features = torch.randn(4, 6, 24, requires_grad=True)
    wanted = torch.randn(4, 6, 16)

    def gradient(moves):
        error = (model.refine(features, torch.zeros(6, 16)) * wanted).sum()
        if moves:
            model.predictor(10 * torch.randn(4, 6, 16), torch.tensor([3]))
        return torch.autograd.grad(error, features)[0]

    still = gradient(moves=False)
    assert still.abs().max() > 0
    assert torch.equal(still, gradient(moves=True))


def test_the_reverse_process_moves_no_running_statistics_of_the_predictor():
    model = aligner().train()
    before = {n: b.clone() for n, b in model.predictor.named_buffers()}
    model.refine(torch.randn(4, 6, 24), torch.zeros(6, 16))
    assert model.predictor.training
    for name, buffer in model.predictor.named_buffers():
        assert torch.equal(buffer, before[name]), name


def pta(shared):
    torch.manual_seed(0)
    config = PTAConfig(
        channels=16, tokens=4, dim=16, latent=8, diffusion=DiffusionConfig(shared=shared)
    )
    return PTA(config).eval()


def test_a_shared_module_keeps_its_names_and_separate_ones_are_named_by_modality():
    parts = {n.split(".")[1] for n in pta(True).state_dict() if n.startswith("aligner.")}
    assert {"student", "encoder", "decoder", "predictor", "adapter", "output"} <= parts
    parts = {n.split(".")[1] for n in pta(False).state_dict() if n.startswith("aligner.")}
    assert parts == {"depth", "lidar", "csi"}


@torch.no_grad()
@pytest.mark.parametrize("shared", [True, False])
def test_every_row_is_refined_by_its_own_module(shared):
    model = pta(shared)
    mask = torch.tensor([[1, 1, 0], [0, 1, 0], [1, 0, 0]], dtype=torch.bool)
    features = torch.randn(3, 3, 4, 16) * mask[..., None, None]
    refined = model.align(features, mask)
    for row, column in mask.nonzero().tolist():
        own = model.aligner if shared else model.aligner[model.config.modalities[column]]
        expected = own(features[row, column][None])[0]
        torch.testing.assert_close(refined[row, column], expected)
    assert refined[~mask].abs().max() == 0
    assert [int(part.sum()) for _, part in model.students(mask)] == ([4] if shared else [2, 2])


def test_separate_modules_differ():
    aligners = pta(False).aligner
    x = torch.randn(1, 4, 16)
    assert not torch.equal(aligners["depth"](x), aligners["csi"](x))


@pytest.mark.parametrize(
    "bad",
    [
        {"ddim_steps": 0},
        {"ddim_steps": 1001},
        {"beta_start": 0.5},
        {"distillation": "kl"},
        {"shared": "no"},
    ],
)
def test_an_impossible_option_is_refused(bad):
    with pytest.raises(ConfigError, match=str(next(iter(bad.values())))):
        DiffusionConfig(**bad)


def test_a_model_configuration_survives_json_and_rejects_typos():
    options = DiffusionConfig(ddim_steps=3, distillation="dist", shared=False)
    config = PTAConfig(tokens=8, diffusion=options)
    assert PTAConfig.from_dict(config.to_dict()) == config
    with pytest.raises(ConfigError, match="tokns"):
        PTAConfig.from_dict({"tokns": 8})
    with pytest.raises(ConfigError, match="multiple of 8"):
        PTAConfig(latent=20)
