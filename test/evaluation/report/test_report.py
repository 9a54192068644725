import csv
import json

import numpy as np
import pytest

from pta_ros.errors import ConfigError
from pta_ros.evaluation.replay.record import Change, Replayed
from pta_ros.evaluation.report.report import Case, write_report

EVIL = "<script>alert('&')</script>"


@pytest.fixture
def cases(made_up, silent_lidar):
    fault, states = silent_lidar
    run = made_up("lidar silent", [fault], states, worse=(10.0, 10.3, 60.0))
    reference = made_up("lidar silent, sensor dropped", [fault], states)
    return [Case(made_up()), Case(run, reference)]


def read(folder):
    return json.loads((folder / "report.json").read_text(encoding="utf-8"))


def replaced(run, **changes):
    """The replay with other fields, whatever they are."""
    return Replayed(**{**vars(run), **changes})


def test_everything_is_written(cases, context, tmp_path):
    written = write_report(tmp_path / "new" / "report", cases, context)
    assert sorted(path.name for path in written) == [
        "errors.csv",
        "estimates_fault-free.csv",
        "estimates_lidar-silent.csv",
        "report.html",
        "report.json",
    ]
    assert all(path.stat().st_size > 1000 for path in written)


def test_json_says_what_failed_when_and_what_it_cost(cases, context, tmp_path):
    write_report(tmp_path, cases, context)
    report = read(tmp_path)
    assert (report["model_synthetic"], report["data_synthetic"]) == (True, True)
    free, silent = report["replays"]
    assert free["verdict"].startswith("All sensors LIVE.")
    assert "faults" not in free or free["faults"] == []
    (fault,) = silent["faults"]
    assert (fault["modality"], fault["kind"], fault["state"]) == ("lidar", "drop", "STALE")
    assert fault["left_after_s"] == pytest.approx(0.3)
    assert fault["back_after_s"] == pytest.approx(0.4)
    assert silent["window"]["mpjpe_mm"] - silent["dropped"]["mpjpe_mm"] == pytest.approx(
        1.8, abs=0.1
    )
    assert silent["ratio"] == pytest.approx(
        silent["window"]["mpjpe_mm"] / silent["dropped"]["mpjpe_mm"], abs=1e-3
    )
    assert silent["kept"] is (silent["ratio"] <= 1.05)


def test_two_reports_agree_in_all_but_timings(cases, context, tmp_path):
    slower = [replaced(c.run, timings_ms={"infer": c.run.timings_ms["infer"] * 3}) for c in cases]
    again = [Case(run, case.reference) for run, case in zip(slower, cases, strict=True)]
    for name, given in (("one", cases), ("two", again)):
        write_report(tmp_path / name, given, context)
    one, two = read(tmp_path / "one"), read(tmp_path / "two")
    assert one.pop("timings") != two.pop("timings")
    assert json.dumps(one) == json.dumps(two)
    for name in ("errors.csv", "estimates_lidar-silent.csv"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_the_same_replays_give_the_same_bytes(cases, context, tmp_path):
    for name in ("one", "two"):
        write_report(tmp_path / name, cases, context)
    for name in ("report.json", "report.html"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_without_ground_truth_nothing_is_said_of_error(made_up, silent_lidar, context, tmp_path):
    fault, states = silent_lidar
    (tmp_path / "errors.csv").write_text("of an earlier report")
    run = made_up("lidar silent", [fault], states, truth=False)
    written = write_report(tmp_path, [Case(made_up(truth=False)), Case(run)], context)
    assert not (tmp_path / "errors.csv").exists()
    assert "errors.csv" not in [path.name for path in written]
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    text = page.partition("</style>")[2]
    for word in ("MPJPE", "nan", "NaN", "ground truth:", "error (mm)", "Error per joint", "PA-"):
        assert word not in text
    assert "no ground truth" in text
    assert "Jitter" in text
    record = json.dumps(read(tmp_path)["replays"])
    assert "mpjpe" not in record
    assert "error_mm" not in record
    assert read(tmp_path)["replays"][1]["shift_mm"] == pytest.approx(0.0)


def test_words_from_outside_are_escaped(made_up, context, tmp_path):
    run = made_up(EVIL, losses=(EVIL,))
    evil_change = Change(run.begin_ns + 5_000_000_000, "csi", "STALE", EVIL)
    run = replaced(run, changes=(*run.changes, evil_change))
    evil = vars(context) | {
        "bags": (EVIL,),
        "topics": {EVIL: EVIL},
        "model": EVIL,
        "command": EVIL,
        "settings": {EVIL: [EVIL]},
    }
    write_report(tmp_path, [Case(run)], type(context)(**evil))
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "<script" not in page
    assert page.count("&lt;script&gt;") > 8


def test_nothing_comes_from_outside_the_file(cases, context, tmp_path):
    write_report(tmp_path, cases, context)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "http:" not in page
    assert "https:" not in page
    assert "@import" not in page
    assert "url(//" not in page
    sources = page.split('href="')[1:]
    assert sources
    assert all(source.startswith(("#", "data:image/png;base64,")) for source in sources)
    assert "default-src 'none'" in page


def test_estimates_have_joints_weights_and_states(cases, context, tmp_path):
    write_report(tmp_path, cases, context)
    with (tmp_path / "estimates_lidar-silent.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    run = cases[1].run
    assert len(rows) == len(run.stamp_ns)
    assert [int(row["stamp_ns"]) for row in rows] == run.stamp_ns.tolist()
    middle = next(row for row in rows if float(row["time_s"]) > 15)
    assert (middle["weight_lidar"], middle["state_lidar"]) == ("", "STALE")
    assert float(middle["weight_depth"]) == pytest.approx(0.68 / 0.75, abs=1e-4)
    row = rows.index(middle)
    assert float(middle["left_wrist_z"]) == pytest.approx(run.joints_m[row, 13, 2], abs=1e-4)


def test_errors_name_their_replay_and_subset(cases, context, tmp_path):
    write_report(tmp_path, cases, context)
    with (tmp_path / "errors.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    names = [cases[0].run.name, cases[1].run.name, cases[1].reference.name]
    assert list(dict.fromkeys(row["replay"] for row in rows)) == names
    own = [float(row["mpjpe_mm"]) for row in rows if row["replay"] == "lidar silent"]
    np.testing.assert_allclose(own, cases[1].run.error_mm, atol=0.006)
    assert {row["used"] for row in rows} == {"depth+csi", "depth+lidar+csi"}


def test_replays_of_one_name_do_not_overwrite_each_other(made_up, context, tmp_path):
    cases = [Case(made_up("a/b")), Case(made_up("A B")), Case(made_up("--"))]
    names = {path.name for path in write_report(tmp_path, cases, context)}
    assert {"estimates_a-b.csv", "estimates_a-b-2.csv", "estimates_replay.csv"} <= names


def test_a_replay_without_any_estimate_is_told(made_up, context, tmp_path):
    out = {m: [(0.0, "STALE", "silent")] for m in ("depth", "lidar", "csi")}
    write_report(tmp_path, [Case(made_up()), Case(made_up("nothing", states=out))], context)
    record = read(tmp_path)["replays"][1]
    assert "No estimate at all." in record["verdict"]
    assert record["estimates"] == 0
    assert "whole" not in record


@pytest.mark.parametrize("number", [0, 1])
def test_the_fault_free_replay_comes_first(cases, context, tmp_path, number):
    with pytest.raises(ConfigError, match="fault-free one first"):
        write_report(tmp_path, cases[1:] * number, context)
