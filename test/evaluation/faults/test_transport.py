from dataclasses import replace

import pytest

from pta_ros.bags.types import decode, known_types
from pta_ros.errors import DecodeError
from pta_ros.evaluation.faults.injector import KINDS
from pta_ros.evaluation.faults.plan import TRANSPORT
from pta_ros.sensors import sensors_of


def numbers(found):
    """Which messages arrived, in order; a message's bytes are its number."""
    return [raw.data[0] for raw in found]


def apply(kit, kind, messages=None, **more):
    return kit.carried(kit.an_injector(kit.a_fault(kind, **more)), messages or kit.raws())


def test_drop_of_all_leaves_the_window_empty(kit):
    assert numbers(apply(kit, "drop")) == [*range(10), *range(20, 30)]


def test_drop_of_a_share_loses_about_that_share(kit):
    messages = kit.raws(200, 0.005)
    kept = len(apply(kit, "drop", messages, strength=0.3, start_s=0.0))
    assert 120 <= kept <= 160


def test_drop_depends_on_the_seed(kit):
    one, other = (numbers(apply(kit, "drop", strength=0.5, seed=s)) for s in (1, 2))
    assert one != other


def test_delay_keeps_bytes_and_comes_later(kit):
    found = apply(kit, "delay", strength=0.25)
    by_number = {raw.data[0]: raw for raw in found}
    assert by_number[12].time_ns == kit.at(1.45)
    assert by_number[12].data == kit.raws()[12].data
    assert by_number[9].time_ns == kit.at(0.9)
    # the last of the window comes behind the first ones that are in time again
    assert numbers(found).index(19) > numbers(found).index(21)


def test_jitter_varies_the_delay_and_lets_messages_overtake(kit):
    found = apply(kit, "delay", strength=0.1, jitter_s=0.5)
    late_s = [(raw.time_ns - kit.at(raw.data[0] / 10)) / 1e9 for raw in found]
    inside = [late for late, n in zip(late_s, numbers(found), strict=True) if 10 <= n < 20]
    assert min(inside) >= 0.1
    assert max(inside) <= 0.6
    assert len({round(late, 3) for late in inside}) > 5
    assert numbers(found) != sorted(numbers(found))


def test_duplicates_come_twice(kit):
    found = apply(kit, "duplicate")
    twice = [n for n in range(30) for _ in range(2 if 10 <= n < 20 else 1)]
    assert numbers(found) == twice


def test_reorder_swaps_neighbours(kit):
    found = numbers(apply(kit, "reorder"))
    assert found[:10] == list(range(10))
    assert found[10:20] == [11, 10, 13, 12, 15, 14, 17, 16, 19, 18]
    assert found[20:] == list(range(20, 30))


def test_reorder_of_an_odd_number_swaps_the_last_with_the_first_behind(kit):
    assert numbers(apply(kit, "reorder", end_s=1.5))[10:17] == [11, 10, 13, 12, 15, 14, 16]


def test_a_message_that_waits_at_the_bags_end_is_not_lost(kit):
    assert numbers(apply(kit, "reorder", kit.raws(11))) == list(range(11))


def test_a_message_that_waits_meets_the_other_faults_too(kit):
    faults = [kit.a_fault("reorder"), kit.a_fault("delay", strength=5.0, end_s=9.0)]
    found = kit.carried(kit.an_injector(*faults), kit.raws(11))
    assert found[-1].time_ns == kit.at(6.0)


def test_rate_keeps_the_first_of_every_period(kit):
    found = [n for n in numbers(apply(kit, "rate", strength=5.0)) if 10 <= n < 20]
    assert found == [10, 12, 14, 16, 18]


def test_rate_of_a_sensor_that_trembles_is_right_on_average(kit):
    messages = [replace(raw, time_ns=raw.time_ns + i % 3 * 7_000_000)
                for i, raw in enumerate(kit.raws(100))]  # fmt: skip
    found = apply(kit, "rate", messages, strength=3.0, start_s=0.0, end_s=10.0)
    assert 29 <= len(found) <= 31


def test_a_rate_above_the_sensors_own_changes_nothing(kit):
    assert apply(kit, "rate", strength=100.0) == kit.raws()


@pytest.mark.parametrize("strength", [1e-6, 0.01, 0.5, 0.99, 1.0])
@pytest.mark.parametrize("modality", list(sensors_of("mmfi")))
def test_a_truncated_message_cannot_be_decoded(kit, modality, strength):
    msg = kit.MAKERS[modality]()
    data = bytes(known_types().serialize_cdr(msg, msg.__msgtype__))
    # recorders may pad the bytes to four
    raw = replace(kit.raws(1)[0], time_ns=kit.at(1.5), data=data + b"\0" * (-len(data) % 4))
    decode(known_types(), "t", msg.__msgtype__, raw.data)
    fault = kit.a_fault("truncated", modality, strength)
    (cut,) = kit.an_injector(fault).transport(modality, raw)
    assert len(cut.data) <= len(raw.data) * (1 - strength)
    with pytest.raises(DecodeError):
        decode(known_types(), "t", msg.__msgtype__, cut.data)


@pytest.mark.parametrize("kind", list(TRANSPORT))
def test_nothing_changes_outside_the_window(kit, kind):
    fault = kit.a_fault(kind, start_s=10.0, end_s=11.0)
    assert kit.carried(kit.an_injector(fault), kit.raws()) == kit.raws()


@pytest.mark.parametrize("kind", [k for k in KINDS if k not in TRANSPORT])
def test_faults_of_the_content_leave_the_transport_alone(kit, kind):
    modality = KINDS[kind].modalities[-1]
    injector = kit.an_injector(kit.a_fault(kind, modality))
    assert kit.carried(injector, kit.raws(), modality) == kit.raws()


def test_faults_that_overlap_all_act(kit):
    faults = [kit.a_fault("duplicate"), kit.a_fault("rate", strength=5.0), kit.a_fault("delay")]
    found = kit.carried(kit.an_injector(*faults), kit.raws())
    late = [raw for raw in found if raw.data[0] == 14]
    assert [raw.time_ns for raw in late] == [kit.at(1.7)] * 2
    assert 15 not in numbers(found)
