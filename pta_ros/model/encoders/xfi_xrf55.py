"""X-Fi's encoders of XRF55's mmWave radar, Wi-Fi and RFID: ResNet-18s in two and one dimensions.

Published features are what the modules' children give when they run in the order in which they
were registered, less the last ones. Three quirks come with it, kept because the published numbers
were made with them: the radar's features pass a softmax over their channels; the Wi-Fi's pass
`conv2`, `conv3` and `conv4`, which the pre-training never used and which therefore hold random
weights; and there is no ReLU between those first convolutions. (RFID's module has no such layers.)
"""

from __future__ import annotations

from torch import Tensor, nn

from pta_ros.model.encoders.xfi_blocks import XfiEncoder, as_tokens, stage


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
