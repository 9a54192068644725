from dataclasses import replace

import pytest

from pta_ros.demo.checks import LOADED, memory_script, transport_script
from pta_ros.demo.load import load_summary
from pta_ros.demo.records import Report, StreamEntry
from pta_ros.simulate.script import MODALITIES, Phase, Script


def reports(run, received):
    """One report a second, with what had been received (a function of the seconds so far)."""
    begin = run.spans[0].start_ns
    made = []
    for second in range(16):
        counters = {"received": received(second)}
        streams = {m: StreamEntry("LIVE", 0.0, 0, counters) for m in MODALITIES}
        made.append(Report(begin + second * 10**9, 0, "", streams))
    return tuple(made)


@pytest.mark.parametrize(("lost", "seconds"), [(0, 10), (3, 10)])
def test_lost_messages_are_counted_between_two_silences(perfect_run, lost, seconds):
    run = perfect_run(transport_script(seconds))
    told = reports(run, lambda second: 40 if second < 3 else 40 + 100 - lost)
    summary = load_summary(replace(run, skeletons=(), reports=told), LOADED)
    assert summary["messages"]["depth"] == {"sent": 100, "received": 100 - lost, "lost": lost}
    assert summary["sent_rate_hz"] == pytest.approx(10.0)


def test_counts_that_were_never_told_are_unknown(perfect_run):
    run = replace(perfect_run(transport_script(10)), skeletons=(), reports=())
    assert load_summary(run, LOADED)["messages"]["csi"]["lost"] is None


def test_the_memory_check_repeats_the_script():
    one = Script((Phase("a", 0, 10), Phase("b", 10, 30)))
    long = memory_script(one, 600.0)
    assert long.duration_s == pytest.approx(600.0)
    assert len(long.phases) == 40
    assert long.phases[-1].name == "b 20"
