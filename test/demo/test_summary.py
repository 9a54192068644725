from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from pta_ros.demo import summary as demo
from pta_ros.demo.records import Report, StreamEntry

POSE = np.zeros((17, 3))
MS = 1_000_000


def span(run, name):
    return next(s for s in run.spans if s.name == name)


def phases(run, **given):
    return {p["name"]: p for p in demo.summarise(run, **given)["phases"]}


def test_phases_are_the_scripts(run, script):
    summary = demo.summarise(run, POSE, {})
    assert (summary["schema"], summary["task"], summary["synthetic"]) == (2, "pose", True)
    made = summary["phases"]
    assert [(p["name"], p["start_s"], p["end_s"]) for p in made] == [
        (p.name, p.start_s, p.end_s) for p in script.phases
    ]
    assert [set(p["available"]) for p in made] == [set(p.available) for p in script.phases]
    assert [p["estimates"] for p in made] == [80, 50, 40, 0, 50, 30, 30]
    assert [p["expected"] for p in made] == [80, 50, 40, 0, 50, 30, 30]


def test_rate_counts_from_the_first_live_stream(run):
    found = phases(run)
    assert found["all"]["rate_hz"] == pytest.approx(10.0)
    assert found["all silent"]["rate_hz"] == 0.0
    assert found["all back"]["rate_hz"] == pytest.approx(50 / (5.0 - 0.013), abs=1e-3)


def test_missing_estimates_lower_the_rate(run):
    assert phases(replace(run, estimates=run.estimates[::2]))["all"]["rate_hz"] == 5.0


def test_errors_are_in_millimetres_at_the_estimates_own_stamps(run):
    summary = demo.summarise(run, POSE, {})
    assert (summary["mpjpe_mm"], summary["judged"]) == (pytest.approx(30.0), 280)
    errors = [p["mpjpe_mm"] for p in summary["phases"]]
    assert errors == [pytest.approx(30.0)] * 3 + [None] + [pytest.approx(30.0)] * 3


@pytest.mark.parametrize("late", ["of another instant", "missing"])
def test_an_estimate_without_the_expected_sensors_is_not_judged(run, late):
    first = run.estimates[0]
    used_ns = first.stamp_ns - 40 * MS if late == "of another instant" else 0
    streams = {**first.streams, "lidar": StreamEntry("LIVE", 0.3, used_ns)}
    odd = replace(first, joints_m=POSE + 9.0, streams=streams)
    phase = phases(replace(run, estimates=(odd, *run.estimates[1:])))["all"]
    assert (phase["estimates"], phase["expected"]) == (80, 79)
    assert phase["mpjpe_mm"] == pytest.approx(30.0)


def test_an_estimate_of_an_unknown_instant_is_counted_and_not_scored(run):
    odd = replace(run.estimates[5], stamp_ns=run.estimates[5].stamp_ns + 1, joints_m=POSE + 9.0)
    summary = demo.summarise(replace(run, estimates=(*run.estimates[:5], odd)), POSE, {})
    assert summary["unmatched_estimates"] == 1
    assert summary["mpjpe_mm"] == pytest.approx(30.0)


def test_the_mean_pose_is_scored_on_the_same_instants(run):
    alone = span(run, "csi alone")
    truth = np.stack([t.joints_m for t in alone.ticks])
    expected = 1e3 * np.linalg.norm(truth, axis=-1).mean()
    phase = demo.phase_summary(run, alone, POSE)
    assert phase["mean_pose_mpjpe_mm"] == pytest.approx(expected, abs=0.01)


def test_only_windows_within_one_activity_are_judged(activity_run):
    summary = demo.summarise(activity_run(lambda index: 7 if index % 18 >= 10 else 3))
    assert (summary["task"], summary["accuracy"]) == ("activity", 100.0)
    wrong = demo.summarise(activity_run(lambda index: 3))
    assert (wrong["accuracy"], wrong["judged"]) == (0.0, summary["judged"])


def test_latency_percentiles(run):
    late = replace(run.estimates[0], latency_ms=50.0)
    summary = demo.summarise(replace(run, estimates=(late, *run.estimates[1:])))
    values = [50.0] + [12.0] * (len(run.estimates) - 1)
    p99 = pytest.approx(np.percentile(values, 99), abs=0.01)
    assert summary["latency_ms"] == {"p50": 12.0, "p99": p99}


def test_weights_are_means_over_the_phase(run):
    thirds = dict.fromkeys(("csi", "depth", "lidar"), pytest.approx(1 / 3, abs=1e-4))
    assert phases(run)["all"]["weights"] == thirds
    assert phases(run)["csi alone"]["weights"] == {"csi": 1.0, "depth": 0.0, "lidar": 0.0}


def test_the_reference_is_compared_on_common_instants(run):
    corrupt = span(run, "csi corrupt")
    inside = {t.index: 25.0 for t in corrupt.ticks[:10]}
    pair = demo.compare(run, corrupt, inside)
    assert pair == {"instants": 10, "live_mm": 30.0, "without_it_mm": 25.0, "ratio": 1.2}
    assert demo.compare(run, corrupt, {})["ratio"] is None


def test_counters_are_the_largest_that_were_told(run):
    assert run.counters()["lidar"]["received"] == 299


def test_spans_do_not_overlap_and_cover_the_script(run):
    assert all(a.end_ns == b.start_ns for a, b in pairwise(run.spans))
    assert run.spans[-1].end_ns - run.spans[0].start_ns == 30 * 10**9


def noticed(run):
    return {
        f"{name}: {stream}": facts["noticed_s"]
        for name, phase in phases(run).items()
        for stream, facts in phase["failing"].items()
    }


def test_each_failing_stream_is_timed_from_its_last_good_stamp(run):
    # three periods, 12 ms to publish, 1 ms on the way; corrupt at once
    lost = dict.fromkeys(
        ("lidar silent: lidar", "csi alone: depth", "all silent: csi", "lidar frozen: lidar"),
        pytest.approx(0.313),
    )
    assert noticed(run) == lost | {"csi corrupt: csi": pytest.approx(0.013)}


def test_a_later_detection_is_measured_as_later(perfect_run, script):
    assert noticed(perfect_run(script, delay_ticks=6))["lidar silent: lidar"] == 0.613


def test_a_loss_that_is_never_reported_is_none(perfect_run, script):
    found = noticed(perfect_run(script, delay_ticks=1000))
    assert {name for name, seconds in found.items() if seconds is not None} == {"csi corrupt: csi"}


def test_a_report_counts_as_well_as_an_estimate(run):
    assert noticed(replace(run, estimates=()))["lidar silent: lidar"] == pytest.approx(0.313)


def test_a_report_that_comes_after_the_phase_still_counts(run):
    """A busy machine may deliver the account of a short fault late."""
    silent, back = span(run, "all silent"), span(run, "all back")
    early = [r for r in run.reports if r.received_ns < silent.start_ns]
    streams = {m: StreamEntry("STALE") for m in ("depth", "lidar", "csi")}
    late = Report(back.start_ns + 400 * MS, 2, streams)
    alive = [r for r in run.reports if r.received_ns > back.start_ns + 500 * MS]
    kept = tuple(e for e in run.estimates if not 0 <= e.stamp_ns - silent.start_ns < 2_500 * MS)
    phase = phases(replace(run, reports=(*early, late, *alive), estimates=kept))["all silent"]
    assert phase["failing"]["csi"]["state"] == "STALE"
    assert phase["silence"]["error_s"] == pytest.approx(2.5)


def use(estimate, modality, stamp_ns):
    streams = {**estimate.streams, modality: StreamEntry("CORRUPT", 0.3, stamp_ns)}
    return replace(estimate, streams=streams)


@pytest.mark.parametrize(("name", "modality"), [("csi corrupt", "csi"), ("lidar frozen", "lidar")])
def test_a_stream_that_is_used_after_it_was_noticed_is_found(run, name, modality):
    failing = span(run, name)
    stamps = {tick.stamp_ns for tick in failing.ticks}
    changed = [use(e, modality, e.stamp_ns) if e.stamp_ns in stamps else e for e in run.estimates]
    facts = phases(replace(run, estimates=tuple(changed)))[name]["failing"][modality]
    expected = {"csi": ("CORRUPT", 29, 29), "lidar": ("CORRUPT", 29, 29)}[modality]
    assert (facts["state"], facts["used"], facts["used_after"]) == expected


def test_an_estimate_that_arrives_late_is_no_misuse(run):
    """What was sampled before the fault was noticed may be published later."""
    corrupt = span(run, "csi corrupt")
    last = next(e for e in run.estimates if e.stamp_ns == corrupt.ticks[0].stamp_ns)
    late = replace(use(last, "csi", last.stamp_ns - 100 * MS), received_ns=corrupt.end_ns - MS)
    kept = tuple(e for e in run.estimates if e is not last)
    facts = phases(replace(run, estimates=(*kept, late)))["csi corrupt"]["failing"]["csi"]
    assert (facts["noticed_s"], facts["used_after"]) == (pytest.approx(0.013), 0)


def silence(run):
    return phases(run)["all silent"]["silence"]


def test_recovery_is_timed_from_the_first_tick_after_the_silence(run):
    assert silence(run)["recovered_s"] == pytest.approx(0.013)
    back = span(run, "all back").start_ns
    late = tuple(e for e in run.estimates if not back <= e.stamp_ns < back + 1000 * MS)
    assert silence(replace(run, estimates=late))["recovered_s"] == pytest.approx(1.013)


def test_no_recovery_is_none(run):
    back = span(run, "all back")
    never = tuple(e for e in run.estimates if e not in run.within(back))
    assert silence(replace(run, estimates=never))["recovered_s"] is None


def test_estimates_of_instants_after_the_error_are_counted(run):
    assert silence(run)["estimates"] == 0
    start = span(run, "all silent").start_ns
    ghosts = [replace(run.estimates[-1], stamp_ns=start + wait * MS) for wait in (100, 400, 900)]
    assert silence(replace(run, estimates=(*run.estimates, *ghosts)))["estimates"] == 2


def test_a_silence_must_be_reported_as_error_until_it_ends(run):
    assert (silence(run)["error_s"], silence(run)["held"]) == (pytest.approx(0.313), True)
    quiet = tuple(replace(r, level=min(r.level, 1)) for r in run.reports)
    assert silence(replace(run, reports=quiet))["error_s"] is None
    end = span(run, "all silent").end_ns
    taken_back = tuple(
        replace(r, level=1) if end - 500 * MS < r.received_ns < end else r for r in run.reports
    )
    assert silence(replace(run, reports=taken_back))["held"] is False
