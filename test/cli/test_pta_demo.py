import json
import os
from pathlib import Path

import pytest

from pta_ros.cli import pta_demo as demo
from pta_ros.demo import report as demo_report
from pta_ros.demo import run as demo_run
from pta_ros.demo.processes import lock
from pta_ros.errors import ConfigError

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture
def model(tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    config = {"statistics": {"mean_pose_m": [[0.0, 0.0, 3.0]] * 17}}
    (folder / "config.json").write_text(json.dumps(config))
    return folder


@pytest.fixture
def plan(model, tmp_path):
    def make(*arguments):
        given = demo.parser().parse_args(["--model", str(model), *arguments])
        return demo._plan(given, tmp_path)

    return make


def test_the_plan_follows_the_shipped_configuration(plan, model):
    made = plan()
    assert made.script.duration_s == 30.0
    assert made.simulation["subject"] > 40
    assert made.simulation["rate_hz"] == 10.0
    assert (made.model, made.view) == (model, True)
    assert made.fastdds == REPOSITORY / "config" / "fastdds.xml"
    assert made.params == REPOSITORY / "config" / "mmfi_live.yaml"


def test_arguments_change_the_plan(plan):
    made = plan("--duration", "15", "--seed", "9", "--subject", "50", "--quiet")
    assert made.script.duration_s == 15.0
    assert (made.simulation["seed"], made.simulation["subject"], made.view) == (9, 50, False)


def test_a_page_is_served_when_asked_for(plan):
    assert plan().page is None
    assert plan("--view").page.url == "http://127.0.0.1:9090"


def test_a_missing_rerun_is_told_before_anything_starts(monkeypatch):
    monkeypatch.setattr(demo, "find_spec", lambda name: None if name == "rerun" else json.__spec__)
    demo._preflight(demo._NEEDED)
    with pytest.raises(ConfigError, match=r"pip install '\.\[view\]'"):
        demo._preflight({**demo._NEEDED, **demo._NEEDED_TO_VIEW})


def test_checks_have_their_own_scripts(plan):
    transport = plan("--check", "transport")
    assert transport.simulation["rate_hz"] == 30.0
    assert [p.available for p in transport.script.phases] == [(), ("depth", "lidar", "csi"), ()]
    assert transport.script.phases[1].end_s - transport.script.phases[1].start_s == 60.0
    assert plan("--check", "memory").script.duration_s == pytest.approx(600.0)


@pytest.mark.parametrize("duration", ["3", "-1", "nan", "0"])
def test_a_duration_that_is_too_short_is_told(plan, duration):
    with pytest.raises(ConfigError, match="at least 12 s"):
        plan("--duration", duration)


def test_wrong_files_are_told(plan, model, tmp_path):
    with pytest.raises(ConfigError, match="no parameter file"):
        plan("--params", str(tmp_path / "none.yaml"))
    with pytest.raises(ConfigError, match="not a model folder"):
        plan("--model", str(tmp_path / "none"))
    (model / "config.json").write_text('{"statistics": {}}')
    with pytest.raises(ConfigError, match="mean_pose_m"):
        plan()


def test_the_results_folder_must_be_a_folder_and_free(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot write"):
        demo._folder(tmp_path / "file")
    held = lock(tmp_path)
    with pytest.raises(ConfigError, match="another demo"):
        demo._folder(tmp_path)
    os.close(held)


def test_results_of_an_earlier_run_do_not_outlive_a_new_start(tmp_path):
    (tmp_path / "summary.json").write_text("old")
    assert demo._folder(tmp_path) == tmp_path.resolve()
    assert not (tmp_path / "summary.json").exists()


def test_an_installed_executable_comes_before_the_module(tmp_path, monkeypatch):
    monkeypatch.setenv("AMENT_PREFIX_PATH", str(tmp_path))
    assert demo_run.node_command("sim_node")[1:] == ["-m", "pta_ros.nodes.sim_node"]
    installed = tmp_path / "lib" / "pta_ros" / "sim_node"
    installed.parent.mkdir(parents=True)
    installed.write_text("#!/bin/sh\n")
    installed.chmod(0o755)
    assert demo_run.node_command("sim_node") == [str(installed)]


def test_the_reference_runs_as_the_parameter_file_says(tmp_path):
    assert demo_report._as_run(None) == (True, True, None)
    assert demo_report._as_run(REPOSITORY / "config" / "mmfi_live.yaml") == (True, True, None)
    changed = tmp_path / "p.yaml"
    changed.write_text(
        "/**/fusion:\n"
        "  ros__parameters: {refine: false, gate: false, smoothing: true, smoothing_beta: 1.0}\n"
    )
    refine, gate, smoothing = demo_report._as_run(changed)
    assert (refine, gate, smoothing.beta) == (False, False, 1.0)


def test_the_table_names_what_was_missed(capsys):
    bound = {"name": "latency p50", "value": 30.0, "limit": 25.0, "sense": "at most", "unit": "ms"}
    never = {**bound, "name": "back", "value": None}
    summary = {"bounds": [{**bound, "ok": False}, {**never, "ok": False}, {**bound, "ok": True}]}
    demo_report.print_bounds(summary)
    said = capsys.readouterr().out
    assert "1 of 3 bounds kept, 2 MISSED" in said
    assert "never" in said
    assert len(demo_report.missed(summary)) == 2


def test_a_simulator_that_lags_is_told(capsys):
    simulator = {"kept_rate_hz": 3.0, "rate_hz": 10.0, "render_ms": {"p50": 220.0, "p99": 300.0}}
    demo_report.print_bounds({"bounds": [_kept()], "simulator": simulator})
    assert "too busy or too slow" in capsys.readouterr().out
    demo_report.print_bounds(
        {"bounds": [_kept()], "simulator": {**simulator, "kept_rate_hz": 9.99}}
    )
    assert "too busy" not in capsys.readouterr().out


def _kept():
    return {"name": "a", "value": 0, "limit": 0, "sense": "at most", "unit": "", "ok": True}
