"""Align: noise predictor, noise adapter and the deterministic DDIM reverse process (Eq. 6 to 8)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from pta_ros.model.config import DiffusionConfig
from pta_ros.model.layers import TokenConv, TokenNorm


class Bottleneck(nn.Module):
    """Residual 1x1 reduce, 3, 1x1 expand over tokens, batch norm and ReLU between: (B, L, d)."""

    def __init__(self, channels: int, reduction: int) -> None:
        super().__init__()
        inner = channels // reduction
        self.body = nn.Sequential(
            TokenConv(channels, inner),
            TokenNorm(inner),
            nn.ReLU(),
            TokenConv(inner, inner, width=3),
            TokenNorm(inner),
            nn.ReLU(),
            TokenConv(inner, channels),
            TokenNorm(channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, L, d) -> (B, L, d)."""
        out: Tensor = x + self.body(x)
        return out


class NoisePredictor(nn.Module):
    """The noise in a latent at step t: learned time embedding, two bottlenecks, 1x1 + norm."""

    def __init__(self, latent: int, train_steps: int) -> None:
        super().__init__()
        self.time = nn.Embedding(train_steps, latent)
        self.body = nn.Sequential(
            Bottleneck(latent, 4),
            Bottleneck(latent, 4),
            TokenConv(latent, latent),
            TokenNorm(latent),
        )

    def forward(self, z: Tensor, t: Tensor) -> Tensor:
        """`z` (B, L, d), `t` (B,) or (1,) integers in [0, T) -> noise (B, L, d)."""
        noise: Tensor = self.body(z + self.time(t)[:, None])
        return noise


class NoiseAdapter(nn.Module):
    """How much of a student latent to trust: gamma in (0, 1) per sample (Eq. 8)."""

    def __init__(self, latent: int) -> None:
        super().__init__()
        self.body = Bottleneck(latent, 8)
        self.score = nn.Linear(latent, 2)

    def forward(self, z: Tensor) -> Tensor:
        """`z` (B, L, d) -> gamma (B, 1, 1)."""
        score = self.score(self.body(z).mean(dim=1))
        return score.softmax(dim=1)[:, :1, None]


class Aligner(nn.Module):
    """Refines student features towards the teacher in a latent space of width d."""

    start_noise: Tensor
    alpha_bar: Tensor

    def __init__(self, tokens: int, dim: int, latent: int, config: DiffusionConfig) -> None:
        super().__init__()
        self.config = config
        self.student = TokenConv(dim, latent)
        self.encoder = nn.Sequential(TokenConv(dim, latent), TokenNorm(latent))
        self.decoder = TokenConv(latent, dim)
        self.predictor = NoisePredictor(latent, config.train_steps)
        self.adapter = NoiseAdapter(latent)
        self.output = nn.Sequential(TokenConv(latent, latent), TokenNorm(latent))
        betas = torch.linspace(config.beta_start, config.beta_end, config.train_steps)
        self.register_buffer("alpha_bar", (1 - betas).cumprod(0), persistent=False)
        self._plan = _ddim_plan(config)
        # Fixed start noise makes inference deterministic; saved with the weights, so that a new
        # random generator cannot change a published model.
        seeded = torch.Generator().manual_seed(0)
        self.register_buffer("start_noise", torch.randn(tokens, latent, generator=seeded))
        self._start_as_projection()

    @torch.no_grad()
    def _start_as_projection(self) -> None:
        """Begin with a refinement that only projects, on the d directions of the teacher's code.

        From random weights the refined path learns so much slower than the plain one that it stays
        behind for a whole run (measured: 6 mm of 50).
        """
        layer: TokenConv = self.encoder[0]  # type: ignore[assignment]
        nn.init.orthogonal_(layer.weight)
        self.student.weight.copy_(layer.weight)
        self.decoder.weight.copy_(layer.weight.T)
        nn.init.eye_(self.output[0].weight)  # type: ignore[arg-type]
        for bias in (layer.bias, self.student.bias, self.decoder.bias, self.output[0].bias):
            nn.init.zeros_(bias)  # type: ignore[arg-type]
        nn.init.zeros_(self.predictor.body[-1].weight)  # type: ignore[arg-type]

    def refine(self, features: Tensor, noise: Tensor) -> Tensor:
        """Student features (B, L, D), start noise (..., L, d) -> refined latent (B, L, d)."""
        z = self.student(features)
        gamma = self.adapter(z)
        refined: Tensor = self.output(self._reverse(gamma * z + (1 - gamma) * noise))
        return refined

    def _reverse(self, z: Tensor) -> Tensor:
        """DDIM with eta = 0: K steps from T to 0, no clipping.

        The predictor's batch statistics are those of the teacher latents that it is trained on, in
        training too: statistics of its own at every step would be lost at inference.
        """
        with _running_statistics(self.predictor):
            for t, keep, add in self._plan:
                step = torch.full((1,), t, device=z.device)  # not out of the host's memory
                z = keep * z + add * self.predictor(z, step)
        return z

    def decode(self, latent: Tensor, features: Tensor) -> Tensor:
        """Refined student features (B, L, D) of refined latents (B, L, d) of `features`."""
        if not self.config.residual:
            decoded: Tensor = self.decoder(latent)
            return decoded
        with _running_statistics(self.encoder):
            change = latent - self.encoder(features)
        return features + nn.functional.linear(change, self.decoder.weight)

    def forward(self, features: Tensor) -> Tensor:
        """Refined student features, (B, L, D) -> (B, L, D), from the fixed start noise."""
        return self.decode(self.refine(features, self.start_noise), features)


@contextmanager
def _running_statistics(module: nn.Module) -> Iterator[None]:
    """`module` in eval mode, in training too."""
    training = module.training
    module.eval()
    yield
    module.train(training)


def _ddim_plan(config: DiffusionConfig) -> list[tuple[int, float, float]]:
    """Steps (t, factor of z, factor of the predicted noise) from T to 0.

    One DDIM step, z' = sqrt(a') (z - sqrt(1 - a) e) / sqrt(a) + sqrt(1 - a') e with a the share of
    signal at t and a' at the next step, is linear in z and e.
    """
    ends = (config.beta_start, config.beta_end)
    steps = torch.linspace(*ends, config.train_steps, dtype=torch.float64)
    alpha_bar = (1 - steps).cumprod(0).tolist()
    stride = config.train_steps // config.ddim_steps
    plan = []
    for t in range((config.ddim_steps - 1) * stride, -1, -stride):
        now, after = alpha_bar[t], alpha_bar[t - stride] if t >= stride else 1.0
        keep = math.sqrt(after / now)
        plan.append((t, keep, math.sqrt(1 - after) - keep * math.sqrt(1 - now)))
    return plan
