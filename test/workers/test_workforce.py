"""Many tasks in their order, whoever does them and dies meanwhile."""

import signal
import time

import pytest

from pta_ros.errors import ConfigError, DecodeError, PtaError
from pta_ros.workers import workforce
from pta_ros.workers.workforce import EVERY_CORE, Hired, Workforce

#: Python for the workers, who cannot import this file: `eval` gives a value, `exec` raises.
SLEEP = "__import__('time').sleep({0}) or {0}"
DIE_ONCE = """
import os, pathlib, signal
died = pathlib.Path({!r})
if not died.exists():
    died.touch()
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_values_come_in_the_order_of_the_tasks():
    tasks = [SLEEP.format(seconds) for seconds in (0.4, 0.0, 0.1, 0.0)]
    assert list(Workforce(2).in_order(eval, tasks)) == [0.4, 0.0, 0.1, 0.0]
    assert list(EVERY_CORE.in_order(eval, [])) == []


@pytest.mark.parametrize(
    ("task", "kind", "text"),
    [
        (
            "from pta_ros.errors import DecodeError; raise DecodeError('here', '7', '8')",
            DecodeError,
            "here: 7; expected 8",
        ),
        ("open('/there')", PtaError, "a worker: .*No such file or directory: '/there'; expected"),
        ("1 / 0", PtaError, "task 1 of 1: a worker failed: ZeroDivisionError: division by zero"),
    ],
)
def test_what_the_work_raises_comes_out(task, kind, text):
    with pytest.raises(kind, match=text):
        list(Workforce(1).in_order(exec, [task]))


def test_a_task_whose_worker_dies_is_done_once_more(tmp_path):
    died = tmp_path / "died"
    assert list(Workforce(1).in_order(exec, [DIE_ONCE.format(str(died))])) == [None]
    assert died.exists()


def test_a_second_death_on_a_task_is_an_error():
    with pytest.raises(PtaError, match=r"task 1 of 1: .*SIGKILL .*, twice; mend that"):
        list(Workforce(1).in_order(signal.raise_signal, [signal.SIGKILL]))


def test_a_defect_leaves_its_traceback(capfd):
    with pytest.raises(PtaError, match="its traceback is above"):
        list(Workforce(1).in_order(exec, ["def f(): 1 / 0\nf()"]))
    assert "in f\nZeroDivisionError" in capfd.readouterr().err


def test_a_worker_of_another_version_is_refused(monkeypatch):
    monkeypatch.setattr(workforce, "__version__", "0.0.1")  # here; a spawned worker has its own
    with pytest.raises(ConfigError, match=r"a worker has pta_ros .*; expected 0\.0\.1, as here"):
        list(Workforce(1).in_order(eval, ["1"]))


def test_few_tasks_are_finished_before_a_slow_one(monkeypatch, tmp_path):
    monkeypatch.setattr(workforce, "_AHEAD", 1)  # 8 with two workers
    slow = f"__import__('time').sleep(3) or len(__import__('os').listdir({str(tmp_path)!r}))"
    quick = "__import__('pathlib').Path({!r}).touch()"
    tasks = [slow, *(quick.format(str(tmp_path / str(n))) for n in range(20))]
    first, *_ = Workforce(2).in_order(eval, tasks)
    assert first == 7


def test_whoever_stops_listening_ends_the_work():
    made = Workforce(2).in_order(eval, [SLEEP.format(s) for s in (0.0, 60.0, 60.0)])
    begin = time.monotonic()
    assert next(made) == 0.0
    made.close()
    assert time.monotonic() - begin < 30.0


def test_hired_workers_stay_until_tasks_are_left_undone():
    who = "__import__('os').getpid()"
    with Hired(Workforce(1), eval) as hired:
        assert list(hired.in_order([])) == []
        (first,) = hired.in_order([who])
        made = hired.in_order([who, who])
        assert [next(made), next(made)] == [first] * 2
        made.close()  # all of its tasks are done
        again = hired.in_order([who, who])
        assert next(again) == first
        again.close()
        (other,) = hired.in_order([who])
        assert other != first
        with pytest.raises(PtaError, match="worker failed"):
            list(hired.in_order(["1 / 0"]))
        assert list(hired.in_order(["1", "2"])) == [1, 2]


def test_it_is_known_whether_somebody_asked_for_workers():
    assert not EVERY_CORE.asked
    assert Workforce(1).asked
    assert Workforce(cluster="tcp://here:1").asked


def test_processes_beside_a_cluster_and_none_are_refused():
    with pytest.raises(ConfigError, match="--jobs and --cluster; expected one"):
        Workforce(1, "tcp://here:1")
    with pytest.raises(ConfigError, match="--jobs is 0; expected at least 1"):
        Workforce(0)


def test_a_cluster_reduces_the_same_tree_though_a_worker_is_killed(dask, synthetic_tree, tmp_path):
    from pta_ros.datasets.mmfi import MmfiTree
    from pta_ros.datasets.reduced import reduce_tree
    from pta_ros.sensors import sensors_from_config

    sensors = sensors_from_config({"lidar": {}, "csi": {}})
    tree = MmfiTree(synthetic_tree)
    here = reduce_tree(tree, sensors, tmp_path / "here", Workforce(1))
    killed = []

    def kill(done, total):
        if not killed:
            killed.append(done)
            dask.workers[0].kill()

    there = reduce_tree(tree, sensors, tmp_path / "there", Workforce(cluster=dask.address), kill)
    assert killed
    assert there.fingerprint == here.fingerprint
    for name in here.inputs:
        assert (here.inputs[name] == there.inputs[name]).all()
    assert (here.number == there.number).all()
    assert (here.joints == there.joints).all()
