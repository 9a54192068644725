"""The fusion node's messages read back: as plain records for JSON, and as this package's own."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np

from pta_ros.clock import stamp_ns
from pta_ros.errors import DecodeError
from pta_ros.frames import (
    Estimate,
    FloatArray,
    Person,
    StreamState,
    StreamStatus,
    Track,
)
from pta_ros.people.centred import trunk
from pta_ros.skeleton import NUM_JOINTS

_COUNTERS = ("received", "used", "dropped", "corrupt", "lost")


def _number(value: float, digits: int = 4) -> float | None:
    """A float that JSON can hold: None where it is not finite."""
    return round(float(value), digits) if math.isfinite(value) else None


def joints(msg: Any) -> list[list[float]]:
    """A skeleton's positions, 17 rows of x, y, z in metres."""
    return [[round(p.x, 5), round(p.y, 5), round(p.z, 5)] for p in msg.positions]


def skeleton_record(msg: Any, received_ns: int) -> dict[str, Any]:
    """One skeleton as it arrived at `received_ns`."""
    std_m = [_number(value, 5) for value in msg.std_dev]
    told = {"joints": joints(msg), "std": std_m, "id": msg.track_id, "predicted": msg.predicted}
    return _record("skeleton", msg, received_ns, **told)


def people_record(msg: Any, received_ns: int) -> dict[str, Any]:
    """Everybody as they arrived at `received_ns`: number, presence, joints, deviations, weights."""
    people = [
        {
            "id": person.id,
            "unseen_s": _number(person.unseen_s),
            "predicted": person.predicted,
            "presence": _number(person.presence),
            "joints": joints(person.skeleton),
            "std": [_number(value, 5) for value in person.skeleton.std_dev],
            "weights": {s.modality: _number(s.weight) for s in person.skeleton.modalities},
        }
        for person in msg.people
    ]
    return _record("people", msg, received_ns, people=people)


def activity_record(msg: Any, received_ns: int) -> dict[str, Any]:
    """One activity as it arrived at `received_ns`."""
    told = {"class_id": int(msg.class_id), "confidence": _number(msg.confidence)}
    return _record("activity", msg, received_ns, label=msg.label, **told)


def _record(kind: str, msg: Any, received_ns: int, **told: Any) -> dict[str, Any]:
    """What is kept of any estimate, and what it tells."""
    return {
        "type": kind,
        "stamp_ns": stamp_ns(msg.header.stamp),
        "received_ns": received_ns,
        "latency_ms": _number(msg.latency_ms),
        "model": msg.model,
        **told,
        "streams": {state.modality: _stream(state) for state in msg.modalities},
    }


def _stream(state: Any) -> dict[str, Any]:
    return {
        "state": StreamState(state.state).name,
        "age_s": _number(state.age_s),
        "rate_hz": _number(state.rate_hz, 2),
        "weight": _number(state.weight),
        "stamp_ns": stamp_ns(state.stamp),
        "reason": state.reason,
        **{name: int(getattr(state, name)) for name in _COUNTERS},
    }


def truth_record(msg: Any, received_ns: int) -> dict[str, Any]:
    """One ground truth pose."""
    stamp = stamp_ns(msg.header.stamp)
    return {"type": "truth", "stamp_ns": stamp, "received_ns": received_ns, "joints": joints(msg)}


def diagnostics_record(msg: Any, received_ns: int, namespace: str = "/") -> dict[str, Any] | None:
    """One report of the fusion node in a namespace; None when the array is from another node."""
    found = {status.name.rpartition(": ")[2]: status for status in msg.status}
    fusion = found.pop("fusion", None)
    if fusion is None:
        return None
    node = fusion.name.rpartition(": ")[0]
    if (node.rpartition("/")[0] or "/") != namespace:
        return None  # another robot's
    values = {pair.key: pair.value for pair in fusion.values}
    return {
        "type": "diagnostics",
        "node": node,
        "stamp_ns": stamp_ns(msg.header.stamp),
        "received_ns": received_ns,
        "level": int.from_bytes(fusion.level, "little"),
        "message": fusion.message,
        "device": values.get("device", ""),
        "streams": {name: _reported(status) for name, status in found.items()},
    }


def _reported(status: Any) -> dict[str, Any]:
    values = {pair.key: pair.value for pair in status.values}
    numbers = {n: _number(float(values.get(n, "nan"))) for n in ("age_s", "rate_hz", "weight")}
    counters = {name: int(values.get(name, 0)) for name in _COUNTERS}
    return {
        "state": values.get("state", ""),
        "reason": values.get("reason", ""),
        **numbers,
        **counters,
    }


def to_joints(msg: Any, topic: str) -> FloatArray:
    """A Skeleton's positions, (17, 3) metres; raises DecodeError for other sizes and NaN."""
    joints = np.array([(p.x, p.y, p.z) for p in msg.positions], np.float32).reshape(-1, 3)
    if len(joints) != NUM_JOINTS or not np.isfinite(joints).all():
        raise DecodeError(topic, f"{len(joints)} joints", f"{NUM_JOINTS} finite positions")
    return joints


def to_estimate(msg: Any, topic: str) -> Estimate:
    """A Skeleton as the estimate it was made from; of the times only the latency is known."""
    std_m = np.asarray(msg.std_dev, np.float32)
    if std_m.shape != (NUM_JOINTS,) or not np.isfinite(std_m).all():
        raise DecodeError(topic, f"{len(std_m)} deviations", f"{NUM_JOINTS} finite numbers")
    return _estimate(msg, to_joints(msg, topic), std_m)


def to_crowd(msg: Any, topic: str) -> Estimate:
    """A People as the estimate it was made from, everybody in the level frame."""
    people = []
    for one in msg.people:
        found = to_estimate(one.skeleton, topic)
        joints, deviation = found.joints_m.astype(np.float64), found.std_m.astype(np.float64)
        person = Person(float(one.presence), trunk(joints), joints, deviation, found.weights)
        people.append(person)
    numbered = zip(msg.people, people, strict=True)
    tracks = tuple(_track(one, person) for one, person in numbered if one.id)
    first = people[0] if people else None
    joints_m = np.zeros((0, 3)) if first is None else first.joints
    std_m = np.zeros(0) if first is None else first.deviation_m
    estimate = _estimate(msg, joints_m.astype(np.float32), std_m.astype(np.float32))
    return replace(estimate, people=tuple(people), tracks=tracks)


def _track(msg: Any, person: Person) -> Track:
    """A Person that has a number; the pelvis's deviation stands for the centre's."""
    skeleton, velocity = msg.skeleton, msg.velocity
    velocities = np.array([(v.x, v.y, v.z) for v in skeleton.velocities]).reshape(-1, 3)
    return Track(
        id=int(msg.id),
        stamp_ns=stamp_ns(skeleton.header.stamp),
        age_s=float(msg.age_s),
        unseen_s=float(msg.unseen_s),
        predicted=bool(msg.predicted),
        centre=person.centre,
        velocity=np.array([velocity.x, velocity.y, velocity.z]),
        joints=person.joints,
        velocities=velocities,
        deviation_m=person.deviation_m,
        centre_deviation_m=float(person.deviation_m[0]),
        presence=person.presence,
        weights=person.weights,
    )


def _estimate(msg: Any, joints_m: FloatArray, std_m: FloatArray) -> Estimate:
    """What a Skeleton and a People have alike."""
    used = [state for state in msg.modalities if state.weight > 0]
    return Estimate(
        stamp_ns=stamp_ns(msg.header.stamp),
        joints_m=joints_m,
        std_m=std_m,
        weights={state.modality: float(state.weight) for state in used},
        stamps_ns={state.modality: stamp_ns(state.stamp) for state in used},
        streams=tuple(_status(state) for state in msg.modalities),
        timings_ms={"latency": float(msg.latency_ms)},
    )


def _status(state: Any) -> StreamStatus:
    return StreamStatus(
        modality=state.modality,
        state=StreamState(state.state),
        age_s=float(state.age_s),
        rate_hz=float(state.rate_hz),
        weight=float(state.weight),
        reason=state.reason,
        **{name: int(getattr(state, name)) for name in _COUNTERS},
    )


def to_statuses(msg: Any, namespace: str = "/") -> tuple[StreamStatus, ...]:
    """What a DiagnosticArray says of the streams; nothing when it is not the fusion node's."""
    record = diagnostics_record(msg, 0, namespace) or {"streams": {}}
    return tuple(
        StreamStatus(
            modality=name,
            state=StreamState[told["state"]],
            age_s=_or(told["age_s"], float("inf")),
            rate_hz=_or(told["rate_hz"], 0.0),
            weight=_or(told["weight"], 0.0),
            reason=told["reason"],
            **{counter: told[counter] for counter in _COUNTERS},
        )
        for name, told in record["streams"].items()
        if told["state"] in StreamState.__members__
    )


def _or(value: float | None, unknown: float) -> float:
    return unknown if value is None else value
