import json
from dataclasses import replace
from pathlib import Path

import pytest

from pta_ros.demo import report
from pta_ros.demo.plan import LOADED, Request, make_plan, transport_script
from pta_ros.demo.records import Report, StreamEntry
from pta_ros.demo.run import Measured
from pta_ros.errors import ConfigError
from pta_ros.simulate.script import MODALITIES

pytest.importorskip("open3d")


def reports(run, received):
    """One report a second, with what had been received (a function of the seconds so far)."""
    begin = run.spans[0].start_ns
    made = []
    for second in range(16):
        counters = {"received": received(second)}
        streams = {m: StreamEntry("LIVE", 0.0, 0, counters) for m in MODALITIES}
        made.append(Report(begin + second * 10**9, 0, streams))
    return tuple(made)


@pytest.mark.parametrize("lost", [0, 3])
def test_lost_messages_are_counted_between_two_silences(perfect_run, lost):
    run = perfect_run(transport_script(10, MODALITIES))
    told = reports(run, lambda second: 40 if second < 3 else 40 + 100 - lost)
    summary = report.load_summary(replace(run, estimates=(), reports=told), LOADED)
    assert summary["messages"]["depth"] == {"sent": 100, "received": 100 - lost, "lost": lost}
    assert summary["sent_rate_hz"] == pytest.approx(10.0)


def test_instants_that_nobody_estimated_are_lost(perfect_run):
    run = perfect_run(transport_script(10, MODALITIES))
    assert report.load_summary(run, LOADED)["lost_estimates"] == 0
    without = replace(run, estimates=(*run.estimates[:30], *run.estimates[32:]))
    found = report.load_summary(without, LOADED)
    assert (found["instants"], found["lost_estimates"]) == (
        99,
        2,
    )


def test_counts_that_were_never_told_are_unknown(perfect_run):
    run = replace(perfect_run(transport_script(10, MODALITIES)), estimates=(), reports=())
    assert report.load_summary(run, LOADED)["messages"]["csi"]["lost"] is None


@pytest.fixture
def judged(activity_run, monkeypatch, tmp_path):
    """Reports of a hand-made run of activities, by the check that was asked for."""

    def make(check=None, **run):
        monkeypatch.setattr(report, "load_run", lambda folder, sensors: activity_run(**run))
        plan = make_plan(Request("activity", check=check), tmp_path)
        return report.make_report(plan, Measured(machine=[(3.5, 1.5)]))

    return make


def test_the_demo_ends_with_0_on_a_busy_machine_and_its_check_with_3(judged, tmp_path):
    made = judged(latency_ms=400.0)
    assert made.exit_code == 0
    assert made.files == (tmp_path / "summary.json", tmp_path / "summary.png")
    assert all(path.is_file() and str(path) for path in made.files)
    summary = json.loads(made.files[0].read_text())
    assert {f["ok"] for f in summary["verdict"]} == {True}
    assert not all(bound["ok"] for bound in summary["bounds"])
    assert summary["machine"]["load"] == 3.5
    assert judged("speed", latency_ms=400.0).exit_code == 3


def test_a_fusion_that_is_wrong_ends_with_3(judged):
    assert judged(answer=lambda index: 3).exit_code == 3


def test_a_simulator_that_lags_is_told():
    simulator = {"kept_rate_hz": 9.9, "rate_hz": 10.0}
    summary = {"machine": {"load": 1, "processors": 2, "others": 0.1}, "simulator": simulator}
    assert len(report.machine_text(summary).splitlines()) == 1
    summary["simulator"] = {**simulator, "kept_rate_hz": 3.0}
    assert len(report.machine_text(summary).splitlines()) == 2


def test_a_full_disk_is_told():
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("no /dev/full")
    with pytest.raises(ConfigError, match="cannot write /dev/full: No space left"):
        report._write(full, lambda: full.write_text("x"))
