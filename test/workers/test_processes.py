"""Processes that work: each task ends once, whoever dies meanwhile."""

import os
import signal
import threading
import time
from collections import Counter
from fractions import Fraction

import psutil
import pytest

from pta_ros.workers.lead import lead
from pta_ros.workers.processes import Processes


def children():
    """The worker processes of this one, not multiprocessing's own helper."""
    mine = psutil.Process().children()
    return [one for one in mine if "spawn_main" in " ".join(one.cmdline())]


def kill_one(seconds=20.0):
    """SIGKILL the first worker that is there, whatever it does; returns the thread that does."""

    def kill():
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if mine := children():
                time.sleep(0.3)
                mine[0].kill()
                return
            time.sleep(0.02)

    thread = threading.Thread(target=kill)
    thread.start()
    return thread


def test_each_task_ends_once_with_its_value():
    with Processes(str, 2) as crew:
        ends = list(lead(crew, [10, 11, 12, 13, 14]))
    assert sorted((end.number, end.value) for end in ends) == [
        (n, str(10 + n)) for n in range(5)
    ]  # fmt: skip
    assert not any(end.error or end.died or end.again for end in ends)
    assert children() == []


def test_what_the_work_raises_is_told_and_the_others_go_on():
    with Processes(Fraction, 1) as crew:
        ends = list(lead(crew, ["1/2", "1/0", "3/2"]))
    assert [end.value for end in ends] == [Fraction(1, 2), None, Fraction(3, 2)]
    assert ends[1].error == "ZeroDivisionError: Fraction(1, 0)"


def test_a_task_that_kills_its_worker_is_tried_twice_and_the_others_are_done():
    with Processes(signal.raise_signal, 2) as crew:  # signal 0 is none: that task does nothing
        ends = list(lead(crew, [0, signal.SIGKILL, 0, 0]))
    assert Counter(end.number for end in ends) == {0: 1, 1: 2, 2: 1, 3: 1}
    fatal = [end for end in ends if end.number == 1]
    assert [end.again for end in fatal] == [True, False]
    assert all("SIGKILL" in end.died for end in fatal)
    assert all(not end.died for end in ends if end.number != 1)


def test_a_worker_that_is_killed_in_the_middle_loses_nothing():
    thread = kill_one()
    with Processes(time.sleep, 2) as crew:
        ends = list(lead(crew, [1.0] * 4))
    thread.join()
    again = [end for end in ends if end.again]
    assert len(again) == 1
    assert Counter(end.number for end in ends if not end.again) == {n: 1 for n in range(4)}
    assert not any(end.died for end in ends if not end.again)


def test_whoever_stops_listening_leaves_no_process():
    with Processes(time.sleep, 2) as crew:
        for _ in lead(crew, [0.0, 60.0, 60.0]):
            assert len(children()) == 2
            break
    assert children() == []


@pytest.mark.parametrize(("count", "threads"), [(2, "1"), (1, None)])
def test_several_processes_have_one_thread_each(count, threads, monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    with Processes(os.getenv, count) as crew:
        (end,) = lead(crew, ["OMP_NUM_THREADS"])
    assert end.value == threads
    assert "OMP_NUM_THREADS" not in os.environ
