from dataclasses import replace
from pathlib import Path

import pytest

from pta_ros.demo import faults
from pta_ros.demo.records import StreamEntry
from pta_ros.simulate.script import load_script

SCRIPT = load_script(Path(__file__).parents[2] / "config" / "demo.yaml")
MS = 1_000_000


@pytest.fixture
def run(perfect_run):
    return perfect_run(SCRIPT)


def span(run, name):
    return next(s for s in run.spans if s.name == name)


def test_each_lost_stream_is_timed_from_its_last_good_stamp(run):
    found = faults.lost_stream_detected_s(run)
    assert set(found) == {
        "lidar silent: lidar",
        "csi alone: depth",
        "all silent: csi",
        "lidar frozen: lidar",
    }
    # three periods, 12 ms to publish, 1 ms on the way
    assert list(found.values()) == pytest.approx([0.313] * 4)


def test_a_later_detection_is_measured_as_later(perfect_run):
    found = faults.lost_stream_detected_s(perfect_run(SCRIPT, delay_ticks=6))
    assert found["lidar silent: lidar"] == pytest.approx(0.613)


def test_a_loss_that_is_never_reported_is_none(perfect_run):
    found = faults.lost_stream_detected_s(perfect_run(SCRIPT, delay_ticks=1000))
    assert set(found.values()) == {None}


def test_a_report_counts_as_well_as_a_skeleton(run):
    deaf = replace(run, skeletons=())
    assert faults.lost_stream_detected_s(deaf)["lidar silent: lidar"] == pytest.approx(0.313)


def test_garbage_and_frozen_streams_are_recognised_and_unused(run):
    found = faults.bad_frames(run)
    assert set(found) == {"csi garbage: csi", "lidar frozen: lidar"}
    assert found["csi garbage: csi"] == {
        "recognised_s": pytest.approx(0.013),
        "used": 0,
        "used_after": 0,
    }
    assert found["lidar frozen: lidar"]["recognised_s"] == pytest.approx(0.213)


def use(entry, modality, stamp_ns):
    streams = {**entry.streams, modality: StreamEntry("CORRUPT", 0.3, stamp_ns)}
    return replace(entry, streams=streams)


def test_a_used_garbage_frame_is_found(run):
    bad = [
        s
        for s in run.skeletons
        if s.stamp_ns in {t.stamp_ns for t in span(run, "csi garbage").ticks}
    ]
    kept = [s for s in run.skeletons if s not in bad]
    used = [use(s, "csi", s.stamp_ns) for s in bad]
    facts = faults.bad_frames(replace(run, skeletons=(*kept, *used)))["csi garbage: csi"]
    assert facts["used"] == 30
    assert facts["used_after"] == 29  # all but the one that came with the recognition


def test_a_frozen_frame_used_for_a_later_instant_is_found(run):
    frozen = span(run, "lidar frozen")
    last_good = frozen.ticks[0].stamp_ns - 100 * MS
    changed = [
        use(s, "lidar", last_good) if s.stamp_ns == frozen.ticks[20].stamp_ns else s
        for s in run.skeletons
    ]
    facts = faults.bad_frames(replace(run, skeletons=tuple(changed)))["lidar frozen: lidar"]
    assert (facts["used"], facts["used_after"]) == (1, 1)


def test_recovery_is_timed_from_the_first_tick_after_the_silence(run):
    assert faults.recovered_s(run) == pytest.approx(0.013)
    back = span(run, "all back").start_ns
    late = [s for s in run.skeletons if not back <= s.stamp_ns < back + 1000 * MS]
    assert faults.recovered_s(replace(run, skeletons=tuple(late))) == pytest.approx(1.013)


def test_no_recovery_is_none(run):
    back = span(run, "all back").start_ns
    early = tuple(s for s in run.skeletons if s.stamp_ns < back)
    assert faults.recovered_s(replace(run, skeletons=early)) is None


def test_skeletons_in_a_silence_are_counted_once_streams_are_stale(run):
    assert faults.silent_skeletons(run, 0.3) == 0
    last = span(run, "csi alone").ticks[-1].stamp_ns
    ghosts = [replace(run.skeletons[-1], received_ns=last + wait * MS) for wait in (200, 400, 900)]
    assert faults.silent_skeletons(replace(run, skeletons=(*run.skeletons, *ghosts)), 0.3) == 2


def test_a_silence_must_be_reported_as_error_until_it_ends(run):
    assert faults.silence_reported_s(run) == pytest.approx(0.313)
    quiet = tuple(replace(r, level=min(r.level, 1)) for r in run.reports)
    assert faults.silence_reported_s(replace(run, reports=quiet)) is None
    end = span(run, "all silent").end_ns
    taken_back = tuple(
        replace(r, level=1) if end - 500 * MS < r.received_ns < end else r for r in run.reports
    )
    assert faults.silence_reported_s(replace(run, reports=taken_back)) is None
