"""What comes late leads to what it would have led to in order."""

import pytest

from pta_ros.tracks.history import History


def kept(state, stamp, given):
    """A state that shows the order of everything that made it."""
    return (*state, (stamp, given))


def test_late_inputs_are_put_in_their_place():
    history = History((), kept, 100)
    assert [history.add(s, s) for s in (10, 30, 20, 40, 25)] == [1, 1, 2, 1, 3]
    assert history.newest == ((10, 10), (20, 20), (25, 25), (30, 30), (40, 40))
    assert history.newest_ns == 40


def test_equal_stamps_keep_their_order_of_arrival():
    history = History((), kept, 100)
    for given in "ab":
        history.add(10, given)
    assert history.newest == ((10, "a"), (10, "b"))


def test_what_is_older_than_the_history_is_left_out():
    history = History((), kept, 100)
    for stamp in (0, 50, 160):
        history.add(stamp, stamp)
    assert history.add(40, "too late") is None
    assert history.newest == ((0, 0), (50, 50), (160, 160))
    assert history.add(60, "late") == 2
    assert history.newest[2] == (60, "late")


def test_before_anything_is_forgotten_everything_is_known():
    history = History((), kept, 100)
    history.add(50, "a")
    assert history.add(10, "earlier") == 2
    assert history.at(5) == ()
    assert history.at(20) == ((10, "earlier"),)


@pytest.mark.parametrize(("stamp", "count"), [(59, 1), (60, 2), (999, 3)])
def test_the_state_of_an_instant(stamp, count):
    history = History((), kept, 100)
    for given in (50, 60, 155):
        history.add(given, given)
    assert len(history.at(stamp)) == count
    assert history.at(49) is None


def test_it_keeps_no_more_than_its_span():
    history = History((), kept, 100)
    for stamp in range(0, 1000, 10):
        history.add(stamp, stamp)
    assert len(history) == 11
    history.clear()
    assert (history.newest, history.newest_ns, len(history)) == ((), None, 0)
