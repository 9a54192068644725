import copy
import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pta_ros.evaluation.faults.injector import KINDS, Fault, FaultPlan, Injector
from pta_ros.evaluation.faults.plan import CONTENT, TRANSPORT
from pta_ros.sensors import SENSORS, CsiSensor, sensors_of

TOPICS = sensors_of("mmfi")
PAIRS = [(kind, modality) for kind, known in KINDS.items() for modality in known.modalities]
NS = 1_000_000_000


@st.composite
def faults(draw, kinds=tuple(KINDS)):
    kind, modality = draw(st.sampled_from([pair for pair in PAIRS if pair[0] in kinds]))
    known = KINDS[kind]
    start = draw(st.floats(0, 3))
    strength = draw(st.floats(max(known.low, -5), min(known.high, 5)).filter(lambda v: v))
    if kind == "dead_antenna":
        strength = float(max(1, int(strength)))
    return Fault(
        kind,
        modality,
        start,
        start + draw(st.floats(0.01, 3)),
        max(strength, -5 if known.low < 0 else 0.01),
        draw(st.integers(0, 9)),
        jitter_s=draw(st.floats(0, 1)) if kind == "delay" else 0.0,
        axis=draw(st.sampled_from(["rows", "columns"])) if kind == "dead_rows" else "rows",
    )


plans = st.lists(faults(), max_size=6).map(lambda found: FaultPlan("drawn", tuple(found)))


def carried_all(kit, plan, modalities):
    """Messages of several sensors through one injector: what arrives of each."""
    injector = Injector(plan, kit.BEGIN_NS)
    found = {modality: [] for modality in SENSORS}
    for raw in kit.raws(40):
        for modality in modalities:
            found[modality] += injector.transport(modality, raw)
    rest = injector.flush()
    return {m: sorted(f, key=lambda raw: raw.time_ns) for m, f in found.items()}, rest


def changed_all(kit, plan, modalities):
    injector = Injector(plan, kit.BEGIN_NS)
    found = {modality: [] for modality in SENSORS}
    for n in range(0, 40, 8):
        for modality in modalities:
            msg = kit.MAKERS[modality](n, stamp_ns=kit.at(n / 10))
            found[modality].append(injector.content(modality, kit.at(n / 10), msg))
    return found


@given(plan=plans)
def test_the_same_plan_does_the_same(kit, plan):
    assert carried_all(kit, plan, TOPICS) == carried_all(kit, plan, TOPICS)
    one, other = changed_all(kit, plan, TOPICS), changed_all(kit, plan, TOPICS)
    for modality in TOPICS:
        assert all(map(kit.same, one[modality], other[modality]))


@given(plan=plans, modality=st.sampled_from(list(TOPICS)))
def test_other_sensors_messages_and_faults_play_no_part(kit, plan, modality):
    own = FaultPlan("own", tuple(f for f in plan.faults if f.modality == modality))
    assert (
        carried_all(kit, plan, TOPICS)[0][modality]
        == carried_all(kit, own, [modality])[0][modality]
    )
    together, alone = changed_all(kit, plan, TOPICS), changed_all(kit, own, [modality])
    assert all(map(kit.same, together[modality], alone[modality]))


@given(fault=faults(), time_s=st.floats(-1, 10))
def test_a_fault_changes_nothing_outside_its_window(kit, fault, time_s):
    injector, time_ns = Injector(FaultPlan("one", (fault,)), kit.BEGIN_NS), kit.at(time_s)
    if injector.active(time_ns):
        return
    msg, raw = kit.MAKERS[fault.modality](), kit.raws(1)[0]
    raw = type(raw)(raw.topic, raw.type, time_ns, raw.data)
    assert injector.content(fault.modality, time_ns, msg) is msg
    assert injector.transport(fault.modality, raw) == [raw]
    assert injector.flush() == []


@given(fault=faults(tuple(CONTENT)), seed=st.integers(0, 3))
def test_the_message_that_comes_in_is_never_changed(kit, fault, seed):
    injector = Injector(FaultPlan("one", (fault,)), kit.BEGIN_NS)
    msg = kit.MAKERS[fault.modality](seed)
    before = copy.deepcopy(msg)
    injector.content(fault.modality, kit.at((fault.start_s + fault.end_s) / 2), msg)
    assert kit.same(msg, before)


VALUES = ("amplitude", "power", "phase", "data")
SIZES = ("height", "width", "step", "point_step", "row_step", "rows", "columns", *CsiSensor.axes)
claims = st.sampled_from([0, 1, 2, 3, 11, 48, 65535, 2**32 - 1])


@given(
    fault=faults(tuple(CONTENT)),
    sizes=st.dictionaries(st.sampled_from(SIZES), claims),
    keep=st.floats(0, 1),
)
def test_sizes_that_lie_break_nothing(kit, fault, sizes, keep):
    msg = kit.MAKERS[fault.modality]()
    for name in sizes.keys() & vars_of(msg):
        setattr(msg, name, sizes[name])
    values = next(name for name in VALUES if hasattr(msg, name))
    setattr(msg, values, getattr(msg, values)[: int(keep * len(getattr(msg, values)))])
    kit.an_injector(fault).content(fault.modality, kit.at(fault.start_s + 0.005), msg)


def vars_of(msg):
    return {field.name for field in dataclasses.fields(msg)}


@given(plan=plans)
def test_only_a_drop_or_a_rate_loses_messages(kit, plan):
    found, rest = carried_all(kit, plan, TOPICS)
    for modality in TOPICS:
        kinds = {fault.kind for fault in plan.faults if fault.modality == modality}
        if not kinds & {"drop", "rate", "truncated"}:
            came = {raw.data for raw in (*found[modality], *rest)}
            assert came == {raw.data for raw in kit.raws(40)}


@given(plan=plans)
def test_nothing_arrives_before_it_was_sent(kit, plan):
    plan = FaultPlan("whole", tuple(f for f in plan.faults if f.kind != "truncated"))
    found, _ = carried_all(kit, plan, TOPICS)
    sent = {raw.data: raw.time_ns for raw in kit.raws(40)}
    assert all(raw.time_ns >= sent[raw.data] for came in found.values() for raw in came)


def test_a_shifted_bag_has_the_same_faults(kit):
    plan = FaultPlan("half", (kit.a_fault("drop", strength=0.5),))
    early, late = Injector(plan, 0), Injector(plan, 5 * NS)
    for n in range(20):
        raw = kit.raws(1)[0]
        one, other = (type(raw)("t", "x", n * NS // 10 + t, b"") for t in (0, 5 * NS))
        assert len(early.transport("depth", one)) == len(late.transport("depth", other))


def test_active_faults_are_those_whose_window_holds_the_time(kit):
    first, second = kit.a_fault("drop"), kit.a_fault("freeze", "csi", start_s=1.5, end_s=3.0)
    injector = kit.an_injector(first, second)
    times = (0.999, 1.0, 1.5, 1.999, 2.0, 3.0)
    found = [injector.active(kit.at(t)) for t in times]
    assert found == [(), (first,), (first, second), (first, second), (second,), ()]


@pytest.mark.parametrize(("kind", "modality"), PAIRS)
def test_every_fault_does_something_inside_its_window(kit, kind, modality):
    injector = kit.an_injector(kit.a_fault(kind, modality))
    if kind in TRANSPORT:
        assert kit.carried(injector, kit.raws(), modality) != kit.raws()
        return
    injector.content(modality, kit.at(0.9), kit.MAKERS[modality](1))
    msg = kit.MAKERS[modality]()
    assert not kit.same(injector.content(modality, kit.at(1.1), msg), msg)


def test_two_sensors_with_the_same_seed_fail_independently(kit):
    plan = FaultPlan("two", tuple(kit.a_fault("drop", m, 0.5) for m in ("depth", "csi")))
    found, _ = carried_all(kit, plan, TOPICS)
    assert found["depth"] != found["csi"]
