"""bench_pta as a tool: arguments, exit code, files. Figures are made up; test_speed has them."""

import json

import pytest

pytest.importorskip("torch")

from pta_ros.bench import runs
from pta_ros.bench.speed import Series, Speed
from pta_ros.cli import bench_pta
from pta_ros.errors import ConfigError

SPREAD = {"p10": 1.0, "median": 2.0, "p90": 3.0}
STEP = {"batch": 16, "step_ms": {"cached": SPREAD, "encoding": SPREAD}, "ratio": {"median": 40.0}}
NODE = {
    "estimates": 9, "latency_ms": SPREAD, "model_ms": SPREAD,
    "overhead_ms": SPREAD | {"median": 0.9},
}  # fmt: skip


def speed_of(bf16_ms=10.0):
    times = {("xfi", "plain"): 100.0, ("xfi", "fast"): 30.0, ("xfi", "bf16"): bf16_ms,
             ("lite", "plain"): 6.0, ("lite", "fast"): 4.0}  # fmt: skip
    series = tuple(Series(f, v, "cpu", 1, "end to end", (t,)) for (f, v), t in times.items())
    return Speed(series, {"fast": 0.1, "bf16": 1.0}, 2.0)


@pytest.fixture
def measured(monkeypatch):
    """Sets what the measurements give."""

    def give(found, step=STEP, node=NODE):
        def node_figures():
            if node is None:
                raise ConfigError("the node could not be measured: no ROS")
            return node

        monkeypatch.setattr(runs, "measure", lambda *_: found)
        monkeypatch.setattr(runs, "step_figures", lambda: step)
        monkeypatch.setattr(runs, "node_figures", node_figures)

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
    page = (tmp_path / "docs/performance.md").read_text()
    printed = capsys.readouterr().out
    assert printed.startswith(page)
    assert printed.splitlines()[-1] == "7 of 7 bounds kept"
    assert "- A GPU's figures: [performance_gpu.md](performance_gpu.md)." in page.splitlines()


def missed(capsys):
    """Names of the missed bounds on the terminal, and the last line."""
    out = capsys.readouterr().out
    *lines, count = out.splitlines()
    return [x.strip().split("  ")[0] for x in lines if x.endswith(" missed")], count, out


def test_a_missed_bound_is_named_and_is_code_3(measured, capsys):
    measured(speed_of(bf16_ms=50.0), node=NODE | {"overhead_ms": SPREAD | {"median": 3.5}})
    assert bench_pta.main([]) == 3
    names, count, _ = missed(capsys)
    assert names == ["xfi, fast bfloat16 / plain", "node: overhead p50"]
    assert count == "5 of 7 bounds kept, 2 missed"


def test_a_node_that_cannot_run_misses_its_bound_and_says_why(measured, tmp_path, capsys):
    measured(speed_of(), node=None)
    assert bench_pta.main(["--json", str(tmp_path / "a.json")]) == 3
    names, _, out = missed(capsys)
    assert names == ["node: overhead p50"]
    assert "- the node could not be measured: no ROS." in out.splitlines()
    found = json.loads((tmp_path / "a.json").read_text())
    assert found["node"] == {}
    assert found["bounds"][-1]["value"] is None


def test_what_is_left_out_has_no_bound(measured, tmp_path, capsys):
    measured(speed_of(), step=None, node=None)
    arguments = ["--no-step", "--no-node", "--json", str(tmp_path / "a.json")]
    assert bench_pta.main(arguments) == 0
    lines = capsys.readouterr().out.splitlines()
    assert {"- The training step was left out.", "- The node was left out."} <= set(lines)
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
