import json

import pytest

from pta_ros.demo.records import MONITOR_FILE, TICKS_FILE, load_run
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
