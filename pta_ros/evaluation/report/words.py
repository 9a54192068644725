"""The report's sentences and figures in words."""

from __future__ import annotations

from collections.abc import Sequence

from pta_ros.evaluation.faults.plan import strength_text
from pta_ros.evaluation.report import terms
from pta_ros.evaluation.report.faults_seen import FaultSeen
from pta_ros.evaluation.report.measure import Measured, SensorSeen
from pta_ros.evaluation.report.scores import Judged
from pta_ros.evaluation.report.states import LIVE, MISSING
from pta_ros.evaluation.report.terms import NONE

#: A sensor may be MISSING for so long at the begin without a word: bags start at any moment.
_START_S = 1.0


def number(value: float | None, digits: int = 1) -> str:
    """A figure, or a dash where there is none."""
    return NONE if value is None else f"{value:.{digits}f}"


def percent(share: float | None) -> str:
    """A share in percent; 100 % and 0 % only when it is all or nothing."""
    if share is None:
        return NONE
    if share in (0, 1) or 0.005 <= share < 0.995:
        return f"{share:.0%}"
    return f"{min(max(share, 0.001), 0.999):.1%}"


def clock(seconds: float) -> str:
    """A time in a bag: 12.3 s, or 2:05 min from two minutes on."""
    if seconds < 120:
        return f"{seconds:.1f}".removesuffix(".0") + " s"
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d} min"


def period(begin_s: float, end_s: float) -> str:
    """A stretch of time in a bag, the unit said once where it is the same."""
    begin, end = clock(begin_s), clock(end_s)
    same = begin[-3:].split()[-1] == end[-3:].split()[-1]
    return f"{begin.rpartition(' ')[0] if same else begin}–{end}"


def listed(names: Sequence[str]) -> str:
    """`a, b and c`."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def strength(fault: FaultSeen) -> str:
    """What the strength of a fault is, with its unit."""
    return strength_text(fault.kind, fault.modality, fault.strength)


def verdict(seen: Measured) -> str:
    """The one line that says what happened and what it cost."""
    return " ".join(part for part in (events(seen), cost(seen)) if part)


def events(seen: Measured) -> str:
    """What happened to the sensors, in one or two sentences."""
    what = _faults(seen.faults) if seen.faults else _sensors(seen.sensors)
    if seen.estimates == 0:
        return f"{what} No estimate at all."
    silent = f" No estimate for {seen.silent_s:.1f} s in all." if seen.silent_s > 0 else ""
    return what + silent


def _sensors(sensors: Sequence[SensorSeen]) -> str:
    out = [s for s in sensors if _not_live_s(s) > 0]
    if not out:
        return "All sensors LIVE."
    return "Not LIVE: " + listed([f"{s.modality} for {_not_live_s(s):.1f} s" for s in out]) + "."


def _not_live_s(sensor: SensorSeen) -> float:
    out = {state: time for state, time in sensor.state_s.items() if state != LIVE}
    if out.get(MISSING, 0.0) <= _START_S:
        out.pop(MISSING, None)
    return sum(out.values())


def _faults(faults: Sequence[FaultSeen]) -> str:
    met = [fault for fault in faults if fault.begin_s < fault.end_s]
    late = len(faults) - len(met)
    if not met:
        return "The bag ends before any fault begins."
    rest = f" {late} more after the bag's end." if late else ""
    if len(met) == 1:
        return f"{window(met[0])}: {reaction(met[0])}.{rest}"
    sensors = listed(sorted({fault.modality for fault in met}))
    kinds = sorted({fault.kind for fault in met})
    which = words_of(kinds[0]) if len(kinds) == 1 else f"{len(kinds)} kinds"
    left = sum(fault.state is not None for fault in met)
    did = f"{left} put the sensor out of use" if left else "the sensors stay LIVE"
    return f"{len(met)} faults ({which}) on {sensors}: {did}.{rest}"


def window(fault: FaultSeen) -> str:
    """Sensor, kind and time of a fault."""
    return f"{fault.modality} {words_of(fault.kind)} {period(fault.begin_s, fault.end_s)}"


def words_of(kind: str) -> str:
    """The kind of a fault as words."""
    return kind.replace("_", " ")


def reaction(fault: FaultSeen) -> str:
    """What the stream did about a fault."""
    if fault.begin_s >= fault.end_s:
        return "not reached by the end of the bag"
    if fault.state is None:
        return f"stays LIVE, used in {percent(fault.used)} of the estimates{_weights(fault)}"
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


def _weights(fault: FaultSeen) -> str:
    if fault.weight is None or fault.free_weight is None:
        return ""
    return f", weight {fault.weight:.2f} instead of {fault.free_weight:.2f}"


def cost(seen: Measured) -> str:
    """What the faults cost, beside nothing failing and beside doing without the sensor."""
    if not seen.faults:
        return "" if seen.whole is None else f"{_figure(seen.whole)}."
    if seen.window is None or seen.free is None:
        return terms.effect(seen)
    return f"{_figure(seen.window, terms.figure(seen.free))}{_beside_dropped(seen)}."


def _figure(judged: Judged, before: str = "") -> str:
    name = terms.name(judged)
    way = f"{before} → " if before else ""
    return f"{name[0].upper()}{name[1:]} {way}{terms.figure(judged)} {terms.unit(judged)}"


def _beside_dropped(seen: Measured) -> str:
    if seen.kept is None or seen.dropped is None:
        return ""
    said = "kept" if seen.kept else "MISSED"
    without = f"{terms.figure(seen.dropped)} {terms.unit(seen.dropped)} with the sensor dropped"
    return f"; {without} instead ({terms.beside_dropped(seen)}, limit {terms.limit(seen)} {said})"
