"""Stream: each state change, each kind of bad stamp, and the counters."""

import math

import numpy as np
import pytest

from pta_ros.errors import ConfigError, DecodeError, NobodySeen
from pta_ros.frames import Frame, StreamState
from pta_ros.fusion.streams import Stream, StreamConfig

MS = 1_000_000
T0 = 1_700_000_000_000 * MS
ERROR = DecodeError("wifi/csi", "2 antennas", "3 antennas")
NOBODY = NobodySeen("lidar", "sees nobody: 3 of 14,800 points in the region", "at least 16")


def make(ms, content=None, modality="depth"):
    """A frame stamped `ms` after T0 with content that no other stamp has."""
    array = np.full((2, 2), float(ms if content is None else content), np.float32)
    return Frame(modality, T0 + round(ms * MS), array)


def at(ms):
    return T0 + round(ms * MS)


class Driven:
    """A stream under a clock in ms after T0."""

    def __init__(self, **settings):
        self.stream = Stream("depth", StreamConfig(**settings))

    def push(self, ms, now=None, content=None):
        return self.stream.push(make(ms, content), at(ms if now is None else now))

    def fail(self, now, error=ERROR):
        self.stream.reject(error, at(now))

    def state(self, now):
        return self.stream.status(at(now)).state

    def status(self, now):
        return self.stream.status(at(now))

    def near(self, ms, now):
        """Stamp in ms of the nearest frame."""
        frame = self.stream.nearest(at(ms), at(now))
        return None if frame is None else (frame.stamp_ns - T0) / MS

    def run(self, *stamps):
        for ms in stamps:
            assert self.push(ms)
        return self


def counts(status):
    return status.received, status.used, status.dropped, status.corrupt


def test_missing_until_the_first_frame_then_live_at_once():
    s = Driven()
    assert s.state(0) is StreamState.MISSING
    assert s.status(0).age_s == math.inf
    assert s.status(0).reason == "no usable message yet"
    assert s.near(0, 0) is None
    assert s.push(10)
    assert s.state(20) is StreamState.LIVE
    assert s.status(20).reason == ""
    assert s.status(20).age_s == pytest.approx(0.01)
    assert s.near(0, 20) == 10


def test_stale_exactly_after_the_limit_and_gives_no_frame():
    s = Driven().run(0)
    assert s.state(300) is StreamState.LIVE
    assert s.state(300.001) is StreamState.STALE
    assert s.near(0, 301) is None
    assert "0.45 s" in s.status(450).reason


def test_staleness_does_not_depend_on_being_polled():
    s = Driven().run(0, 100)
    s.push(500)
    assert s.state(500) is StreamState.STALE
    s.push(600)
    assert s.state(600) is StreamState.LIVE


def test_stale_needs_good_frames_in_a_row_without_a_long_pause():
    s = Driven(recover_frames=3).run(0)
    assert s.state(1000) is StreamState.STALE
    s.run(1000, 1100)
    assert s.state(1100) is StreamState.STALE
    s.run(1500)  # the pause starts the count over
    s.run(1600)
    assert s.state(1600) is StreamState.STALE
    s.run(1700)
    assert s.state(1700) is StreamState.LIVE


def test_frame_that_is_old_on_arrival_never_makes_a_stream_live():
    s = Driven()
    for ms in (0, 100, 200, 300):
        s.push(ms, now=ms + 1000)
        assert s.state(ms + 1000) is StreamState.STALE
        assert s.near(ms, ms + 1000) is None


def test_first_bad_message_makes_it_corrupt_and_drops_what_waits():
    s = Driven().run(0, 100)
    s.fail(150)
    status = s.status(150)
    assert status.state is StreamState.CORRUPT
    assert status.reason == str(ERROR)
    assert s.near(100, 150) is None
    assert counts(status) == (3, 0, 2, 1)


def test_corrupt_data_before_anything_else_has_infinite_age():
    s = Driven()
    s.fail(0)
    assert s.state(0) is StreamState.CORRUPT
    assert s.status(0).age_s == math.inf


def test_corrupt_recovers_after_good_frames_in_a_row_only():
    s = Driven(recover_frames=2).run(0)
    s.fail(100)
    s.push(200)
    assert s.state(200) is StreamState.CORRUPT
    s.fail(300)
    s.push(400)
    assert s.state(400) is StreamState.CORRUPT
    assert s.near(400, 400) is None
    s.push(500)
    assert s.state(500) is StreamState.LIVE
    assert s.near(500, 500) == 500


def test_alternating_good_and_bad_never_recovers():
    s = Driven()
    for ms in range(0, 2000, 200):
        s.push(ms)
        s.fail(ms + 100)
        assert s.near(ms, ms + 100) is None
        assert s.state(ms + 100) is StreamState.CORRUPT


def test_corrupt_stream_that_falls_silent_turns_stale_and_keeps_the_error():
    s = Driven()
    s.fail(0)
    assert s.state(300) is StreamState.CORRUPT
    assert s.state(301) is StreamState.STALE
    assert "2 antennas" in s.status(301).reason
    s.push(400)
    assert s.state(400) is StreamState.STALE  # hysteresis holds on this way too
    s.push(500)
    assert s.state(500) is StreamState.LIVE


def test_good_frame_long_ago_does_not_make_ongoing_corrupt_data_stale():
    s = Driven().run(0)
    for ms in range(100, 1000, 100):
        s.fail(ms)
    assert s.state(1000) is StreamState.CORRUPT


def test_repeated_old_stamp_is_dropped_and_does_not_refresh_age():
    s = Driven().run(0, 100, 200)
    for now in range(300, 700, 100):
        assert not s.push(200, now=now, content=now)
    status = s.status(601)
    assert status.state is StreamState.STALE
    assert "stamps do not advance" in status.reason
    assert status.age_s == pytest.approx(0.401)
    assert counts(status) == (7, 0, 7, 0)


def test_frozen_sensor_that_cycles_through_old_stamps_turns_stale():
    s = Driven(history=3).run(*range(0, 1000, 100))
    for k in range(20):
        assert not s.push(500 + 100 * (k % 5), now=1000 + 100 * k, content=5000 + k)
    assert s.state(3000) is StreamState.STALE


def test_identical_content_is_never_used_and_corrupt_at_the_second_repeat():
    s = Driven(freeze_frames=2).run(0, 100)
    assert not s.push(200, content=100)
    assert s.state(200) is StreamState.LIVE
    assert s.near(200, 200) is None  # 100 is too far, the repeat is not there
    assert not s.push(300, content=100)
    status = s.status(300)
    assert status.state is StreamState.CORRUPT
    assert "frozen" in status.reason
    assert counts(status) == (4, 0, 3, 1)
    s.push(400, content=100)
    assert s.status(400).corrupt == 2


def test_frozen_stream_recovers_with_moving_content():
    s = Driven(freeze_frames=1).run(0)
    s.push(100, content=0)
    assert s.state(100) is StreamState.CORRUPT
    s.run(200)
    assert s.state(200) is StreamState.CORRUPT
    s.push(300, content=200)  # breaks the run
    s.run(400)
    assert s.state(400) is StreamState.CORRUPT
    s.run(500)
    assert s.state(500) is StreamState.LIVE


def test_repeat_of_content_breaks_the_run_of_good_frames():
    s = Driven(freeze_frames=3).run(0)
    s.run(1000)
    s.push(1100, content=1000)
    s.run(1200)
    assert s.state(1200) is StreamState.STALE
    s.run(1300)
    assert s.state(1300) is StreamState.LIVE


def test_two_equal_frames_in_a_row_are_forgiven():
    s = Driven(freeze_frames=2)
    for k, content in enumerate([1, 1, 2, 2, 3, 3]):
        s.push(100 * k, content=content)
        assert s.state(100 * k) is StreamState.LIVE


def test_freeze_detection_can_be_off():
    s = Driven(freeze_frames=0)
    for ms in range(0, 1000, 100):
        assert s.push(ms, content=1)
    assert s.state(900) is StreamState.LIVE


def test_late_frame_is_inserted_in_order():
    s = Driven(sync_tolerance_s=0.01).run(0, 100, 300)
    assert s.push(200, now=310)
    assert s.near(200, 310) == 200
    assert s.near(300, 310) == 300
    assert s.status(310).age_s == pytest.approx(0.01)


def test_late_frame_older_than_a_used_one_is_dropped():
    s = Driven().run(0, 100, 300)
    s.stream.buffer.take(s.stream.nearest(at(300), at(300)))
    s.stream.buffer.settle(used=True)
    assert not s.push(200, now=310)
    assert counts(s.status(310)) == (4, 1, 3, 0)


def test_late_frame_beyond_the_history_is_dropped():
    s = Driven(history=2, stale_after_s=5.0).run(100, 200, 300, 400)
    assert not s.push(200, now=410)
    assert not s.push(150, now=410)
    status = s.status(410)
    assert counts(status) == (6, 0, 4, 0)
    assert s.stream.buffer.waiting == 2


def test_oldest_frame_of_a_full_history_goes():
    s = Driven(history=3, sync_tolerance_s=0.01, stale_after_s=5.0).run(0, 100, 200, 300)
    assert s.near(0, 300) is None
    assert s.near(100, 300) == 100


@pytest.mark.parametrize(
    ("distance", "found"), [(80, 100), (80.001, None), (-80, 100), (-81, None)]
)
def test_sync_tolerance_is_inclusive(distance, found):
    s = Driven().run(100)
    assert s.near(100 + distance, 200) == found


def test_nearest_prefers_the_newer_of_two_at_equal_distance():
    assert Driven().run(0, 100).near(50, 100) == 100


def test_offset_moves_stamps_age_and_sync():
    s = Driven(offset_s=-0.05)
    s.push(100)
    assert s.near(50, 100) == 50
    assert s.status(100).age_s == pytest.approx(0.05)


def test_offset_is_applied_before_a_stamp_is_judged_to_be_in_the_future():
    s = Driven(offset_s=-1.0)
    assert s.push(1000, now=10)
    assert s.near(0, 10) == 0


def test_future_stamp_gets_the_time_of_receipt():
    s = Driven()
    assert s.push(5000, now=0)
    assert s.push(5100, now=100)
    assert s.near(100, 100) == 100
    assert s.state(301) is StreamState.LIVE
    assert s.state(401) is StreamState.STALE


def test_future_stamp_within_the_tolerance_is_kept_and_age_is_never_negative():
    s = Driven()
    s.push(100, now=0)
    assert s.near(100, 0) == 100
    assert s.status(0).age_s == 0


def test_repeated_future_stamp_is_a_repeat():
    s = Driven()
    s.push(5000, now=0)
    assert not s.push(5000, now=100, content=1)
    assert s.state(301) is StreamState.STALE


def test_future_stamp_can_be_rejected():
    s = Driven(stamp_policy="reject")
    assert not s.push(5000, now=0)
    status = s.status(0)
    assert status.state is StreamState.MISSING
    assert "5.000 s in the future" in status.reason
    assert counts(status) == (1, 0, 1, 0)


@pytest.mark.parametrize("stamp", [0, -5])
def test_zero_stamp_follows_the_policy(stamp):
    frame = Frame("depth", stamp, np.ones((2, 2), np.float32))
    receive, reject = Driven().stream, Driven(stamp_policy="reject").stream
    assert receive.push(frame, at(0))
    assert receive.nearest(at(0), at(0)).stamp_ns == at(0)
    assert not reject.push(frame, at(0))
    assert reject.status(at(0)).reason == (
        "no usable message yet: stamps are zero: set depth.stamp_policy to align, or receive"
    )
    assert (receive.status(at(0)).restamped, reject.status(at(0)).restamped) == (1, 0)


def test_zero_stamps_with_frozen_content_turn_corrupt():
    s = Driven().stream
    for k in range(5):
        s.push(Frame("depth", 0, np.ones((2, 2), np.float32)), at(100 * k))
    assert s.status(at(400)).state is StreamState.CORRUPT


def test_clock_that_jumps_back_resets_and_keeps_the_counters():
    s = Driven().run(10_000, 10_100)
    assert s.state(9_000) is StreamState.MISSING
    assert s.push(9_010)
    assert s.near(9_010, 9_010) == 9_010
    assert counts(s.status(9_010)) == (3, 0, 2, 0)


def test_clock_that_wobbles_resets_nothing():
    s = Driven().run(10_000)
    assert s.state(9_600) is StreamState.LIVE
    assert s.near(10_000, 9_600) == 10_000


def test_clock_that_creeps_back_resets_too():
    s = Driven().run(10_000)
    states = [s.state(now) for now in (9_700, 9_400)]
    assert states == [StreamState.LIVE, StreamState.MISSING]


def test_old_stamp_under_a_steady_clock_resets_nothing():
    s = Driven(sync_tolerance_s=0.01).run(10_000, 10_100)
    s.push(2_000, now=10_150)
    assert s.state(10_150) is StreamState.LIVE
    assert s.near(10_100, 10_150) == 10_100


def test_disabled_stream_takes_nothing_and_can_be_switched():
    s = Driven(enabled=False)
    assert not s.push(0)
    s.fail(10)
    status = s.status(10)
    assert status.state is StreamState.DISABLED
    assert status.reason == "disabled by the operator"
    assert counts(status) == (2, 0, 1, 1)
    s.stream.enable(True)
    assert s.state(20) is StreamState.MISSING
    s.run(100)
    assert s.state(100) is StreamState.LIVE
    s.stream.enable(False)
    assert s.near(100, 100) is None
    assert s.stream.newest_ns(at(100)) is None


def test_stream_that_was_switched_off_and_on_starts_over():
    s = Driven().run(0)
    s.stream.enable(False)
    s.stream.enable(True)
    assert s.state(10) is StreamState.MISSING
    assert counts(s.status(10)) == (1, 0, 1, 0)


def test_lost_counts_gaps_but_not_where_messages_came_and_were_unusable():
    s = Driven().run(*range(0, 1000, 100))
    s.fail(1000)
    s.run(1100, 1200)
    assert s.status(1200).lost == 0
    s.run(1400)
    assert s.status(1400).lost == 1
    assert s.status(1400).rate_hz == pytest.approx(10, rel=0.2)


def test_a_slow_sensor_stays_live_between_its_messages_and_dies_when_it_stops():
    s = Driven().run(*range(0, 3000, 333))
    states = [s.state(ms) for ms in range(2700, 3450, 50)]
    assert states == [StreamState.LIVE] * len(states)
    assert s.status(3000).stale_limit_s == pytest.approx(2.5 * 0.333)
    assert s.state(2997 + 832) is StreamState.LIVE
    assert s.state(2997 + 834) is StreamState.STALE


def test_a_slow_sensor_is_live_after_seven_messages():
    s, states = Driven(), []
    for k in range(10):
        s.push(333 * k)
        states.append(s.state(333 * k + 332))
    assert states == [StreamState.STALE] * 5 + [StreamState.LIVE] * 5


def test_a_sensor_that_slows_down_is_followed_and_one_that_is_quick_again_too():
    s = Driven().run(*range(0, 2000, 100), *range(2000, 8000, 400))
    assert s.state(7999) is StreamState.LIVE
    assert s.status(7999).stale_limit_s == pytest.approx(1.0)
    s.run(*range(8000, 9500, 100))
    assert s.status(9400).stale_limit_s == pytest.approx(0.3)
    assert s.state(9701) is StreamState.STALE


def test_frame_used_in_two_estimates_counts_once():
    s = Driven().run(0)
    for _ in range(2):
        s.stream.buffer.take(s.stream.nearest(at(0), at(10)))
        s.stream.buffer.settle(used=True)
    assert counts(s.status(10)) == (1, 1, 0, 0)


def test_frame_in_an_estimate_that_is_thrown_away_is_dropped():
    s = Driven().run(0)
    s.stream.buffer.take(s.stream.nearest(at(0), at(10)))
    assert s.stream.buffer.waiting == 1
    s.stream.buffer.settle(used=False)
    assert counts(s.status(10)) == (1, 0, 1, 0)
    assert s.stream.buffer.waiting == 0


def test_frame_in_flight_survives_a_bad_message():
    s = Driven().run(0)
    s.stream.buffer.take(s.stream.nearest(at(0), at(10)))
    s.fail(20)
    s.stream.buffer.settle(used=True)
    assert counts(s.status(20)) == (2, 1, 0, 1)


@pytest.mark.parametrize(
    "setting",
    [
        {"stale_after_s": 0.0},
        {"stale_after_s": math.nan},
        {"sync_tolerance_s": -0.1},
        {"offset_s": math.inf},
        {"recover_frames": 0},
        {"freeze_frames": -1},
        {"history": 0},
        {"future_tolerance_s": -1.0},
        {"stamp_policy": "guess"},
    ],
)
def test_impossible_settings_are_named(setting):
    with pytest.raises(ConfigError, match=next(iter(setting))):
        StreamConfig(**setting)


def test_a_sensor_that_sees_nobody_is_empty_until_the_first_good_frame():
    s = Driven(recover_frames=5).run(0, 100)
    s.fail(200, NOBODY)
    told = s.status(210)
    assert told.state is StreamState.EMPTY
    assert told.reason == "sees nobody: 3 of 14,800 points in the region (at least 16)"
    assert s.near(100, 210) is None  # it is absent, not waited for
    assert s.stream.newest_ns(at(210)) is None
    for ms in range(300, 2200, 100):
        s.fail(ms, NOBODY)
        assert s.state(ms) is StreamState.EMPTY
    assert s.push(2200)
    assert s.state(2210) is StreamState.LIVE
    assert counts(s.status(2210)) == (23, 0, 22, 0)
    assert s.stream.buffer.waiting == 1


def test_an_empty_sensor_that_falls_silent_is_stale():
    s = Driven()
    s.fail(0, NOBODY)
    assert s.state(300) is StreamState.EMPTY
    assert s.state(301) is StreamState.STALE
    assert "sees nobody" in s.status(301).reason
    s.fail(400, NOBODY)
    assert s.state(400) is StreamState.EMPTY


def test_messages_without_a_person_are_not_lost_ones():
    s = Driven().run(*range(0, 1000, 100))
    for ms in range(1000, 3000, 100):
        s.fail(ms, NOBODY)
    s.run(*range(3000, 4000, 100))
    assert s.status(4000).lost == 0


def test_a_sensor_that_is_off_stays_off_whatever_it_sees():
    s = Driven(enabled=False)
    s.fail(0, NOBODY)
    assert s.state(1) is StreamState.DISABLED
    assert counts(s.status(1)) == (1, 0, 1, 0)


def test_an_empty_message_between_damaged_ones_is_no_recovery():
    s = Driven(recover_frames=2)
    s.push(0)
    s.fail(100)
    s.fail(200, NOBODY)
    assert s.state(200) is StreamState.EMPTY
    s.push(300)
    assert s.state(300) is StreamState.EMPTY
    s.push(400)
    assert s.state(400) is StreamState.LIVE
    s.fail(500, NOBODY)
    s.push(600)
    assert s.state(600) is StreamState.LIVE
