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


def make_encoder(
    family: str, modality: str, channels: int, shape: tuple[int, ...] = ()
) -> nn.Module:
    """Build one encoder, of reduced frames of its usual `shape`, or of the one that is given.

    Raises ConfigError for an unknown family or modality, and for a shape that it cannot have.
    """
    kind = _known(family, modality)
    if not shape:
        return kind(channels)
    if not usual_shape(family, modality):
        raise ConfigError(f"{family}'s encoder of {modality} has one shape; {shape} is given")
    return kind(channels, shape=shape)


def usual_shape(family: str, modality: str) -> tuple[int, ...]:
    """The shape of reduced frames that an encoder has where no other is given.

    Empty for one that can have no other. Raises ConfigError as `make_encoder`.
    """
    shape: tuple[int, ...] = getattr(_known(family, modality), "shape", ())
    return shape


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
