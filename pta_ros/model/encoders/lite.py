"""Small encoders for CPUs and embedded GPUs, one per MM-Fi modality; trained by this project."""

from __future__ import annotations

import torch
from torch import Tensor, nn

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

    def __init__(self, channels: int) -> None:
        super().__init__()
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
        points = points - points.new_tensor([3.0, 0.0, 0.0])
        centres = points[:, : self.centres]
        distance = torch.cdist(centres, points, compute_mode="donot_use_mm_for_euclid_dist")
        nearest = distance.topk(self.neighbours, largest=False, sorted=False).indices
        batch = torch.arange(len(points), device=points.device)[:, None, None]
        group = points[batch, nearest]  # (B, centres, neighbours, 3)
        own = centres[:, :, None].expand_as(group)
        local = self.local(torch.cat([(group - own) * 5.0, own], dim=-1)).amax(dim=2)
        context = self.attend(local)
        queries = self.queries.expand(len(points), -1, -1)
        tokens: Tensor = self.norm(self.pool(queries, context, context, need_weights=False)[0])
        return tokens


class CsiEncoder(nn.Module):
    """(B, 3, 114, 10) scaled amplitude -> 16 tokens: a perceptron over the whole channel.

    It sees every antenna's and subcarrier's mean over the packets, and their spread, which tells
    of motion. What shadows which path is a pattern over the whole band, so nothing is convolved.
    """

    tokens = 16

    def __init__(self, channels: int, hidden: int = 512) -> None:
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(2 * 3 * 114, hidden), nn.GELU(), nn.Dropout(0.1),
            nn.Linear(hidden, hidden), nn.GELU(), nn.Dropout(0.1),
            nn.Linear(hidden, self.tokens * channels),
        )  # fmt: skip

    def forward(self, amplitude: Tensor) -> Tensor:
        """`amplitude` (B, antenna, subcarrier, packet) -> tokens (B, 16, C)."""
        level = amplitude.mean(dim=3) - 0.5
        spread = 5.0 * amplitude.std(dim=3)
        tokens: Tensor = self.net(torch.cat([level, spread], dim=1).flatten(1))
        return tokens.unflatten(1, (self.tokens, -1))


ENCODERS: dict[str, type[nn.Module]] = {
    "depth": DepthEncoder,
    "lidar": LidarEncoder,
    "csi": CsiEncoder,
}
