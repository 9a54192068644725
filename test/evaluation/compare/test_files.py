import csv
import json
import re
from dataclasses import replace

import pytest

from pta_ros.evaluation.compare.files import as_csv, write_docs, write_results
from pta_ros.evaluation.compare.table import tabulate


@pytest.fixture
def written(make, tmp_path):
    records = make.clean() + make.corrupted()
    records[0] = make.record("base1", 0, "depth", mpjpe_mm=0.1 + 0.2, pa_mpjpe_mm=1 / 3)
    paths = write_results(records, make.context(), tmp_path / "deep" / "results")
    return records, paths


def test_results_lie_where_they_were_asked_for(written, tmp_path):
    _, paths = written
    folder = tmp_path / "deep" / "results"
    assert {p.name for p in paths} == {
        "results.md", "results.csv", "results.json",
        "results_subsets.png", "results_joints.png", "results_weights.png",
    }  # fmt: skip
    assert {p.name for p in folder.iterdir()} == {p.name for p in paths}


def test_json_gives_back_exactly_what_was_written(make, written, read_results):
    records, paths = written
    path = next(p for p in paths if p.suffix == ".json")
    assert read_results(path) == (records, make.context())


def test_pages_and_figures_come_again_from_the_stored_json(written, tmp_path, read_results):
    _, paths = written
    again = write_results(*read_results(paths[0]), tmp_path / "again")
    texts = [p for p in paths if p.suffix != ".png"]
    assert [p.name for p in texts] == ["results.json", "results.csv", "results.md"]
    for before, after in zip(texts, again, strict=False):
        assert before.read_text() == after.read_text()


def test_json_holds_what_follows_from_the_records(written):
    _, paths = written
    values = json.loads(next(p for p in paths if p.suffix == ".json").read_text())
    assert len(values["contamination"]["pta"]) == 9
    assert len(values["corruption"]["pta_gate"]) == 9
    names = [bound["name"] for bound in values["bounds"]]
    assert "Ours: worst contamination" in names


def test_csv_holds_every_cell_with_its_deviation_and_mark(make):
    records = make.clean() + make.corrupted()
    rows = list(csv.DictReader(as_csv(tabulate(records, make.context().seeds)).splitlines()))
    assert len(rows) == len(records) / 3
    found = {(r["system"], r["subset"], r["corruption"]): r for r in rows}
    gate = found["pta_gate", "depth", ""]
    assert (gate["seeds"], gate["frames"], gate["mpjpe_mm_best"]) == ("0 1 2", "120", "1")
    assert float(gate["mpjpe_mm"]) == pytest.approx(50.0)
    assert float(gate["mpjpe_mm_std"]) == pytest.approx(1.0)
    assert found["xfi", "depth", ""]["mpjpe_mm_best"] == "0"
    assert found["pta_plain", "depth", ""]["mpjpe_mm_best"] == ""
    assert found["pta", "depth+lidar", "depth/noise"]["mpjpe_mm_best"] == ""


@pytest.mark.parametrize("write", [write_results, write_docs])
def test_every_picture_that_a_page_shows_is_there(make, tmp_path, write):
    write(make.clean() + make.corrupted(), make.context(), tmp_path)
    shown = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", (tmp_path / "results.md").read_text())
    assert len(shown) == 3
    for name in shown:
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")


def test_of_the_wide_world_there_is_a_page_of_its_own(make, tmp_path):
    seen = [r for r in make.clean() if "csi" not in r.subset and r.system != "pta_ungated"]
    whole = make.context()
    context = replace(whole, wide=True, ours="PTA with a joint head")
    written = {str(p.relative_to(tmp_path)) for p in write_docs(seen, context, tmp_path)}
    assert "results_wide.md" in written
    assert "images/wide/results_subsets.png" in written
    page = (tmp_path / "results_wide.md").read_text()
    assert "2 scenes" in page
    assert "PTA with a joint head" in page
    assert "images/wide/results_joints.png" in page
    assert "In the paper" not in page
    assert "Not measured." in page  # corrupted sensors
    assert "at least 3 of 3 subsets" in page
    assert "not run" not in page
