"""Small encoders of XRF55's sensors: windows of five seconds to tokens that follow time."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class RadarEncoder(nn.Module):
    """(B, 17, 32, 64) heat maps -> 17 tokens: each map by itself in 2-D, then along time in 1-D.

    A map's halves, range over speed and range over angle, are two channels of one image: they
    share the range.
    """

    tokens = 17

    def __init__(self, channels: int, width: int = 16, rows: int = 32, columns: int = 64) -> None:
        super().__init__()
        place = (rows // 8) * (columns // 16)
        self.maps = nn.Sequential(
            *_stage_2d(2, width), *_stage_2d(width, 2 * width), *_stage_2d(2 * width, 3 * width),
            nn.Flatten(1), nn.Dropout(0.2), nn.Linear(3 * width * place, channels), nn.ReLU(),
        )  # fmt: skip
        self.time = nn.Sequential(*_stage_1d(channels, channels, 5, 1), nn.Dropout(0.2))

    def forward(self, maps: Tensor) -> Tensor:
        """`maps` (B, 17, 32, 64) -> tokens (B, 17, C)."""
        both = maps.unflatten(3, (2, -1)).transpose(2, 3).flatten(0, 1)
        tokens = self.maps(both).unflatten(0, maps.shape[:2])
        out: Tensor = tokens + self.time(tokens.transpose(1, 2)).transpose(1, 2)
        return out


class WifiEncoder(nn.Module):
    """(B, 27, 500) relative amplitudes -> 16 tokens: 1-D convolutions.

    The first layer is a bank of filters over 0.16 s: a limb's speed is a frequency here.
    """

    tokens = 16

    def __init__(self, channels: int, inside: int = 27) -> None:
        super().__init__()
        self.stages = nn.Sequential(
            *_stage_1d(inside, 64, 17, 4), *_stage_1d(64, 96, 5, 2), nn.Dropout(0.2),
            *_stage_1d(96, 128, 5, 2), nn.Dropout(0.2), *_stage_1d(128, channels, 3, 2),
        )  # fmt: skip

    def forward(self, change: Tensor) -> Tensor:
        """`change` (B, links and groups, steps) -> tokens (B, 16, C)."""
        tokens: Tensor = self.stages(4.0 * change)
        return tokens.transpose(1, 2)


class RfidEncoder(nn.Module):
    """(B, 23, 148) phases, radians -> 10 tokens: 1-D convolutions.

    A phase enters as a point on the unit circle, turned so that its tag's mean over the window is
    at angle 0: neither a tag's offset nor a turn too many by noisy unwrapping says anything.
    """

    tokens = 10

    def __init__(self, channels: int, tags: int = 23) -> None:
        super().__init__()
        self.stages = nn.Sequential(
            *_stage_1d(2 * tags, 64, 9, 2), *_stage_1d(64, 96, 7, 2), nn.Dropout(0.2),
            *_stage_1d(96, 128, 5, 2), nn.Dropout(0.2), *_stage_1d(128, channels, 3, 2),
        )  # fmt: skip

    def forward(self, phases: Tensor) -> Tensor:
        """`phases` (B, tags, packets) -> tokens (B, 10, C)."""
        tokens: Tensor = self.stages(_centred(phases))
        return tokens.transpose(1, 2)


def _centred(phases: Tensor) -> Tensor:
    """Cosines, then sines (B, 2 tags, packets) of phases without each tag's mean direction."""
    cosine, sine = phases.cos(), phases.sin()
    x, y = cosine.mean(dim=2, keepdim=True), sine.mean(dim=2, keepdim=True)
    length = (x.square() + y.square()).sqrt().clamp(min=1e-6)
    x, y = x / length, y / length
    return torch.cat([cosine * x + sine * y, sine * x - cosine * y], dim=1)


def _stage_2d(inside: int, outside: int) -> tuple[nn.Module, ...]:
    conv = nn.Conv2d(inside, outside, 3, stride=2, padding=1, bias=False)
    return conv, nn.BatchNorm2d(outside), nn.ReLU()


def _stage_1d(inside: int, outside: int, width: int, stride: int) -> tuple[nn.Module, ...]:
    conv = nn.Conv1d(inside, outside, width, stride, padding=width // 2, bias=False)
    return conv, nn.BatchNorm1d(outside), nn.ReLU()


ENCODERS: dict[str, type[nn.Module]] = {
    "radar": RadarEncoder,
    "wifi": WifiEncoder,
    "rfid": RfidEncoder,
}
