"""Which message and which tick of the clock comes when."""

import pytest

pytest.importorskip("rosbags")

from pta_ros.bags.records import Raw
from pta_ros.nodes.player import Schedule, Window, with_ticks


def raw(time_ns, topic="/a"):
    return Raw(topic, "std_msgs/msg/String", time_ns, b"")


def test_a_window_takes_what_lies_inside_and_says_when_it_searches():
    messages = [raw(t) for t in (10, 20, 30, 40)]
    assert list(Window(20, 30).cut(messages, "")) == [None, raw(20), raw(30)]


def test_what_holds_from_before_comes_at_the_begin():
    messages = [raw(5, "/tf_static"), raw(10), raw(25)]
    kept = Window(20, 30).cut(messages, "/tf_static")
    assert list(kept) == [raw(20, "/tf_static"), None, raw(25)]


def test_ticks_come_between_messages_and_up_to_the_end():
    events = [(e.time_ns, e.raw is None) for e in with_ticks([raw(0), raw(25)], Window(0, 40), 10)]
    assert events == [
        (0, False),
        (0, True),
        (10, True),
        (20, True),
        (25, False),
        (30, True),
        (40, True),
    ]


def test_without_a_clock_there_are_only_messages():
    events = list(with_ticks([raw(3), raw(25)], Window(0, 40), 0))
    assert [e.time_ns for e in events] == [3, 25]


def test_time_never_runs_backwards():
    messages = [raw(t) for t in (0, 0, 7, 10, 10, 33)]
    times = [e.time_ns for e in with_ticks(messages, Window(0, 50), 10)]
    assert times == sorted(times)


def test_no_error_adds_up():
    schedule = Schedule(begin_ns=1_700_000_000_000_000_000, steady_ns=5_000, rate=3.0)
    hour_ns = 3_600_000_000_000
    assert schedule.due_ns(schedule.begin_ns) == 5_000
    assert schedule.due_ns(schedule.begin_ns + hour_ns) == 5_000 + hour_ns // 3
    assert Schedule(0, 0, 0.5).due_ns(10) == 20
