"""X-Fi's encoders (Chen and Yang, ICLR 2025), except the LiDAR's: ResNets in one or two dimensions.

Published features are what the modules' children give when they run in the order in which they
were registered, less the last ones. XRF55's have three quirks, kept because the published numbers
were made with them: the radar's features pass a softmax over their channels; the Wi-Fi's pass
`conv2`, `conv3` and `conv4`, which the pre-training never used and which therefore hold random
weights; and there is no ReLU between those first convolutions. (RFID's module has no such layers.)
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pta_ros.model.encoders.xfi_blocks import DepthBlock, XfiEncoder, as_tokens, stage

#: Millimetres in one level of OpenCV's 8-bit read of a 16-bit image: the high byte is kept.
LEVEL_MM = 256


def depth_levels(metres: Tensor) -> Tensor:
    """Depth in metres as the levels 0..255 that the published network was trained on.

    Equal to one channel of cv2.imread(path) of the 16-bit file in millimetres.
    """
    return (metres * 1000).round().div(LEVEL_MM).floor().clamp(0, 255)


class DepthEncoder(XfiEncoder):
    """(B, 480, 640) metres, 0 = no return -> 49 tokens: four convolutions, then a ResNet-18.

    The three channels that the network expects are one depth map three times. Published as
    `depth_Resnet18.pt`.
    """

    tokens = 49
    unused = ("regression_head.",)
    norm_pairs = (("conv1", "batch_norm1"),)

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        self.reshape = nn.Sequential(
            nn.Conv2d(3, 3, (14, 14), stride=2), nn.ReLU(),
            nn.Conv2d(3, 3, (5, 56)), nn.ReLU(),
            nn.Conv2d(3, 3, (5, 23)), nn.ReLU(),
            nn.Conv2d(3, 16, (3, 14)),
        )  # fmt: skip
        self.conv1 = nn.Conv2d(16, 64, 7, stride=2, padding=3, bias=False)
        self.batch_norm1 = nn.BatchNorm2d(64)
        self.layer1 = nn.Sequential(DepthBlock(64, 64), DepthBlock(64, 64))
        self.layer2 = nn.Sequential(DepthBlock(64, 128, 2), DepthBlock(128, 128))
        self.layer3 = nn.Sequential(DepthBlock(128, 256, 2), DepthBlock(256, 256))
        self.layer4 = nn.Sequential(DepthBlock(256, 512, 2), DepthBlock(512, 512))

    def forward(self, depth: Tensor) -> Tensor:
        """`depth` (B, 480, 640) metres -> tokens (B, 49, 512)."""
        levels = depth_levels(depth).to(self.conv1.weight.dtype)
        channels: int = self.reshape[0].in_channels  # type: ignore[assignment]
        images = levels[:, None].expand(-1, channels, -1, -1)
        x = self.batch_norm1(self.conv1(self.reshape(images))).relu()
        x = nn.functional.max_pool2d(x, 3, stride=2, padding=1)
        return as_tokens(self.layer4(self.layer3(self.layer2(self.layer1(x)))))


class CsiEncoder(XfiEncoder):
    """(B, 3, 114, 10) scaled amplitude -> 68 tokens: a ResNet-34 trunk without max-pool.

    Antennas and packets side by side make a map of 114 x 30, resized to 136 x 32 (bilinear).
    Published as `protocol3_random_1.pkl`.
    """

    tokens = 68
    unused = ("decode.", "bn1.", "bn2.")
    norm_pairs = (("encoder_conv1", "encoder_bn1"),)

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        self.encoder_conv1 = nn.Conv2d(1, 64, 3, padding=1, bias=False)
        self.encoder_bn1 = nn.BatchNorm2d(64)
        self.encoder_layer1 = stage(2, 64, 64, 3, 1)
        self.encoder_layer2 = stage(2, 64, 128, 4, 2)
        self.encoder_layer3 = stage(2, 128, 256, 6, 2)
        self.encoder_layer4 = stage(2, 256, 512, 3, 2)

    def forward(self, amplitude: Tensor) -> Tensor:
        """`amplitude` (B, antenna, subcarrier, packet) -> tokens (B, 68, 512)."""
        side_by_side = amplitude.transpose(1, 2).flatten(2)[:, None]
        maps = nn.functional.interpolate(
            side_by_side, size=(136, 32), mode="bilinear", align_corners=False
        )
        maps = maps.to(self.encoder_conv1.weight.dtype)
        x: Tensor = torch.relu(self.encoder_bn1(self.encoder_conv1(maps)))
        x = self.encoder_layer2(self.encoder_layer1(x))
        return as_tokens(self.encoder_layer4(self.encoder_layer3(x)))


class RadarEncoder(XfiEncoder):
    """(B, 17, 256, 128) stacked heat maps -> 32 tokens. Published as `mmwave_ResNet18.pt`."""

    tokens = 32
    unused = ("fc.",)
    norm_pairs = (("conv1", "bn1"),)

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        self.conv1 = nn.Conv2d(17, 64, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.layer1, self.layer2 = stage(2, 64, 64, 2, 1), stage(2, 64, 128, 2, 2)
        self.layer3, self.layer4 = stage(2, 128, 256, 2, 2), stage(2, 256, 512, 2, 2)

    def forward(self, maps: Tensor) -> Tensor:
        """`maps` (B, 17, 256, 128) -> tokens (B, 32, 512), each a distribution."""
        x = self.bn1(self.conv1(maps)).relu()
        x = nn.functional.max_pool2d(x, 3, stride=2, padding=1)
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return as_tokens(x.softmax(dim=1))


class _Trunk(XfiEncoder):
    """The one-dimensional ResNet-18 behind `bn1`."""

    def _make_layers(self) -> None:
        self.layer1, self.layer2 = stage(1, 128, 128, 2, 1), stage(1, 128, 128, 2, 2)
        self.layer3, self.layer4 = stage(1, 128, 256, 2, 2), stage(1, 256, 512, 2, 2)

    def _trunk(self, x: Tensor) -> Tensor:
        x = nn.functional.max_pool1d(x.relu(), 3, stride=2, padding=1)
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return x


def _halving(inside: int) -> nn.Conv1d:
    return nn.Conv1d(inside, 128, 7, stride=2, padding=3, bias=False)


class WifiEncoder(_Trunk):
    """(B, 270, 1000) links x subcarriers, samples -> 4 tokens. Published as `wifi_ResNet18.pt`."""

    tokens = 4
    unused = ("fc.",)
    norm_pairs = (("conv1", "bn1"), ("conv2", "bn2"), ("conv3", "bn3"))

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        self.conv1, self.bn1 = _halving(270), nn.BatchNorm1d(128)
        self.conv2, self.bn2 = _halving(128), nn.BatchNorm1d(128)
        self.conv3, self.bn3 = _halving(128), nn.BatchNorm1d(128)
        self._make_layers()
        self.conv4 = nn.Conv1d(512, 512, 3, stride=2, padding=1, bias=False)

    def forward(self, samples: Tensor) -> Tensor:
        """`samples` (B, 270, 1000) -> tokens (B, 4, 512)."""
        x = self.bn2(self.conv2(self.bn1(self.conv1(samples))))
        return as_tokens(self.conv4(self._trunk(self.bn3(self.conv3(x)))))


class RfidEncoder(_Trunk):
    """(B, 23, 148) phase of tags, samples -> 5 tokens. Published as `rfid_ResNet18.pt`."""

    tokens = 5
    unused = ("fc.",)
    norm_pairs = (("conv1", "bn1"),)

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        self.conv1, self.bn1 = _halving(23), nn.BatchNorm1d(128)
        self._make_layers()

    def forward(self, phase: Tensor) -> Tensor:
        """`phase` (B, 23, 148) -> tokens (B, 5, 512)."""
        return as_tokens(self._trunk(self.bn1(self.conv1(phase))))
