"""Encoder families by name: each maps a modality to a module giving tokens (B, L_m, C)."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor, nn

from pta_ros.errors import ConfigError
from pta_ros.model.encoders import centred, lite, xfi, xfi_lidar


class Encoder(Protocol):
    """A module from a reduced frame (B, *shape) to tokens (B, `tokens`, C)."""

    tokens: int

    def __call__(self, x: Tensor) -> Tensor:
        """Encode a batch."""


#: Family -> modality -> encoder. `xfi`: the paper's, which load X-Fi's published weights by name.
#: `centred`: of person-centred readings, a token for each joint.
ENCODERS: dict[str, dict[str, type[nn.Module]]] = {
    "centred": centred.ENCODERS,
    "lite": lite.ENCODERS,
    "xfi": {
        "depth": xfi.DepthEncoder,
        "lidar": xfi_lidar.LidarEncoder,
        "csi": xfi.CsiEncoder,
        "radar": xfi.RadarEncoder,
        "wifi": xfi.WifiEncoder,
        "rfid": xfi.RfidEncoder,
    },
}


def make_encoder(family: str, modality: str, channels: int) -> nn.Module:
    """Build one encoder; raises ConfigError for an unknown family or modality."""
    return _known(family, modality)(channels)


def token_count(family: str, modality: str) -> int:
    """L_m of an encoder; raises ConfigError for an unknown family or modality."""
    return int(_known(family, modality).tokens)  # type: ignore[attr-defined]


def _known(family: str, modality: str) -> type[nn.Module]:
    if family not in ENCODERS:
        raise ConfigError(
            f"encoder family {family!r} is unknown; expected one of {sorted(ENCODERS)}"
        )
    known = ENCODERS[family]
    if modality not in known:
        raise ConfigError(
            f"{family} has no encoder for {modality!r}; expected one of {sorted(known)}"
        )
    return known[modality]
