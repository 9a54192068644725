"""ROS messages of this package's records and of any plain fields, and times of messages."""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import import_module
from typing import Any

import numpy as np
from builtin_interfaces.msg import Time
from geometry_msgs.msg import Vector3
from pta_msgs.msg import Activity, ModalityState, People, Person, Skeleton
from std_msgs.msg import Header

from pta_ros.clock import NS
from pta_ros.frames import Estimate, StreamStatus, Track
from pta_ros.fusion.level import LEVEL_FRAME
from pta_ros.sensors import DepthSensor
from pta_ros.sensors.base import Sensor
from pta_ros.skeleton import skeleton_fields

#: What array.array calls the types that numpy calls otherwise.
_CODES = {"l": "q", "L": "Q"}


def to_time(ns: int) -> Time:
    """Nanoseconds as a message's stamp."""
    return Time(sec=ns // NS, nanosec=ns % NS)


def to_header(ns: int, frame_id: str) -> Header:
    """A header of this stamp and frame."""
    return Header(stamp=to_time(ns), frame_id=frame_id)


def buffer(values: np.ndarray) -> array:
    """The values of an array, in row-major order, as an array.array.

    Messages take it in microseconds, where a list or an ndarray costs milliseconds for one image.
    """
    result = array(_CODES.get(values.dtype.char, values.dtype.char))
    result.frombytes(np.ascontiguousarray(values).reshape(-1).view(np.uint8))
    return result


@cache
def message_class(type_name: str) -> Any:
    """The class of a type such as "sensor_msgs/msg/Image"; ImportError where there is none."""
    package, _, name = type_name.replace("/msg/", "/").partition("/")
    try:
        return getattr(import_module(f"{package}.msg"), name)
    except (AttributeError, TypeError) as error:
        raise ImportError(f"no message class {type_name!r}", name=package) from error


def to_message(type_name: str, fields: Mapping[str, Any], header: Header | None = None) -> Any:
    """A message of plain fields: numpy arrays for sequences of numbers, dicts for messages."""
    kind, types = message_class(type_name), _field_types(type_name)
    given = {name: _value(types[name], value) for name, value in fields.items()}
    return kind(**given) if header is None else kind(header=header, **given)


@cache
def _field_types(type_name: str) -> dict[str, str]:
    types: dict[str, str] = message_class(type_name).get_fields_and_field_types()
    return types


def _value(kind: str, value: Any) -> Any:
    """A field's value as a message takes it; `kind` such as uint32 or sequence<pkg/Name>."""
    if isinstance(value, dict):
        return to_message(kind, value)
    if not kind.startswith("sequence<"):
        return value
    if isinstance(value, np.ndarray):
        return buffer(value)
    of = kind[len("sequence<") : -1]
    return [_value(of, one) for one in value] if "/" in of else list(value)


def to_reading(sensor: Sensor, array: np.ndarray, header: Header) -> Any:
    """The sensor's message of a physical or a reduced array."""
    return to_message(sensor.message_type, sensor.fields(array), header)


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
    states = _states(estimate)
    fields = skeleton_fields(estimate.joints_m, estimate.std_m, model, states)
    fields |= _followed(estimate.tracks[0]) if estimate.tracks else {}
    header = to_header(estimate.stamp_ns, frame_id)
    return to_message("pta_msgs/msg/Skeleton", fields, header)


def _followed(track: Track) -> dict[str, Any]:
    """The fields of a Skeleton that only time tells."""
    velocities = [_xyz(velocity) for velocity in track.velocities.tolist()]
    return {"velocities": velocities, "track_id": track.id, "predicted": track.predicted}


def _xyz(vector: Sequence[float]) -> dict[str, float]:
    return dict(zip("xyz", vector, strict=True))


def true_skeleton(joints_m: np.ndarray) -> Skeleton:
    """The simulator's true pose, (17, 3) metres in the camera's frame; the stamp is 0."""
    fields = skeleton_fields(joints_m, np.zeros(len(joints_m)), "ground truth (synthetic)")
    return to_message("pta_msgs/msg/Skeleton", fields, to_header(0, DepthSensor.frame_id))


def true_people(joints_m: np.ndarray, frame_id: str = LEVEL_FRAME) -> People:
    """Everybody who is there, (P, 17, 3) metres in the level frame; the stamp is 0."""
    header, name = to_header(0, frame_id), "ground truth (synthetic)"
    people = []
    for index, joints in enumerate(joints_m):
        fields = skeleton_fields(joints, np.zeros(len(joints)), name)
        skeleton = to_message("pta_msgs/msg/Skeleton", fields, header)
        people.append(Person(index=index, presence=1.0, skeleton=skeleton))
    return People(header=header, people=people, model=name)


def to_activity(estimate: Estimate, classes: Sequence[str], frame_id: str, model: str) -> Activity:
    """One estimate's activity; `latency_ms` is left for the publisher."""
    best = int(estimate.probabilities.argmax())
    return Activity(
        header=to_header(estimate.stamp_ns, frame_id),
        label=classes[best],
        class_id=best,
        confidence=float(estimate.probabilities[best]),
        probabilities=buffer(estimate.probabilities.astype(np.float32, copy=False)),
        modalities=_states(estimate),
        model=model,
    )


def to_people(estimate: Estimate, frame_id: str, model: str) -> People:
    """The people of one estimate; `latency_ms` is left for the publisher (see `set_latency`)."""
    header = to_header(estimate.stamp_ns, frame_id)
    people = [
        _person(estimate, index, header, model) for index in range(len(estimate.people or ()))
    ]
    return People(header=header, people=people, modalities=_states(estimate), model=model)


def _person(estimate: Estimate, index: int, header: Header, model: str) -> Person:
    one = (estimate.people or ())[index]
    states = _states(estimate, one.weights)
    fields = skeleton_fields(one.joints, one.deviation_m, model, states)
    told: dict[str, Any] = {}
    if estimate.tracks:
        track = estimate.tracks[index]
        fields |= _followed(track)
        told = {
            "id": track.id,
            "age_s": track.age_s,
            "unseen_s": track.unseen_s,
            "predicted": track.predicted,
            "velocity": Vector3(**_xyz(track.velocity.tolist())),
        }
    skeleton = to_message("pta_msgs/msg/Skeleton", fields, header)
    return Person(index=index, presence=float(one.presence), skeleton=skeleton, **told)


def set_latency(msg: Any, latency_ms: float) -> None:
    """Write the latency into an estimate's message, and into each of its people's."""
    msg.latency_ms = latency_ms
    for person in getattr(msg, "people", ()):
        person.skeleton.latency_ms = latency_ms


def _states(estimate: Estimate, weights: Mapping[str, float] | None = None) -> list[ModalityState]:
    """The streams' states, with one person's own `weights` where they are given."""
    states = [to_modality_state(s, estimate.stamps_ns.get(s.modality, 0)) for s in estimate.streams]
    if weights is not None:
        for state in states:
            state.weight = float(weights.get(state.modality, 0.0))
    return states
