"""Faults inside the sensor: decoded messages whose values, stamps or layout are wrong."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pta_ros.errors import DecodeError
from pta_ros.evaluation.faults.messages import (
    CSI_AXES,
    Message,
    cells,
    changed,
    cloud_copy,
    csi_copy,
    depth_copy,
    phase_copy,
    power_copy,
)
from pta_ros.evaluation.faults.plan import AXES, Fault
from pta_ros.evaluation.faults.radio import Change, csi_noise, nan_of, radar_noise, rfid_noise
from pta_ros.sensors.wire import read

_SOURCE = "faults"
_NS = 1_000_000_000
#: sensor_msgs/PointField's number of a type in which nobody gives coordinates.
_INT32 = 5
_SECONDS = np.iinfo(np.int32)
#: The field that holds a message's values.
_VALUES = {
    "depth": "data",
    "lidar": "data",
    "csi": "amplitude",
    "wifi": "amplitude",
    "radar": "power",
    "rfid": "phase",
}


def depth_noise(fault: Fault, msg: Message, rng: np.random.Generator) -> Message:
    """Every return is off by `strength` metres (one sigma) and stays a return."""
    other, pixels = depth_copy(msg)
    whole = pixels.dtype.kind == "u"
    sigma, least, most = (fault.strength * 1e3, 1, 65535) if whole else (fault.strength, 1e-3, None)
    noisy = pixels + rng.standard_normal(pixels.shape, np.float32) * np.float32(sigma)
    noisy = np.clip(np.rint(noisy) if whole else noisy, least, most)
    pixels[...] = np.where(pixels > 0, noisy, pixels)
    return other


def lidar_noise(fault: Fault, msg: Message, rng: np.random.Generator) -> Message:
    """Every coordinate is off by `strength` metres (one sigma)."""
    other, columns = cloud_copy(msg)
    for column in columns:
        column += rng.standard_normal(column.shape) * fault.strength
    return other


def depth_dropout(fault: Fault, msg: Message, rng: np.random.Generator) -> Message:
    """A share of the pixels returns nothing."""
    other, pixels = depth_copy(msg)
    pixels[rng.random(pixels.shape, np.float32) < fault.strength] = _nothing(pixels)
    return other


def dead_rows(fault: Fault, msg: Message, rng: np.random.Generator) -> Message:
    """A share of the rows (or columns) returns nothing, always the same ones."""
    other, pixels = depth_copy(msg)
    lines = pixels if fault.axis == AXES[0] else pixels.T
    lines[_chosen(fault, len(lines), round(fault.strength * len(lines)))] = _nothing(pixels)
    return other


def _nothing(pixels: NDArray[Any]) -> float:
    """What stands for no return: 0, or NaN in metres (ROS's REP 118)."""
    return 0 if pixels.dtype.kind == "u" else np.nan


def _chosen(fault: Fault, count: int, wanted: int) -> NDArray[np.intp]:
    """`wanted` (at least one) of `count` things, the same ones in all of the fault's window."""
    order: NDArray[np.intp] = fault.rng().permutation(count)
    return order[: max(1, wanted)]


def lidar_dropout(fault: Fault, msg: Message, rng: np.random.Generator) -> Message:
    """A share of the points is missing; in an organised cloud they are NaN instead."""
    other, columns = cloud_copy(msg)
    lost = rng.random(columns[0].shape) < fault.strength
    if msg.height != 1:
        return _without(other, columns, lost)
    size = (msg.width, msg.point_step)
    kept = cells(other.data, size, (msg.point_step, 1), np.dtype("u1"), 0)[~lost[0]]
    return changed(other, data=kept.reshape(-1), width=len(kept), row_step=kept.size)


def lidar_nan(fault: Fault, msg: Message, rng: np.random.Generator) -> Message:
    """A share of the points has no coordinates."""
    other, columns = cloud_copy(msg)
    return _without(other, columns, rng.random(columns[0].shape) < fault.strength)


def _without(other: Message, columns: tuple[NDArray[Any], ...], lost: NDArray[np.bool_]) -> Message:
    for column in columns:
        column[lost] = np.nan
    other.is_dense = False
    return other


def dead_antenna(fault: Fault, msg: Message, rng: np.random.Generator) -> Message:
    """Some antennas give zero, always the same ones."""
    other, amplitude = csi_copy(msg)
    amplitude[_chosen(fault, len(amplitude), int(fault.strength))] = 0
    return other


def clock_jump(fault: Fault, msg: Message, rng: np.random.Generator) -> Message:
    """The stamp is off by `strength` seconds."""
    header = read(msg, "header", _SOURCE)
    stamp = read(header, "stamp", _SOURCE)
    whole_ns = int(stamp.sec) * _NS + int(stamp.nanosec) + round(fault.strength * _NS)
    sec, nanosec = divmod(whole_ns, _NS)
    stamp = changed(stamp, sec=min(max(sec, _SECONDS.min), _SECONDS.max), nanosec=nanosec)
    return changed(msg, header=changed(header, stamp=stamp))


def short_data(fault: Fault, msg: Message, rng: np.random.Generator) -> Message:
    """The end of the values is missing, the sizes do not say so."""
    name = _VALUES[fault.modality]
    values = read(msg, name, _SOURCE)
    count = min(int(len(values) * (1 - fault.strength)), len(values) - 1)
    return changed(msg, **{name: values[: max(0, count)]})


def wrong_encoding(fault: Fault, msg: Message, rng: np.random.Generator) -> Message:
    """Some messages say that they are laid out as they are not."""
    if rng.random() >= fault.strength:
        return msg
    if fault.modality == "depth":
        return changed(msg, **{"encoding" if hasattr(msg, "encoding") else "format": "rgb8"})
    if fault.modality == "lidar":
        fields = [changed(field, datatype=_INT32) for field in read(msg, "fields", _SOURCE)]
        return changed(msg, fields=fields)
    if fault.modality == "radar":
        rows, columns = (read(msg, name, _SOURCE) for name in ("rows", "columns"))
        return changed(msg, rows=columns, columns=rows)
    antennas, subcarriers, packets = (read(msg, name, _SOURCE) for name in CSI_AXES)
    return changed(msg, antennas=subcarriers, subcarriers=packets, packets=antennas)


#: By kind, and by modality where it takes its own.
_CHANGES: dict[str, Change | dict[str, Change]] = {
    "noise": {
        "depth": depth_noise,
        "lidar": lidar_noise,
        "csi": csi_noise,
        "wifi": csi_noise,
        "radar": radar_noise,
        "rfid": rfid_noise,
    },
    "dropout": {"depth": depth_dropout, "lidar": lidar_dropout},
    "dead_rows": dead_rows,
    "dead_antenna": dead_antenna,
    "nan": {
        "lidar": lidar_nan,
        "csi": nan_of(csi_copy),
        "wifi": nan_of(csi_copy),
        "radar": nan_of(power_copy),
        "rfid": nan_of(phase_copy),
    },
    "clock_jump": clock_jump,
    "wrong_encoding": wrong_encoding,
    "short_data": short_data,
}


class ContentStage:
    """One fault that changes each message by itself."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault

    def step(self, msg: Message, since_ns: int) -> Message:
        """What a message that came `since_ns` after the bag's begin becomes."""
        if not self.fault.covers(since_ns):
            return self.outside(msg)
        try:
            return self.inside(msg, self.fault.rng(since_ns))
        except DecodeError:  # the sensor's decoder says it under the topic's name
            return msg

    def inside(self, msg: Message, rng: np.random.Generator) -> Message:
        """A changed copy of a message in the fault's window."""
        change = _CHANGES[self.fault.kind]
        if isinstance(change, dict):
            change = change[self.fault.modality]
        return change(self.fault, msg, rng)

    def outside(self, msg: Message) -> Message:
        """What becomes of the others."""
        return msg


class Freeze(ContentStage):
    """The content is that of the last message before; header and stamp are new."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault)
        self._last: Message = None

    def inside(self, msg: Message, rng: np.random.Generator) -> Message:
        """The last content under the message's own header."""
        if self._last is None or rng.random() >= self.fault.strength:
            return self.outside(msg)
        return changed(self._last, header=read(msg, "header", _SOURCE))

    def outside(self, msg: Message) -> Message:
        """The message, which is what a frozen sensor would go on to show."""
        self._last = msg
        return msg


def content_stage(fault: Fault) -> ContentStage:
    """The stage that applies a fault of a kind in `faults_kinds.CONTENT`."""
    return Freeze(fault) if fault.kind == "freeze" else ContentStage(fault)
