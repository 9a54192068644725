"""The last blocks of the small encoders, which may be trained on with the fusion."""

from __future__ import annotations

from torch import nn

from pta_ros.errors import ConfigError

#: Where the parameters of an encoder's last blocks are, by the beginnings of their names.
_LAST: dict[str, tuple[str, ...]] = {
    "depth": ("stages.9.", "stages.10.", "stages.11."),  # last residual block and convolution
    "lidar": ("attend.layers.1.", "queries", "pool.", "norm."),
    "csi": ("net.6.",),  # the last of three layers
    "radar": ("maps.11.", "time."),  # each map's layer, and the convolution along time
    "wifi": ("stages.11.", "stages.12."),
    "rfid": ("stages.11.", "stages.12."),
}


def last_parameters(modality: str, encoder: nn.Module) -> dict[str, nn.Parameter]:
    """Parameters of the last blocks of a `lite` encoder, by name; ConfigError for none known."""
    if modality not in _LAST:
        raise ConfigError(
            f"no last blocks of an encoder of {modality!r} are known; expected one of "
            f"{sorted(_LAST)}: set distil.epochs to 0"
        )
    return {n: p for n, p in encoder.named_parameters() if n.startswith(_LAST[modality])}
