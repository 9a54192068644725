"""The family `xfi`: the paper's frozen encoders, which load X-Fi's published weights by name."""

from __future__ import annotations

from torch import nn

from pta_ros.model.encoders import xfi_lidar, xfi_mmfi, xfi_xrf55

ENCODERS: dict[str, type[nn.Module]] = {
    "depth": xfi_mmfi.DepthEncoder,
    "lidar": xfi_lidar.LidarEncoder,
    "csi": xfi_mmfi.CsiEncoder,
    "radar": xfi_xrf55.RadarEncoder,
    "wifi": xfi_xrf55.WifiEncoder,
    "rfid": xfi_xrf55.RfidEncoder,
}
