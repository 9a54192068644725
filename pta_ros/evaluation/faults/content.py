"""Faults inside the sensor: decoded messages whose values, stamps or layout are wrong.

A copy of the message is changed; its byte order, steps, padding and other fields stay as they are.
What a kind of fault means for a sensor's messages is said by the sensor (sensors/base.py).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pta_ros.clock import split_ns, stamp_ns, to_ns
from pta_ros.errors import DecodeError
from pta_ros.evaluation.faults.plan import AXES, Fault
from pta_ros.sensors import SENSORS, Sensor
from pta_ros.sensors.wire import changed, read

#: Any message object, rclpy's or rosbags'.
Message = Any
#: Gives the changed copy of a message in the fault's window; chances come from the generator.
Change = Callable[[Fault, Sensor, Message, np.random.Generator], Message]

#: The name in errors, which no user sees: the sensor's own decoder will name the topic.
_SOURCE = "faults"
_SECONDS = np.iinfo(np.int32)


def _noise(fault: Fault, sensor: Sensor, msg: Message, rng: np.random.Generator) -> Message:
    other, arrays = sensor.editable(msg, _SOURCE)
    for values in arrays:
        sensor.add_noise(values, fault.strength, rng)
    return other


def _dropout(fault: Fault, sensor: Sensor, msg: Message, rng: np.random.Generator) -> Message:
    return sensor.without_some(msg, fault.strength, rng, _SOURCE)


def _dead_rows(fault: Fault, sensor: Sensor, msg: Message, rng: np.random.Generator) -> Message:
    """A share of the rows (or columns) returns nothing, always the same ones."""
    other, (values,) = sensor.editable(msg, _SOURCE)
    lines = values if fault.axis == AXES[0] else values.T
    dead = _chosen(fault, len(lines), round(fault.strength * len(lines)))
    lines[dead] = sensor.no_reading(values)
    return other


def _dead_antenna(fault: Fault, sensor: Sensor, msg: Message, rng: np.random.Generator) -> Message:
    """Some antennas give zero, always the same ones."""
    other, (values,) = sensor.editable(msg, _SOURCE)
    values[_chosen(fault, len(values), int(fault.strength))] = 0
    return other


def _chosen(fault: Fault, count: int, wanted: int) -> NDArray[np.intp]:
    """`wanted` (at least one) of `count` things, the same ones in all of the fault's window."""
    order: NDArray[np.intp] = fault.rng().permutation(count)
    return order[: max(1, wanted)]


def _nan(fault: Fault, sensor: Sensor, msg: Message, rng: np.random.Generator) -> Message:
    other, arrays = sensor.editable(msg, _SOURCE)
    lost = rng.random(arrays[0].shape) < fault.strength
    for values in arrays:
        values[lost] = np.nan
    if hasattr(other, "is_dense"):  # a cloud tells whether all its points have coordinates
        other.is_dense = False
    return other


def _clock_jump(fault: Fault, sensor: Sensor, msg: Message, rng: np.random.Generator) -> Message:
    header = read(msg, "header", _SOURCE)
    stamp = read(header, "stamp", _SOURCE)
    sec, nanosec = split_ns(stamp_ns(stamp) + to_ns(fault.strength))
    stamp = changed(stamp, sec=min(max(sec, _SECONDS.min), _SECONDS.max), nanosec=nanosec)
    return changed(msg, header=changed(header, stamp=stamp))


def _short_data(fault: Fault, sensor: Sensor, msg: Message, rng: np.random.Generator) -> Message:
    values = read(msg, sensor.values_field, _SOURCE)
    count = min(int(len(values) * (1 - fault.strength)), len(values) - 1)
    return changed(msg, **{sensor.values_field: values[: max(0, count)]})


def _wrong_encoding(
    fault: Fault, sensor: Sensor, msg: Message, rng: np.random.Generator
) -> Message:
    return msg if rng.random() >= fault.strength else sensor.wrongly_declared(msg, _SOURCE)


#: What the kinds of plan.CONTENT do, but for `freeze`, which needs the message before.
_CHANGES: dict[str, Change] = {
    "noise": _noise,
    "dropout": _dropout,
    "dead_rows": _dead_rows,
    "dead_antenna": _dead_antenna,
    "nan": _nan,
    "clock_jump": _clock_jump,
    "wrong_encoding": _wrong_encoding,
    "short_data": _short_data,
}


class ContentStage:
    """One fault that changes each message by itself."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self._sensor = SENSORS[fault.modality]()

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
        return _CHANGES[self.fault.kind](self.fault, self._sensor, msg, rng)

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
    """The stage that applies a fault of a kind in plan.CONTENT."""
    return Freeze(fault) if fault.kind == "freeze" else ContentStage(fault)
