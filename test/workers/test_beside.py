"""A process beside this one: order, errors, work that is left, and a process that is killed."""

import os
import subprocess
import sys
import time
from fractions import Fraction
from functools import partial
from itertools import islice, repeat

import psutil
import pytest

from pta_ros.errors import PtaError
from pta_ros.workers.beside import Beside

LARGE = 200_000  # bytes: more than a pipe holds
ENDLESS = repeat(LARGE)


@pytest.fixture
def beside():
    with Beside(partial(map, bytes)) as process:
        yield process


def child():
    (found,) = (
        one for one in psutil.Process().children() if "spawn_main" in " ".join(one.cmdline())
    )
    return found


def test_items_come_in_order_whatever_their_size(beside):
    sizes = [LARGE, 3, 0, LARGE, 1, 2, 5 * LARGE, 4]
    for _ in range(2):
        assert [len(item) for item in beside.made(sizes)] == sizes
    assert child().pid != os.getpid()


def test_what_it_raises_comes_out_after_what_it_made_and_it_goes_on():
    with Beside(partial(map, Fraction)) as beside:
        made = beside.made(["1/2", "3/2", "1/0", "1/3"])
        assert [next(made), next(made)] == [Fraction(1, 2), Fraction(3, 2)]
        with pytest.raises(ZeroDivisionError):
            next(made)
        assert list(beside.made(["1/3"])) == [Fraction(1, 3)]


def test_work_without_end_that_is_left_is_no_burden(beside):
    for taken in (0, 1, 7):
        found = islice(beside.made(ENDLESS), taken)
        assert [len(item) for item in found] == [LARGE] * taken
    assert [len(item) for item in beside.made([1, 2])] == [1, 2]
    before = sum(child().cpu_times()[:2])
    time.sleep(0.3)
    assert sum(child().cpu_times()[:2]) - before < 0.2  # nobody makes anything


def test_few_are_made_ahead_of_who_takes_them(beside):
    made = beside.made(ENDLESS)
    next(made)
    time.sleep(0.2)
    before = sum(child().cpu_times()[:2])
    time.sleep(0.3)
    assert sum(child().cpu_times()[:2]) - before < 0.2


def test_it_ends_with_its_context_in_the_middle_of_its_work():
    with Beside(partial(map, bytes)) as beside:
        next(beside.made(ENDLESS))
        mine = child()
    assert not mine.is_running()


def test_a_process_that_is_killed_is_told(beside):
    made = beside.made(ENDLESS)
    next(made)
    child().kill()
    with pytest.raises(PtaError, match="ended with -9; expected it to go on"):
        for _ in made:
            pass


FIRST = """
import signal
from functools import partial
from pta_ros.workers.beside import Beside
with Beside(partial(map, partial(signal.pthread_sigmask, signal.SIG_BLOCK))) as beside:
    (blocked,) = beside.made([[]])
print(signal.SIGINT in blocked, signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, []))
"""


def test_the_first_process_of_all_never_gets_an_interrupt_either():
    told = subprocess.run([sys.executable, "-c", FIRST], capture_output=True, text=True, check=True)
    assert told.stdout.split() == ["True", "False"]  # it, and not who started it
