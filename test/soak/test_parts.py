"""What the parts compute of their records, and the helpers around processes, without ROS."""

import json
import os
import subprocess
import sys
import time

import numpy as np
import psutil
import pytest

from pta_ros.demo.processes import Usage
from pta_ros.demo.records import Estimate, Run, StreamEntry, Tick
from pta_ros.soak import report, shm
from pta_ros.soak.bounds import cycle_bounds
from pta_ros.soak.busy import Busy
from pta_ros.soak.cycles import grown
from pta_ros.soak.fast import drift as line_drift
from pta_ros.soak.fast import summary
from pta_ros.soak.real import drift, instants, lost

MS = 10**6


def usages(values):
    return [Usage(value, 0.0, 9, 20) for value in values]


def test_cycles_compare_the_end_of_the_first_tenth_with_the_end():
    held = usages([300.0] * 10 + [400.0] * 10 + [401.0] * 170 + [404.0] * 10)
    assert grown(held, "memory_mb") == pytest.approx(0.01)
    assert grown(held, "threads") == 0.0
    assert grown(usages([1.0]), "memory_mb") is None


def estimate(stamp_ms, latency_ms, used=("a", "b")):
    streams = {m: StreamEntry("LIVE", 1.0, stamp_ms * MS) for m in used}
    return Estimate(stamp_ms * MS, stamp_ms * MS, latency_ms, np.zeros((17, 3)), streams)


def test_the_latency_drifts_by_estimates_of_all_sensors():
    many = [estimate(100 * i, 10.0 if i < 500 else 12.0) for i in range(1000)]
    few = [estimate(100 * i, 900.0, ("a",)) for i in range(950, 1000)]
    assert drift(sorted([*many, *few], key=lambda e: e.stamp_ns)) == pytest.approx(0.2)
    assert drift([]) is None


def recorded(estimates):
    faults = {"one": {"a": "none", "b": "none"}, "two": {"a": "silent", "b": "silent"}}
    ticks = tuple(
        Tick(i, i * 100 * MS, phase, faults[phase], np.zeros((17, 3)))
        for i, phase in enumerate(["one"] * 20 + ["two"] * 20)
    )
    return Run({"rate_hz": 10.0}, ticks, tuple(estimates), ())


def test_an_estimate_is_lost_where_a_settled_sensor_was_good():
    run = recorded([estimate(100 * i, 5.0) for i in range(18)])
    assert len(instants(run)) == 5  # 1.5 s to 1.9 s of the first phase; the second is silent
    assert lost(run) == [1800 * MS, 1900 * MS]


def line(index, **more):
    return {
        "simulated_s": 600.0 * (index + 1), "wall_s": 20.0 * (index + 1), "memory_mb": 500.0,
        "threads": 2, "files": 8, "estimate_cpu_ms": 9.0 if index else 90.0, "unsound": 0,
        "back": [2, 1], "estimates": 500 * (index + 1), "steps": 2, **more,
    }  # fmt: skip


def test_the_lines_of_made_up_hours_become_a_summary():
    made = summary([line(i) for i in range(20)], [])
    assert (made["hours"], made["times_real"], made["estimates"]) == (3.333, 30.0, 10_000)
    assert made["growth"] == {"memory_mb": 0.0, "threads": 0.0, "files": 0.0}
    assert (made["estimate_drift"], made["back"], made["returned"]) == (0.0, 2, 2)
    leaking = summary([line(i, memory_mb=500.0 + i, files=8 + i) for i in range(20)], [])
    assert leaking["growth"]["memory_mb"] > 0.01
    assert leaking["growth"]["files"] > 0.5
    assert line_drift([line(i, estimate_cpu_ms=9.0 + i) for i in range(20)]) > 0.5


def test_a_run_without_a_line_is_told_and_misses_its_bounds():
    made = summary([], ["forward failed"])
    assert (made["hours"], made["crashes"], made["growth"]["memory_mb"]) == (
        0.0,
        ["forward failed"],
        None,
    )


def test_busy_processors_are_busy_until_the_end(tmp_path):
    with Busy(2, tmp_path) as busy:
        pids = [child.process.pid for child in busy.children]
        before = [psutil.Process(pid).cpu_times().user for pid in pids]
        time.sleep(0.6)
        after = [psutil.Process(pid).cpu_times().user for pid in pids]
        assert all(b > a for a, b in zip(before, after, strict=True))
    assert not any(psutil.pid_exists(pid) for pid in pids)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /dev/shm and /proc")
def test_segments_of_the_dead_are_counted_and_those_of_the_living_are_not():
    name = f"fastrtps_{os.getpid():016x}"
    code = (
        f"import mmap, time; f = open('/dev/shm/{name}', 'w+b'); f.truncate(1 << 20); "
        "m = mmap.mmap(f.fileno(), 0); print('up', flush=True); time.sleep(60)"
    )
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    try:
        assert child.stdout.readline() == "up\n"
        assert name in shm.held(child.pid)
        assert shm.left([name]) == (0, 0.0)
        child.kill()
        child.wait()
        assert shm.left([name]) == (1, pytest.approx(1.048576))
    finally:
        child.kill()
        os.unlink(f"/dev/shm/{name}")
    assert shm.left([name]) == (0, 0.0)
    assert shm.held(child.pid) == set()


def test_the_report_has_all_bounds_and_parts(tmp_path):
    growth = {"memory_mb": 0.02, "threads": 0.0, "files": None}
    record = {"cycles": 3, "crashes": [], "growth": growth, "samples": []}
    bounds = cycle_bounds(record, 3)
    page = report.write(tmp_path, {"cycles": record}, bounds, busy=2)
    text = page.read_text()
    assert "| cycles: growth of memory | at most 1 % | 2.00 % | missed |" in text
    assert "| cycles: growth of open files | at most 1 % | not measured | missed |" in text
    assert "2 of them kept busy" in text
    whole = json.loads((tmp_path / "report.json").read_text())
    assert [b["ok"] for b in whole["bounds"]] == [True, True, False, True, False]
    assert whole["cycles"]["growth"] == growth
