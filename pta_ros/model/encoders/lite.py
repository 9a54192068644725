"""Small encoders for CPUs and embedded GPUs, one for each sensor; trained by this project.

Those of XRF55's sensors turn windows of five seconds into tokens in the order of time.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pta_ros.errors import ConfigError
from pta_ros.model.layers import deviation

#: Antennas times subcarriers; far above any card's.
MOST_CHANNELS = 65_536
FOCAL_PX = 570.0  # of the 640x480 image that the reduced depth image covers


class Residual(nn.Module):
    """Two 3x3 convolutions with batch norm around a shortcut."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Same shape in and out."""
        out: Tensor = (x + self.body(x)).relu()
        return out


class DepthEncoder(nn.Module):
    """(B, 96, 128) metres, 0 = no return -> 48 tokens: a residual network on back-projected points.

    Its input channels are the validity mask and x, y, z of each pixel's point (pinhole model), so
    that position does not have to be learned from the pixel's place in the image.
    """

    tokens = 48
    rays: Tensor

    def __init__(self, channels: int, height: int = 96, width: int = 128) -> None:
        super().__init__()
        focal = FOCAL_PX * width / 640
        v, u = torch.meshgrid(
            torch.arange(height) - (height - 1) / 2,
            torch.arange(width) - (width - 1) / 2,
            indexing="ij",
        )
        self.register_buffer("rays", torch.stack([u, v]) / focal, persistent=False)
        self.stages = nn.Sequential(
            *_stage(4, 16), *_stage(16, 32), *_stage(32, 64), Residual(64), *_stage(64, channels),
        )  # fmt: skip

    def forward(self, depth: Tensor) -> Tensor:
        """`depth` (B, 96, 128) -> tokens (B, 48, C)."""
        seen = (depth > 0).to(depth.dtype)[:, None]
        z = depth[:, None]
        points = torch.cat([self.rays * z, (z - 3.0) * seen], dim=1)
        tokens: Tensor = self.stages(torch.cat([seen, points], dim=1))
        return tokens.flatten(2).transpose(1, 2)


def _stage(inside: int, outside: int) -> tuple[nn.Module, ...]:
    conv = nn.Conv2d(inside, outside, 3, stride=2, padding=1, bias=False)
    return conv, nn.BatchNorm2d(outside), nn.ReLU()


class LidarEncoder(nn.Module):
    """(B, N, 3) metres in farthest-point order -> 32 tokens: groups, attention, learned queries.

    The first points of a farthest-point sequence are themselves a farthest-point sample: they are
    the group centres, and no second sampling is needed.
    """

    tokens = 32
    centres = 32
    neighbours = 16
    middle: Tensor  # metres: about where people are

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("middle", torch.tensor([3.0, 0.0, 0.0]), persistent=False)
        self.local = nn.Sequential(
            nn.Linear(6, 64), nn.LayerNorm(64), nn.ReLU(), nn.Linear(64, channels)
        )
        layer = nn.TransformerEncoderLayer(
            channels, 4, 2 * channels, dropout=0.0, batch_first=True, norm_first=True
        )
        self.attend = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.queries = nn.Parameter(torch.randn(self.tokens, channels) * 0.02)
        self.pool = nn.MultiheadAttention(channels, 4, batch_first=True)
        self.norm = nn.LayerNorm(channels)

    def forward(self, points: Tensor) -> Tensor:
        """`points` (B, N, 3) -> tokens (B, 32, C)."""
        points = points - self.middle
        centres = points[:, : self.centres]
        distance = torch.cdist(centres, points, compute_mode="donot_use_mm_for_euclid_dist")
        nearest = distance.topk(self.neighbours, largest=False, sorted=False).indices
        batch = torch.arange(len(points), device=points.device)[:, None, None]
        group = points[batch, nearest]  # (B, centres, neighbours, 3)
        own = centres[:, :, None].expand_as(group)
        local = self.local(torch.cat([(group - own) * 5.0, own], dim=-1)).max(dim=2).values
        context = self.attend(local)
        queries = self.queries.expand(len(points), -1, -1)
        tokens: Tensor = self.norm(self.pool(queries, context, context, need_weights=False)[0])
        return tokens


class CsiEncoder(nn.Module):
    """(B, *shape) scaled amplitude -> 16 tokens: a perceptron over the whole channel.

    `shape`: antennas, subcarriers, packets. Its inputs are every antenna's and subcarrier's mean
    over the packets, and their spread, which shows motion (none in a single packet). A body changes
    the whole band at once, so nothing is convolved.
    """

    tokens = 16
    shape = (3, 114, 10)

    def __init__(
        self, channels: int, hidden: int = 512, shape: tuple[int, ...] = (3, 114, 10)
    ) -> None:
        super().__init__()
        if len(shape) != 3 or min(shape) < 1 or shape[0] * shape[1] > MOST_CHANNELS:
            raise ConfigError(
                f"csi: {list(shape)}; expected antennas, subcarriers, packets: one or more, and "
                f"antennas times subcarriers at most {MOST_CHANNELS}"
            )
        self.net = nn.Sequential(
            nn.Linear(2 * shape[0] * shape[1], hidden), nn.GELU(), nn.Dropout(0.1),
            nn.Linear(hidden, hidden), nn.GELU(), nn.Dropout(0.1),
            nn.Linear(hidden, self.tokens * channels),
        )  # fmt: skip

    def forward(self, amplitude: Tensor) -> Tensor:
        """`amplitude` (B, antenna, subcarrier, packet) -> tokens (B, 16, C)."""
        level = amplitude.mean(dim=3) - 0.5
        spread = 5.0 * deviation(amplitude, 3)
        tokens: Tensor = self.net(torch.cat([level, spread], dim=1).flatten(1))
        return tokens.unflatten(1, (self.tokens, -1))


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
            *_stage(2, width), *_stage(width, 2 * width), *_stage(2 * width, 3 * width),
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
    at angle 0: neither a tag's offset nor a wrong turn of noisy unwrapping changes the tokens.
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


def _stage_1d(inside: int, outside: int, width: int, stride: int) -> tuple[nn.Module, ...]:
    conv = nn.Conv1d(inside, outside, width, stride, padding=width // 2, bias=False)
    return conv, nn.BatchNorm1d(outside), nn.ReLU()


ENCODERS: dict[str, type[nn.Module]] = {
    "depth": DepthEncoder,
    "lidar": LidarEncoder,
    "csi": CsiEncoder,
    "radar": RadarEncoder,
    "wifi": WifiEncoder,
    "rfid": RfidEncoder,
}
