"""evaluate_bag and bench_bag from the command line, wrong input included."""

import csv
import json
import os
import subprocess

import pytest

from pta_ros.bags.bag import Bag, BagWriter
from pta_ros.bench.replays import Repeated
from pta_ros.cli import bench_bag, evaluate_bag
from pta_ros.evaluation.faults.suites import read_plans
from pta_ros.evaluation.replay import source
from pta_ros.evaluation.report.files import kept_folder
from pta_ros.metrics.bound import EXIT_MISSED, at_most, bounds_text
from pta_ros.skeleton import JOINT_NAMES

T0 = 1_700_000_000 * 10**9

PLAN = """
faults:
  - {kind: freeze, modality: lidar, start: 1.0, end: 2.5}
"""


@pytest.fixture
def plan(tmp_path):
    path = tmp_path / "frozen.yaml"
    path.write_text(PLAN)
    return path


def report(out):
    return json.loads((out / "report.json").read_text(encoding="utf-8"))


def test_a_report_with_a_fault_and_a_recording_to_watch(whole, plan, tmp_path, capsys):
    pytest.importorskip("rerun")
    out, rrd = tmp_path / "out", tmp_path / "watch.rrd"
    given = [str(whole), "--faults", str(plan), "--out", str(out), "--rrd", str(rrd), "--check"]
    assert evaluate_bag.main(given) == 0
    said = capsys.readouterr().out.splitlines()
    verdicts = [replay["verdict"] for replay in report(out)["replays"]]
    assert said[:2] == [f"fault-free: {verdicts[0]}", f"frozen: {verdicts[1]}"]
    assert said[2].split()[-1] == "kept"
    assert said[-1] == f"written: {out / 'report.html'}, {rrd}"
    frozen = report(out)["replays"][1]
    assert (frozen["faults"][0]["state"], frozen["kept"]) == ("CORRUPT", True)
    assert frozen["ratio"] == pytest.approx(1.0, abs=0.01)
    assert "interrupted" not in report(out)
    assert rrd.read_bytes()[:4] == b"RRF2"


def test_two_reports_are_byte_equal_but_for_the_timings(whole, plan, tmp_path):
    texts = []
    for name in ("a", "b"):
        given = [str(whole), "--faults", str(plan), "--out", str(tmp_path / "out")]
        assert evaluate_bag.main(given) == 0, name
        told = report(tmp_path / "out")
        assert told.pop("timings")
        csv = (tmp_path / "out/errors.csv").read_bytes()
        texts.append((json.dumps(told), csv))
    assert texts[0] == texts[1]


def test_a_faulty_sensor_that_costs_too_much_fails_the_check(whole, tmp_path, capsys):
    # Too little noise for the sensor's check; and nothing else may leave the sensor out.
    (tmp_path / "noise.yaml").write_text(
        "faults: [{kind: noise, modality: lidar, start: 1, end: 2.9, strength: 0.3}]"
    )
    (tmp_path / "params.yaml").write_text(
        "fusion: {ros__parameters: {gate: false, tracks: {consistency: false}}}"
    )
    given = [str(whole), "--faults", str(tmp_path / "noise.yaml"), "--out", str(tmp_path / "o")]
    given += ["--params", str(tmp_path / "params.yaml")]
    assert evaluate_bag.main([*given, "--check"]) == EXIT_MISSED
    ratio = report(tmp_path / "o")["replays"][1]["ratio"]
    bound = at_most("noise: error over that without the sensor", ratio, 1.05, "x")
    assert bounds_text([bound]) in capsys.readouterr().out
    assert evaluate_bag.main(given) == 0


def beyond_notes(err):
    """The lines on stderr that are no notes on the recording."""
    return [line for line in err.splitlines() if not line.startswith("note: ")]


def first(out):
    """The fault-free replay's record."""
    return report(out)["replays"][0]


def test_a_sensor_that_is_not_in_the_bag_is_the_first_line(write_bag, tmp_path, capsys):
    bag = write_bag(count=8, skip=lambda topic, n: topic == "/wifi/csi")
    assert evaluate_bag.main([str(bag), "--out", str(tmp_path / "out")]) == 0
    said = capsys.readouterr()
    assert said.out.splitlines()[0] == "csi never delivered: no topic wifi/csi in the bag"
    assert "csi" not in said.err  # the note of it would say the same
    (told,) = first(tmp_path / "out")["undelivered"]
    assert told == {
        "sensor": "csi", "messages": 0, "refused": 0, "why": "no topic wifi/csi in the bag"
    }  # fmt: skip
    assert 'data-undelivered="csi"' in (tmp_path / "out/report.html").read_text(encoding="utf-8")


def test_what_the_decoder_refuses_is_the_first_line(clip, tmp_path, capsys):
    """A depth camera whose encoding nobody knows; LiDAR and CSI are not there."""
    with BagWriter(tmp_path / "bag") as bag:
        for n in range(6):
            depth = clip.messages(n, T0 + n * 10**8)["/depth/image"]
            depth.encoding = "rgb8" if n else "yuv422"
            bag.write("/depth/image", T0 + n * 10**8, depth)
    assert evaluate_bag.main([str(tmp_path / "bag"), "--out", str(tmp_path / "out")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("depth never delivered: 5 of 6 messages refused: /depth/image: ")
    assert "'rgb8'" in lines[0]
    assert lines[3].partition(" No estimate at all: ")[2].startswith("depth: 5 of 6 messages")
    seen = first(tmp_path / "out")
    assert [(u["sensor"], u["messages"], u["refused"]) for u in seen["undelivered"]] == [
        ("depth", 6, 6), ("lidar", 0, 0), ("csi", 0, 0)
    ]  # fmt: skip
    assert "All sensors LIVE" not in seen["verdict"]


def test_a_clock_that_is_far_off_is_told_with_its_setting(clip, tmp_path, capsys):
    """Receipt counts as now: a LiDAR two seconds behind delivers nothing that is new."""
    with BagWriter(tmp_path / "bag") as bag:
        for n in range(20):
            now = T0 + n * 10**8
            for topic, msg in clip.messages(n, now).items():
                late = topic == "/lidar/points"
                msg = clip.messages(n, now - 2 * 10**9)[topic] if late else msg
                bag.write(topic, now, msg)
    given = [str(tmp_path / "bag"), "--clock", "receipt", "--out", str(tmp_path / "out")]
    assert evaluate_bag.main(given) == 0
    line = capsys.readouterr().out.splitlines()[0]
    assert line.startswith("lidar never delivered: 20 messages")
    assert "2.0 s behind" in line
    assert "lidar.stamp_policy" in line


def test_one_frame_is_no_estimate_and_says_why(write_bag, tmp_path, capsys):
    """A recording shorter than a second: what never came is not fine."""
    bag = write_bag(count=1, skip=lambda topic, n: topic != "/depth/image")
    assert evaluate_bag.main([str(bag), "--out", str(tmp_path / "out")]) == 0
    seen = first(tmp_path / "out")
    assert seen["estimates"] in (0, 1)
    assert seen["verdict"].startswith("Not LIVE: lidar and csi at any time.")
    assert (seen["estimates"] == 0) == ("No estimate at all: " in seen["verdict"])


def test_the_deviations_are_in_the_estimates(whole, tmp_path):
    assert evaluate_bag.main([str(whole), "--out", str(tmp_path / "out")]) == 0
    with (tmp_path / "out/estimates_fault-free.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    stds = [[float(row[f"std_{joint}_mm"]) for joint in JOINT_NAMES] for row in rows]
    assert len(stds) > 20
    assert all(5.0 < value < 2000.0 for row in stds for value in row)


def interrupting(monkeypatch, number):
    """Ctrl-C in replay `number` (from 0); returns how many replays began."""
    began, replay = [], source.replay

    def once(engine, bag, found, plan, observer=None, apart=None):
        began.append(plan.name)
        if len(began) > number:
            raise KeyboardInterrupt
        return replay(engine, bag, found, plan, observer, apart)

    monkeypatch.setattr(source, "replay", once)
    return began


def test_after_ctrl_c_the_finished_plans_are_there(whole, plan, tmp_path, capsys, monkeypatch):
    interrupting(monkeypatch, 3)  # fault-free, frozen, frozen with lidar dropped
    out, plans = tmp_path / "out", [str(plan), str(plan)]
    assert evaluate_bag.main([str(whole), "--faults", *plans, "--out", str(out)]) == 130
    assert len(beyond_notes(capsys.readouterr().err)) == 1
    assert [replay["name"] for replay in report(out)["replays"]] == ["fault-free", "frozen"]
    assert report(out)["interrupted"] == {"plans": 2, "replayed": 1}
    assert 'data-partial="2"' in (out / "report.html").read_text(encoding="utf-8")


def test_ctrl_c_in_the_first_replay_leaves_nothing(whole, tmp_path, capsys, monkeypatch):
    interrupting(monkeypatch, 0)
    assert evaluate_bag.main([str(whole), "--out", str(tmp_path / "out")]) == 130
    assert capsys.readouterr().err.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_place_that_cannot_be_written_is_told_before_any_replay(
    whole, tmp_path, capsys, monkeypatch
):
    began = interrupting(monkeypatch, 0)
    (tmp_path / "file").write_text("")
    assert evaluate_bag.main([str(whole), "--out", str(tmp_path / "file")]) == 1
    with kept_folder(tmp_path / "taken"):
        assert evaluate_bag.main([str(whole), "--out", str(tmp_path / "taken")]) == 1
    said = capsys.readouterr().err.splitlines()
    assert [line.partition(": ")[0] for line in said] == ["error"] * 2
    assert str(tmp_path / "file") in said[0]
    assert str(tmp_path / "taken") in said[1]
    assert began == []


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
def test_a_full_disk_is_one_line(whole, tmp_path, capsys):
    small = tmp_path / "small"
    small.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(small)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("no right to mount here")
    try:
        assert evaluate_bag.main([str(whole), "--out", str(small)]) == 1
        assert list(small.iterdir()) == []
    finally:
        subprocess.run(["umount", str(small)], check=True)
    (said,) = beyond_notes(capsys.readouterr().err)
    assert said.startswith(f"error: {small}: No space left on device")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["{no}"], "no"),
        (["{bag}", "--faults", "{no}"], "no"),
        (["{bag}", "--faults", "{bag}"], "unknown key"),
        (["{bag}", "--model", "{no}"], "no"),
        (["{bag}", "--params", "{no}"], "expected a ROS 2 parameter file"),
        (["{bag}", "--topic", "depht=/x"], "expected MODALITY=TOPIC"),
        (["{bag}", "--topic", "depth=/depth/imag"], "did you mean /depth/image"),
        (["{bag}", "--device", "cuda:9"], "CUDA devices are usable"),
    ],
)
def test_wrong_input_is_one_line(whole, arguments, told, tmp_path, capsys):
    places = {"bag": whole, "no": tmp_path / "no"}
    given = [text.format(**places) for text in arguments]
    assert evaluate_bag.main([*given, "--out", str(tmp_path / "out")]) == 1
    said = capsys.readouterr().err
    assert said.startswith("error: ")
    assert said.count("\n") == 1
    assert told in said


def test_the_shipped_suite_is_known_by_name():
    names = [plan.name for plan in read_plans(["suite"], "mmfi")]
    assert len(names) > 20
    assert "long_random" in names


def test_a_repeated_bag_goes_on_in_time_and_stamp(whole):
    with Repeated([whole], seconds=7.0) as bag, Bag([whole]) as once:
        raws = list(bag.messages(["/wifi/csi"]))
        first = list(once.messages(["/wifi/csi"]))
        times = [raw.time_ns for raw in raws]
        assert times == sorted(times)
        assert times[-1] <= bag.begin_ns + 7 * 10**9 < times[-1] + 2 * 10**8
        assert raws[: len(first)] == first
        for raw in raws:
            stamp = bag.decode(raw).header.stamp
            age_ns = raw.time_ns - (stamp.sec * 10**9 + stamp.nanosec)
            assert age_ns == 2 * 10**6  # as in the bag: CSI comes 2 ms after its stamp


def test_the_benchmark_measures_and_judges(whole, tmp_path, capsys, monkeypatch):
    figures = tmp_path / "bench.json"
    given = [str(whole), "--minutes", "0.05", "0.1", "--repeats", "1", "--json", str(figures)]
    monkeypatch.setattr(bench_bag, "MIN_SPEED", 1e9)
    assert bench_bag.main(given) == 3
    (line,) = [x for x in capsys.readouterr().out.splitlines() if x.startswith("  speed")]
    assert line.split()[-5:] == ["at", "least", "1e+09", "x", "missed"]
    found = json.loads(figures.read_text())
    assert found["long"]["estimates"] > found["short"][0]["estimates"] > 20
    assert bench_bag.main([str(tmp_path / "no"), "--repeats", "1"]) == 1
