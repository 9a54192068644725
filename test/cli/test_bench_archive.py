"""bench_archive from the command line: every copy is evaluated by both, and the ratio judged."""

import json

import pytest

pytest.importorskip("torch")
pytest.importorskip("rosbags")

from pta_ros.cli import bench_archive, mmfi_to_bag


@pytest.fixture(scope="module")
def bag(synthetic_tree, tmp_path_factory):
    out = tmp_path_factory.mktemp("bag") / "bag"
    given = [str(synthetic_tree), "E01", "S01", "A02", str(out)]
    assert mmfi_to_bag.main(given) == 0
    return out


def test_it_measures_and_judges(bag, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(bench_archive, "MIN_RATIO", 1e9)
    figures = tmp_path / "bench.json"
    given = [str(bag), "--copies", "2", "--repeats", "1", "--json", str(figures)]
    assert bench_archive.main(given) == 3
    assert "missed" in capsys.readouterr().out
    found = json.loads(figures.read_text())
    assert found["ratio"] == pytest.approx(found["seconds"]["1"][0] / found["seconds"]["2"][0])


def test_wrong_input_is_one_line(bag, tmp_path, capsys):
    (tmp_path / "torn.mcap").write_text("torn")
    torn = [str(tmp_path / "torn.mcap"), "--copies", "2", "--repeats", "1"]
    for given in (torn, [str(bag), "--jobs", "1"]):
        assert bench_archive.main(given) == 1
        assert capsys.readouterr().err.count("\n") == 1
