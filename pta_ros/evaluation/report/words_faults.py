"""What happened to sensors in a replay, in words: the faults put in, and what streams did then."""

from __future__ import annotations

from collections.abc import Sequence

from pta_ros.evaluation.faults.plan import strength_text
from pta_ros.evaluation.report.numerals import listed, number, percent, period
from pta_ros.evaluation.report.scores import EMPTY, LIVE, MISSING
from pta_ros.evaluation.report.seen import FaultSeen, SensorSeen

#: A sensor may be MISSING for so long at the begin without a word: bags start at any moment.
_START_S = 1.0
#: A mean weight below this is written as 0.00: the model leaves the sensor out.
_NO_WEIGHT = 0.005


def fault_window(fault: FaultSeen) -> str:
    """Sensor, kind and time of a fault."""
    return f"{fault.modality} {kind(fault.kind)} {period(fault.begin_s, fault.end_s)}"


def kind(fault_kind: str) -> str:
    """The kind of a fault as words."""
    return fault_kind.replace("_", " ")


def strength(fault: FaultSeen) -> str:
    """What the strength of a fault is, with its unit."""
    return strength_text(fault.kind, fault.modality, fault.strength)


def reaction(fault: FaultSeen) -> str:
    """What the stream did about a fault."""
    if fault.begin_s >= fault.end_s:
        return "not reached by the end of the bag"
    if fault.state is None:
        return f"stays LIVE, {_use(fault)}"
    told = f"{fault.state} after {number(fault.left_after_s, 2)} s"
    if fault.left_after_s == 0:
        told = f"{fault.state} from its begin"
    if fault.back_after_s is None and fault.outlasts:
        return f"{told}, to the end of the bag"
    if fault.back_after_s is None:
        return f"{told}, not back by the end of the bag"
    if fault.back_after_s == 0:
        return f"{told}, out of use for {fault.out_s:.1f} s of it"
    return f"{told}, back {fault.back_after_s:.2f} s after it"


def _use(fault: FaultSeen) -> str:
    """What the estimates made of a sensor that stayed LIVE: a frame may be weighed with 0."""
    if fault.used is None:
        return "no estimate meanwhile"
    if fault.weight is None:
        return "but no estimate has a frame of it"
    instead = "" if fault.free_weight is None else f" instead of {fault.free_weight:.2f}"
    if max(fault.weight, fault.free_weight or 0.0) < _NO_WEIGHT and fault.free_weight is not None:
        return "which makes no difference: the model does not weigh it beside the others"
    if fault.weight < _NO_WEIGHT:
        return f"but the model leaves it out: weight 0.00{instead}"
    told = f"used in {percent(fault.used)} of the estimates"
    return f"{told}, weight {fault.weight:.2f}{instead}" if instead else told


def all_sensors(sensors: Sequence[SensorSeen]) -> str:
    """Which sensors were out of use, and for how long."""
    out = [s for s in sensors if _not_live_s(s) > 0 or _never(s)]
    told = [f"{s.modality} for {_not_live_s(s):.1f} s" for s in out if not _never(s)]
    never = [s.modality for s in out if _never(s)]
    told += [f"{listed(never)} at any time"] if never else []
    parts = [f"Not LIVE: {listed(told)}."] if told else []
    alone = [f"{s.modality} for {t:.1f} s" for s in sensors if (t := s.state_s.get(EMPTY, 0)) > 0]
    parts += [f"Nobody seen: by {listed(alone)}."] if alone else []
    return " ".join(parts) or "All sensors LIVE."


def _never(sensor: SensorSeen) -> bool:
    """Whether it was of no use at any time, in however short a recording."""
    return sensor.state_s[LIVE] == 0 and sensor.used == 0 and not sensor.state_s.get(EMPTY, 0)


def _not_live_s(sensor: SensorSeen) -> float:
    out = {state: time for state, time in sensor.state_s.items() if state not in (LIVE, EMPTY)}
    if out.get(MISSING, 0.0) <= _START_S:
        out.pop(MISSING, None)
    return sum(out.values())


def all_faults(faults: Sequence[FaultSeen]) -> str:
    """What the faults of a replay were, and what the streams did about them."""
    met = [fault for fault in faults if fault.begin_s < fault.end_s]
    late = len(faults) - len(met)
    if not met:
        return "The bag ends before any fault begins."
    rest = f" {late} more after the bag's end." if late else ""
    if len(met) == 1:
        return f"{fault_window(met[0])}: {reaction(met[0])}.{rest}"
    sensors = listed(sorted({fault.modality for fault in met}))
    kinds = sorted({fault.kind for fault in met})
    which = kind(kinds[0]) if len(kinds) == 1 else f"{len(kinds)} kinds"
    left = sum(fault.state is not None for fault in met)
    did = f"{left} put the sensor out of use" if left else "the sensors stay LIVE"
    return f"{len(met)} faults ({which}) on {sensors}: {did}.{rest}"
