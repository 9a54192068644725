"""bench_pta as a tool: arguments, exit code, files. Figures are made up; test_speed has them."""

import json

import pytest

pytest.importorskip("torch")

from pta_ros.bench import runs as speed_runs
from pta_ros.bench import speed
from pta_ros.bench.speed import Series, Speed
from pta_ros.cli import bench_pta
from pta_ros.errors import ConfigError

SPREAD = {"p10": 1.0, "median": 2.0, "p90": 3.0}
STEP = {"batch": 16, "step_ms": {"cached": SPREAD, "encoding": SPREAD}, "ratio": {"median": 40.0}}
NODE = {"estimates": 9, "latency_ms": SPREAD, "model_ms": SPREAD, "overhead_ms": SPREAD}


def speed_of(bf16_ms=10.0):
    times = {("xfi", "plain"): 100.0, ("xfi", "fast"): 40.0, ("xfi", "bf16"): bf16_ms,
             ("lite", "plain"): 6.0, ("lite", "fast"): 4.0}  # fmt: skip
    series = tuple(Series(f, v, "cpu", 1, "end to end", (t,)) for (f, v), t in times.items())
    return Speed(series, {"fast": 0.1, "bf16": 1.0}, 2.0)


@pytest.fixture
def measured(monkeypatch):
    """Sets what the measurements give, on a machine without a GPU."""

    def give(found, step=STEP, node=NODE):
        def node_figures():
            if node is None:
                raise ConfigError("the node could not be measured: no ROS")
            return node

        monkeypatch.setattr(bench_pta, "_devices", lambda: ["cpu"])
        monkeypatch.setattr(speed, "measure", lambda *_: found)
        monkeypatch.setattr(speed_runs, "step_figures", lambda: step)
        monkeypatch.setattr(speed_runs, "node_figures", node_figures)

    return give


def test_all_is_written_and_kept_bounds_are_code_0(measured, tmp_path, capsys):
    measured(speed_of())
    out = tmp_path / "deep/figures.json"
    assert bench_pta.main(["--json", str(out), "--docs", str(tmp_path / "docs")]) == 0
    found = json.loads(out.read_text())
    assert found["schema"] == 2
    assert set(found) == {"schema", "machine", "series", "change_mm", "bounds", "step", "node"}
    assert found["step"] == STEP
    assert found["node"] == NODE
    assert found["change_mm"] == {"cpu": {"fast": 0.1, "bf16": 1.0}}
    assert {s["stage"] for s in found["series"]} == {"end to end"}
    assert [b["ok"] for b in found["bounds"]] == [True] * 7
    printed = capsys.readouterr().out
    assert (tmp_path / "docs/performance.md").read_text().strip() == printed.strip()
    assert "No GPU at hand" in printed


def test_a_missed_bound_is_named_and_is_code_1(measured, capsys):
    measured(speed_of(bf16_ms=50.0), node=NODE | {"overhead_ms": SPREAD | {"median": 3.5}})
    assert bench_pta.main([]) == 1
    missed = [x for x in capsys.readouterr().err.splitlines() if "missed" in x]
    assert missed == [
        "bench_pta: missed: xfi, fast bfloat16 / plain: 2.0",
        "bench_pta: missed: node: overhead p50: 3.5",
    ]


def test_a_node_that_cannot_run_misses_its_bound_and_says_why(measured, tmp_path, capsys):
    measured(speed_of(), node=None)
    assert bench_pta.main(["--json", str(tmp_path / "a.json")]) == 1
    said = capsys.readouterr()
    assert "- the node could not be measured: no ROS." in said.out
    assert "missed: node: overhead p50: None" in said.err
    assert json.loads((tmp_path / "a.json").read_text())["node"] == {}


def test_what_is_left_out_has_no_bound(measured, tmp_path, capsys):
    measured(speed_of(), step=None, node=None)
    arguments = ["--no-step", "--no-node", "--json", str(tmp_path / "a.json")]
    assert bench_pta.main(arguments) == 0
    said = capsys.readouterr().out
    assert "- The training step was left out." in said
    assert "- The node was left out." in said
    assert len(json.loads((tmp_path / "a.json").read_text())["bounds"]) == 5


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--repeats", "0"], "--repeats 0"),
        (["--batches", "2", "4"], "batch 1 among the batches"),
        (["--batches", "1", "0"], "--batches [1, 0]"),
        (["--threads", "0"], "--threads 0"),
        (["--json", "{here}"], "not a file"),
        (["--docs", "{file}"], "not a folder"),
    ],
)
def test_wrong_arguments_are_one_line_before_anything_is_measured(
    arguments, words, measured, tmp_path, capsys
):
    measured(None)
    (tmp_path / "file").write_text("")
    places = {"{here}": str(tmp_path), "{file}": str(tmp_path / "file")}
    assert bench_pta.main([places.get(a, a) for a in arguments]) == 1
    told = capsys.readouterr().err
    assert words in told
    assert told.count("\n") == 1
