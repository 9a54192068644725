import base64
import csv
import gzip
import json
import resource
import runpy
import signal
from fnmatch import fnmatch
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import setuptools

from pta_ros.errors import ConfigError
from pta_ros.evaluation.replay.record import Change, Replayed
from pta_ros.evaluation.report.files import Case, kept_folder, write_report

ROOT = Path(__file__).resolve().parents[3]
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
    run = made_up("lidar silent", [fault], states, truth=False)
    written = write_report(tmp_path, [Case(made_up(truth=False)), Case(run)], context)
    assert "errors.csv" not in [path.name for path in written]
    text = Page(tmp_path).text
    for word in ("MPJPE", "nan", "NaN", "ground truth:", "error (mm)", "Error per joint", "PA-"):
        assert word not in text
    for made in Page(tmp_path).packed("figures").values():
        assert "error of this replay" not in [trace["name"] for trace in made["data"]]
    record = json.dumps(read(tmp_path)["replays"])
    assert "mpjpe" not in record
    assert "error_mm" not in record
    assert read(tmp_path)["replays"][1]["shift_mm"] == pytest.approx(0.0)


class Page(HTMLParser):
    """A report's page: its text, the addresses in it, its elements by name, its packed data."""

    def __init__(self, folder):
        super().__init__()
        self.names, self.addresses, self.blocks, self._open = [], [], {}, None
        self.told = []
        self.feed((folder / "report.html").read_text(encoding="utf-8"))
        self.text = " ".join(self.told)

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.names.append(tag)
        self.addresses += [given[key] for key in ("href", "src", "data", "action") if key in given]
        self._open = given.get("id", "script") if tag in ("script", "style") else None

    def handle_endtag(self, tag):
        self._open = None

    def handle_data(self, data):
        if self._open is None:
            self.told.append(data)
        else:
            self.blocks[self._open] = data

    def packed(self, name):
        """The data of one of the page's compressed blocks."""
        return json.loads(gzip.decompress(base64.b64decode(self.blocks[name])))


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
    page = Page(tmp_path)
    assert page.names.count("script") == 3  # the page's own: figures, plotly, what draws them
    assert "alert" not in page.blocks["script"]
    assert page.text.count(EVIL) > 8


def test_nothing_comes_from_outside_the_file(cases, context, tmp_path):
    write_report(tmp_path, cases, context)
    page = Page(tmp_path)
    assert page.addresses
    assert all(a.startswith(("#", "data:image/webp;base64,")) for a in page.addresses)
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    for reference in ("http:", "https:", "@import", "url(//"):
        assert reference not in text
    assert "default-src 'none'" in text


def test_only_the_replays_shown_carry_figures(cases, context, tmp_path):
    write_report(tmp_path, cases, context)
    assert set(Page(tmp_path).packed("figures")) == {"replay-fault-free", "replay-lidar-silent"}


def test_template_and_styles_are_installed_with_the_package():
    given = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        patch.setattr(setuptools, "setup", lambda **arguments: given.update(arguments))
        runpy.run_path("setup.py")
    room = ROOT / "pta_ros/evaluation/report"
    there = {path.name for path in room.iterdir() if path.suffix not in (".py", "")}
    patterns = given["package_data"]["pta_ros.evaluation.report"]
    assert there == {"page.html.j2", "page.macros.j2", "page.css"}
    assert all(any(fnmatch(name, pattern) for pattern in patterns) for name in there)


def test_a_report_replaces_the_older_one_whole_and_nothing_else(cases, context, tmp_path):
    write_report(tmp_path, cases, context)
    (tmp_path / "notes.txt").write_text("mine")
    with kept_folder(tmp_path):
        write_report(tmp_path, [Case(replaced(cases[0].run, name="alone"))], context)
    assert {path.name for path in tmp_path.iterdir()} == {
        "notes.txt", "report.html", "report.json", "errors.csv", "estimates_alone.csv",
    }  # fmt: skip


def test_a_full_disk_leaves_the_older_report_as_it_is(cases, context, tmp_path, monkeypatch):
    write_report(tmp_path, cases[:1], context)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    old = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, limits[1]))  # no file may be larger
    try:
        with pytest.raises(ConfigError, match="expected room for the report"):
            write_report(tmp_path, cases, context)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, old)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_folder_is_kept_for_one_run(tmp_path):
    place = tmp_path / "new"
    twice = pytest.raises(ConfigError, match="another run writes there")
    with kept_folder(place), twice, kept_folder(place):
        pytest.fail("kept twice")
    assert not place.exists()  # nothing was written
    with kept_folder(place):
        assert place.is_dir()


def test_a_place_that_cannot_hold_a_report_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "file", tmp_path / "file/below"):
        with pytest.raises(ConfigError, match="expected a folder"), kept_folder(place):
            pass
    (tmp_path / "report.json").write_text('{"of": "something else"}')
    with pytest.raises(ConfigError, match="not of a replay's report"), kept_folder(tmp_path):
        pass


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
    out = {m: [(0.2, "STALE", "silent")] for m in ("depth", "lidar", "csi")}
    write_report(tmp_path, [Case(made_up()), Case(made_up("nothing", states=out))], context)
    record = read(tmp_path)["replays"][1]
    assert "No estimate at all: depth: no topic" in record["verdict"]
    assert record["estimates"] == 0
    assert "whole" not in record


@pytest.mark.parametrize("number", [0, 1])
def test_the_fault_free_replay_comes_first(cases, context, tmp_path, number):
    with pytest.raises(ConfigError, match="fault-free one first"):
        write_report(tmp_path, cases[1:] * number, context)
