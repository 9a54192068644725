import json

import numpy as np
import pytest

from pta_ros.demo.reading import load_run
from pta_ros.demo.records import MONITOR_FILE, TICKS_FILE
from pta_ros.errors import DatasetError

STREAM = {
    "state": "LIVE",
    "age_s": 0.01,
    "rate_hz": 10.0,
    "weight": None,
    "stamp_ns": 5,
    "reason": "",
    "received": 1,
    "used": 1,
    "dropped": 0,
    "corrupt": 0,
    "lost": 0,
}
JOINTS = [[0.0, 0.0, 3.0]] * 17
TICKS = [
    {"type": "session", "rate_hz": 10.0, "seed": 1},
    {
        "type": "tick",
        "index": 0,
        "stamp_ns": 5,
        "phase": "all",
        "faults": {"csi": "none"},
        "joints": JOINTS,
        "render_ms": 1.0,
        "late_ms": 0.0,
    },
]
HEARD = [
    {
        "type": "skeleton",
        "stamp_ns": 5,
        "received_ns": 9,
        "latency_ms": 4.0,
        "joints": JOINTS,
        "std": [0.1] * 17,
        "streams": {"csi": STREAM},
    },
    {"type": "truth", "stamp_ns": 5, "received_ns": 6, "joints": JOINTS},
    {
        "type": "diagnostics",
        "received_ns": 8,
        "level": 2,
        "message": "m",
        "device": "cpu",
        "streams": {"csi": {**STREAM, "stamp_ns": 0}},
    },
]


def write(folder, ticks=TICKS, heard=HEARD, tail=""):
    for name, records in ((TICKS_FILE, ticks), (MONITOR_FILE, heard)):
        (folder / name).write_text("".join(json.dumps(r) + "\n" for r in records) + tail)


def test_a_recording_reads_back(tmp_path):
    write(tmp_path)
    run = load_run(tmp_path)
    assert run.session["seed"] == 1
    assert (run.ticks[0].phase, run.ticks[0].joints_m.shape) == ("all", (17, 3))
    assert (run.estimates[0].latency_ms, run.estimates[0].streams["csi"].used_ns) == (4.0, 5)
    assert (run.reports[0].level, run.reports[0].streams["csi"].weight) == (2, 0.0)
    assert [t for t, _ in run.states] == [8, 9]


def test_a_sensor_that_is_not_used_counts_as_silent(tmp_path):
    write(tmp_path)
    assert load_run(tmp_path, ("csi",)).ticks[0].faults == {"csi": "none"}
    assert load_run(tmp_path, ("depth",)).ticks[0].faults == {"csi": "silent"}


def test_a_line_cut_short_at_the_end_is_left_out(tmp_path):
    write(tmp_path, tail='{"type": "tick", "ind')
    assert len(load_run(tmp_path).ticks) == 1


def test_damage_inside_is_told_with_its_line(tmp_path):
    write(tmp_path, tail="{oops\n")
    with pytest.raises(DatasetError, match=r"ticks\.jsonl:3 is not JSON"):
        load_run(tmp_path)


def test_missing_files_are_told(tmp_path):
    with pytest.raises(DatasetError, match="no recording at"):
        load_run(tmp_path)
    write(tmp_path, ticks=TICKS[1:])
    with pytest.raises(DatasetError, match="no session line"):
        load_run(tmp_path)


def test_people_are_read_with_their_truth_and_the_skeletons_beside_them(tmp_path):
    session = {**TICKS[0], "estimates": "people"}
    sight = {"depth": [0, 5], "lidar": []}
    seen = {"joints": JOINTS, "sight": sight, "counts": {"depth": 9, "lidar": 0}}
    tick = {**TICKS[1], "people": [seen]}
    del tick["joints"]
    person = {"presence": 0.9, "joints": JOINTS, "std": [None] + [0.1] * 16, "weights": {"csi": 1}}
    heard = {**HEARD[0], "type": "people", "people": [person]}
    write(tmp_path, [session, tick], [HEARD[0], heard, {**heard, "people": []}])
    run = load_run(tmp_path)
    assert run.task == "people"
    assert [len(e.people) for e in run.estimates] == [1, 0]
    assert run.skeletons == (5,)
    assert run.ticks[0].people[0].sight["depth"] == (0, 5)
    assert run.ticks[0].joints_m.shape == (0, 3)
    one = run.estimates[0].people[0]
    assert one.centre.tolist() == [0.0, 0.0, 3.0]
    assert np.isnan(one.deviation_m[0])
