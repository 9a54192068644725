"""Bounds on made-up records: kept where all is well, and each of them can be missed."""

import copy

import pytest

from pta_ros.soak.bounds import cycle_bounds, forward_bounds, kill_bounds, real_bounds

GROWTH = {"memory_mb": 0.004, "threads": 0.0, "files": 0.0}


def recovery(what, told_s, data_s, estimate_s):
    return {
        "what": what, "how": "SIGKILL", "told_s": told_s, "data_s": data_s,
        "estimate_s": estimate_s, "gap_s": 1.0, "start_cpu_s": 2.0,
    }  # fmt: skip


KILLS = {
    "crashes": [],
    "left_behind_mb": [35.0, 35.0],
    "recoveries": [
        recovery("fusion", 2.4, None, 2.5),
        recovery("simulator", 0.3, 4.0, 4.4),
        recovery("all of them", 2.6, 3.0, 3.2),
        recovery("fusion", 2.4, None, 2.9),
    ],
}
CYCLES = {"crashes": [], "cycles": 20, "growth": GROWTH}
FORWARD = {
    "crashes": [], "hours": 24.0, "unsound": 0, "growth": GROWTH, "estimate_drift": -0.03,
    "steps": 4, "returned": 4, "back": 3,
}  # fmt: skip
REAL = {
    "crashes": [], "estimates": 900, "growth": GROWTH, "left_behind_mb": 0.0,
    "latency_ms": {"p99": 70.0}, "instants": 800, "lost": 0,
}  # fmt: skip


def missed(bounds):
    return [bound.name for bound in bounds if not bound.ok]


def judged(name, record):
    if name == "kills":
        return kill_bounds(record)
    if name == "cycles":
        return cycle_bounds(record, 20)
    return forward_bounds(record, 24.0) if name == "forward" else real_bounds(record, True)


RECORDS = {"kills": KILLS, "cycles": CYCLES, "forward": FORWARD, "real": REAL}


@pytest.mark.parametrize("name", RECORDS)
def test_what_is_well_keeps_every_bound(name):
    assert missed(judged(name, RECORDS[name])) == []


@pytest.mark.parametrize(
    ("name", "place", "value", "told"),
    [
        ("kills", ["crashes"], ["fusion_node was killed by SIGSEGV"], "kills: crashes"),
        ("kills", ["recoveries"], [], "kills: recoveries"),
        ("kills", ["recoveries", 3, "estimate_s"], 3.1, "fusion, SIGKILL: estimate after it"),
        ("kills", ["recoveries", 3, "estimate_s"], None, "fusion, SIGKILL: estimate after it"),
        ("kills", ["recoveries", 1, "estimate_s"], 7.1, "simulator, SIGKILL: estimate after data"),
        ("kills", ["recoveries", 1, "told_s"], 1.2, "simulator, SIGKILL: told after"),
        ("kills", ["left_behind_mb"], [35.0, 70.0], "kills: /dev/shm, from round to round"),
        ("cycles", ["cycles"], 19, "cycles: done"),
        ("cycles", ["crashes"], ["refused"], "cycles: crashes"),
        ("cycles", ["growth", "memory_mb"], 0.011, "cycles: growth of memory"),
        ("cycles", ["growth", "files"], None, "cycles: growth of open files"),
        ("forward", ["hours"], 23.0, "forward: simulated"),
        ("forward", ["unsound"], 1, "forward: estimates that are not finite"),
        ("forward", ["growth", "threads"], 0.5, "forward: growth of threads"),
        ("forward", ["estimate_drift"], 0.11, "forward: drift of an estimate"),
        ("forward", ["back"], 11, "forward: instants in vain after a step of the clock"),
        ("forward", ["returned"], 3, "forward: steps survived"),
        ("real", ["estimates"], 0, "real: estimates"),
        ("real", ["left_behind_mb"], 17.6, "real: /dev/shm, left behind"),
        ("real", ["latency_ms", "p99"], 80.1, "real, busy: latency p99"),
        ("real", ["lost"], 1, "real, busy: lost of 800 estimates"),
    ],
)
def test_every_bound_can_be_missed(name, place, value, told):
    record = copy.deepcopy(RECORDS[name])
    inner = record
    for step in place[:-1]:
        inner = inner[step]
    inner[place[-1]] = value
    assert missed(judged(name, record)) == [told]


def test_latency_and_lost_estimates_are_judged_beside_busy_processors_alone():
    slow = {**REAL, "latency_ms": {"p99": 500.0}, "lost": 9}
    assert missed(real_bounds(slow, busy=False)) == []
