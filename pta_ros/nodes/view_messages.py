"""The fusion node's messages, read back into this package's records."""

from __future__ import annotations

from typing import Any

import numpy as np

from pta_ros.errors import DecodeError
from pta_ros.frames import Estimate, FloatArray, StreamState, StreamStatus
from pta_ros.nodes.messages import stamp_ns
from pta_ros.nodes.monitor_records import diagnostics_record
from pta_ros.skeleton import NUM_JOINTS

_COUNTERS = ("received", "used", "dropped", "corrupt", "lost")


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
    used = [state for state in msg.modalities if state.weight > 0]
    return Estimate(
        stamp_ns=stamp_ns(msg.header.stamp),
        joints_m=to_joints(msg, topic),
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


def to_statuses(msg: Any) -> tuple[StreamStatus, ...]:
    """What a DiagnosticArray says of the streams; nothing when it is not the fusion node's."""
    record = diagnostics_record(msg, 0) or {"streams": {}}
    return tuple(
        StreamStatus(
            modality=name,
            state=StreamState[said["state"]],
            age_s=_number(said["age_s"], float("inf")),
            rate_hz=_number(said["rate_hz"], 0.0),
            weight=_number(said["weight"], 0.0),
            reason=said["reason"],
            **{counter: said[counter] for counter in _COUNTERS},
        )
        for name, said in record["streams"].items()
        if said["state"] in StreamState.__members__
    )


def _number(value: float | None, unknown: float) -> float:
    return unknown if value is None else value
