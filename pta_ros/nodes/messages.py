"""Conversions between this package's records and ROS messages; nothing else.

Buffers go over as array.array: a list or an ndarray costs milliseconds for one image.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Any

import numpy as np
from builtin_interfaces.msg import Time
from geometry_msgs.msg import Point
from pta_msgs.msg import (
    Activity,
    CsiFrame,
    ModalityState,
    RadarHeatmap,
    RfidPhases,
    Skeleton,
)
from sensor_msgs.msg import Image, PointCloud2, PointField
from std_msgs.msg import Header

from pta_ros.frames import Estimate, StreamStatus
from pta_ros.skeleton import CONVENTION, JOINT_NAMES

#: Message type of every modality's topic.
MESSAGE_TYPES = {
    "depth": Image,
    "lidar": PointCloud2,
    "csi": CsiFrame,
    "radar": RadarHeatmap,
    "wifi": CsiFrame,
    "rfid": RfidPhases,
}

_NS = 1_000_000_000
_XYZ = [
    PointField(name=name, offset=4 * i, datatype=PointField.FLOAT32, count=1)
    for i, name in enumerate("xyz")
]


def stamp_ns(stamp: Any) -> int:
    """A message's stamp in nanoseconds."""
    return int(stamp.sec) * _NS + int(stamp.nanosec)


def to_time(ns: int) -> Time:
    """Nanoseconds as a message's stamp."""
    return Time(sec=ns // _NS, nanosec=ns % _NS)


def to_header(ns: int, frame_id: str) -> Header:
    """A header of this stamp and frame."""
    return Header(stamp=to_time(ns), frame_id=frame_id)


def buffer(values: np.ndarray, code: str) -> array:
    """The bytes of an array, in row-major order, as an array.array of type `code`."""
    result = array(code)
    result.frombytes(np.ascontiguousarray(values).tobytes())
    return result


def to_image(depth: np.ndarray, header: Header) -> Image:
    """Depth (H, W) as 16UC1 (uint16, millimetres) or 32FC1 (float32, metres)."""
    encoding = {"uint16": "16UC1", "float32": "32FC1"}[depth.dtype.name]
    height, width = depth.shape
    return Image(
        header=header,
        height=height,
        width=width,
        encoding=encoding,
        is_bigendian=0,
        step=width * depth.itemsize,
        data=buffer(depth, "B"),
    )


def to_cloud(points_m: np.ndarray, header: Header) -> PointCloud2:
    """Points (N, 3) in metres as an unordered cloud of x, y, z float32, without rows of NaN."""
    points_m = points_m[np.isfinite(points_m).all(axis=1)]
    count = len(points_m)
    return PointCloud2(
        header=header,
        height=1,
        width=count,
        fields=_XYZ,
        is_bigendian=False,
        point_step=12,
        row_step=12 * count,
        is_dense=True,
        data=buffer(points_m.astype(np.float32, copy=False), "B"),
    )


def to_csi(amplitude: np.ndarray, header: Header) -> CsiFrame:
    """Amplitude (antennas, subcarriers, packets), linear, as one CSI frame without phase."""
    antennas, subcarriers, packets = amplitude.shape
    return CsiFrame(
        header=header,
        antennas=antennas,
        subcarriers=subcarriers,
        packets=packets,
        amplitude=buffer(amplitude.astype(np.float32, copy=False), "f"),
    )


def to_wifi(packets: np.ndarray, header: Header, links: int = 9) -> CsiFrame:
    """Packets (n, links * subcarriers) of linear amplitude; the header is the last one's."""
    return to_csi(packets.T.reshape(links, -1, len(packets)), header)


def to_radar(power: np.ndarray, header: Header) -> RadarHeatmap:
    """One pair of heat maps (rows, columns)."""
    rows, columns = power.shape
    values = buffer(power.astype(np.float32, copy=False), "f")
    return RadarHeatmap(header=header, rows=rows, columns=columns, power=values)


def to_rfid(phase: np.ndarray, header: Header) -> RfidPhases:
    """Phases of all tags (n,), radians."""
    return RfidPhases(header=header, phase=buffer(phase.astype(np.float32, copy=False), "f"))


#: How a packet of each sensor becomes its message.
PACKET_MESSAGES = {"radar": to_radar, "wifi": to_wifi, "rfid": to_rfid}

#: How every modality's reduced array goes back into the message type it came from.
TO_MESSAGE = {"depth": to_image, "lidar": to_cloud, "csi": to_csi}


def to_modality_state(status: StreamStatus, used_stamp_ns: int = 0) -> ModalityState:
    """One stream's status; `used_stamp_ns` is the stamp of the frame that was used, 0 for none."""
    return ModalityState(
        modality=status.modality,
        state=int(status.state),
        age_s=float(status.age_s),
        rate_hz=float(status.rate_hz),
        weight=float(status.weight),
        received=status.received,
        used=status.used,
        dropped=status.dropped,
        corrupt=status.corrupt,
        lost=status.lost,
        stamp=to_time(used_stamp_ns),
        reason=status.reason,
    )


def to_skeleton(estimate: Estimate, frame_id: str, model: str) -> Skeleton:
    """One estimate; `latency_ms` is left for the publisher to fill at the last moment."""
    used = estimate.stamps_ns
    return Skeleton(
        header=to_header(estimate.stamp_ns, frame_id),
        convention=CONVENTION,
        joint_names=list(JOINT_NAMES),
        positions=[Point(x=x, y=y, z=z) for x, y, z in estimate.joints_m.tolist()],
        std_dev=buffer(estimate.std_m.astype(np.float32, copy=False), "f"),
        modalities=[to_modality_state(s, used.get(s.modality, 0)) for s in estimate.streams],
        model=model,
    )


def to_activity(estimate: Estimate, classes: Sequence[str], frame_id: str, model: str) -> Activity:
    """One estimate's activity; `latency_ms` is left for the publisher."""
    best, used = int(estimate.probabilities.argmax()), estimate.stamps_ns
    return Activity(
        header=to_header(estimate.stamp_ns, frame_id),
        label=classes[best],
        class_id=best,
        confidence=float(estimate.probabilities[best]),
        probabilities=buffer(estimate.probabilities.astype(np.float32, copy=False), "f"),
        modalities=[to_modality_state(s, used.get(s.modality, 0)) for s in estimate.streams],
        model=model,
    )
