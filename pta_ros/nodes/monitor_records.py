"""What the monitor keeps of each message: plain records, one JSON line each."""

from __future__ import annotations

import math
from typing import Any

from pta_ros.frames import StreamState
from pta_ros.nodes.messages import stamp_ns

_COUNTERS = ("received", "used", "dropped", "corrupt", "lost")


def _number(value: float, digits: int = 4) -> float | None:
    """A float that JSON can hold: None where it is not finite."""
    return round(float(value), digits) if math.isfinite(value) else None


def joints(msg: Any) -> list[list[float]]:
    """A skeleton's positions, 17 rows of x, y, z in metres."""
    return [[round(p.x, 5), round(p.y, 5), round(p.z, 5)] for p in msg.positions]


def skeleton_record(msg: Any, received_ns: int) -> dict[str, Any]:
    """One estimate as it arrived at `received_ns`."""
    return {
        "type": "skeleton",
        "stamp_ns": stamp_ns(msg.header.stamp),
        "received_ns": received_ns,
        "latency_ms": _number(msg.latency_ms),
        "model": msg.model,
        "joints": joints(msg),
        "std": [_number(value, 5) for value in msg.std_dev],
        "streams": {state.modality: _stream(state) for state in msg.modalities},
    }


def activity_record(msg: Any, received_ns: int) -> dict[str, Any]:
    """One activity as it arrived at `received_ns`."""
    return {
        "type": "activity",
        "stamp_ns": stamp_ns(msg.header.stamp),
        "received_ns": received_ns,
        "latency_ms": _number(msg.latency_ms),
        "model": msg.model,
        "label": msg.label,
        "class_id": int(msg.class_id),
        "confidence": _number(msg.confidence),
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


def diagnostics_record(msg: Any, received_ns: int) -> dict[str, Any] | None:
    """One report of the fusion node; None when the array is from another node."""
    found = {status.name.rpartition(": ")[2]: status for status in msg.status}
    fusion = found.pop("fusion", None)
    if fusion is None:
        return None
    values = {pair.key: pair.value for pair in fusion.values}
    return {
        "type": "diagnostics",
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
