import pytest
import torch

from pta_ros.errors import ConfigError
from pta_ros.model.config import DiffusionConfig, PTAConfig
from pta_ros.model.diffusion import Aligner
from pta_ros.model.layers import TokenConv, TokenNorm


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


def test_alignment_moves_no_teacher_and_reaches_every_part():
    model = aligner()
    features = torch.randn(4, 6, 24, requires_grad=True)
    teacher = torch.randn(2, 6, 24, requires_grad=True)
    latents = model.refine(features, torch.randn(4, 6, 16))
    model.losses(teacher, latents, torch.tensor([0, 0, 1, 1]), None).total().backward()
    assert teacher.grad is None
    assert features.grad is not None
    without = [n for n, p in model.named_parameters() if p.grad is None]
    assert without == []


def test_distillation_ends_at_the_teachers_code():
    model = aligner().eval()
    teacher = torch.randn(2, 6, 24)
    code = model.encoder(teacher).detach()
    owner = torch.tensor([1, 0, 1])
    assert float(model.losses(teacher, code[owner], owner, None).distillation) == 0
    assert float(model.losses(teacher, code[[0, 0, 1]], owner, None).distillation) > 0


@pytest.mark.parametrize("bad", [{"ddim_steps": 0}, {"ddim_steps": 1001}, {"beta_start": 0.5}])
def test_an_impossible_schedule_is_refused(bad):
    with pytest.raises(ConfigError, match=str(next(iter(bad.values())))):
        DiffusionConfig(**bad)


def test_a_model_configuration_survives_json_and_rejects_typos():
    config = PTAConfig(tokens=8, diffusion=DiffusionConfig(ddim_steps=3))
    assert PTAConfig.from_dict(config.to_dict()) == config
    with pytest.raises(ConfigError, match="tokns"):
        PTAConfig.from_dict({"tokns": 8})
    with pytest.raises(ConfigError, match="multiple of 8"):
        PTAConfig(latent=20)
