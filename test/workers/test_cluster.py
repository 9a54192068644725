"""Workers of a Dask scheduler, on this machine: each task ends once, whoever dies meanwhile."""

import signal
import socket
import threading
import time
from collections import Counter

import pytest

pytest.importorskip("distributed")

from pta_ros.errors import ConfigError
from pta_ros.workers import cluster
from pta_ros.workers.cluster import Cluster
from pta_ros.workers.lead import lead


def test_a_worker_that_is_killed_in_the_middle_loses_nothing(dask):
    threading.Timer(0.8, dask.workers[0].kill).start()  # both are in the middle of their first
    with Cluster(time.sleep, dask.address) as crew:
        ends = list(lead(crew, [1.6, 1.6, 0.1, 0.1]))
    (again,) = [end for end in ends if end.again]
    assert again.died == "its worker left the cluster"
    assert Counter(end.number for end in ends if not end.again) == {n: 1 for n in range(4)}
    assert not any(end.died or end.error for end in ends if not end.again)


def test_a_task_that_kills_its_workers_has_failed_and_no_worker_is_an_error(dask, monkeypatch):
    monkeypatch.setattr(cluster, "PATIENCE_S", 2.0)
    with Cluster(signal.raise_signal, dask.address) as crew:
        ends = list(lead(crew, [signal.SIGKILL, 0]))
        with pytest.raises(ConfigError, match="no worker for 2 s; start some with 'dask worker"):
            list(lead(crew, [0]))
    assert Counter(end.number for end in ends) == {0: 2, 1: 1}
    assert [end.again for end in ends if end.number == 0] == [True, False]
    assert [end.died for end in ends if end.number == 1] == [""]


def test_what_the_work_raises_is_told(dask):
    with Cluster(int, dask.address) as crew:
        ends = list(lead(crew, ["7", "seven"]))
    found = {end.number: end for end in ends}
    assert found[0].value == 7
    assert found[1].error.startswith("ValueError: invalid literal")


@pytest.mark.parametrize("address", ["nonsense", "foo://host:1", "tcp://127.0.0.1", ""])
def test_what_is_no_address_is_told_at_once(address):
    with pytest.raises(ConfigError, match="expected the address that 'dask scheduler' prints"):
        Cluster(int, address).__enter__()


def test_something_else_at_the_address_is_one_line(monkeypatch):
    monkeypatch.setattr(cluster, "_ANSWER_S", 1.0)
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(ConfigError, match="no scheduler answers"):
            Cluster(int, f"tcp://127.0.0.1:{port}").__enter__()


def test_a_scheduler_that_is_not_there_is_one_line(monkeypatch):
    monkeypatch.setattr(cluster, "_ANSWER_S", 1.0)
    with pytest.raises(ConfigError, match=r"no scheduler answers .*; expected the address"):
        Cluster(int, "tcp://127.0.0.1:1").__enter__()


def test_a_scheduler_that_dies_is_one_line(dask, monkeypatch):
    monkeypatch.setattr(cluster, "_ANSWER_S", 1.0)
    with Cluster(time.sleep, dask.address) as crew:
        begun = lead(crew, [0.1, 60.0, 60.0])
        next(begun)
        dask.scheduler.kill()
        with pytest.raises(ConfigError, match="no scheduler answers"):
            list(begun)
