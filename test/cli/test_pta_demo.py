import json
import os
import resource
from pathlib import Path

import pytest

from pta_ros import cli
from pta_ros.cli import live
from pta_ros.cli import pta_demo as demo
from pta_ros.demo.processes import lock
from pta_ros.errors import ConfigError


def test_a_missing_rerun_is_told_before_anything_starts(monkeypatch):
    monkeypatch.setattr(live, "find_spec", lambda name: None if name == "rerun" else json.__spec__)
    live.preflight(live.NEEDED)
    with pytest.raises(ConfigError, match=r"pip install '\.\[view\]'"):
        live.preflight({**live.NEEDED, **demo._NEEDED_TO_VIEW})


def test_the_results_folder_must_be_a_folder_and_free(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot write"):
        live.keep(tmp_path / "file", demo._RESULTS)
    held = lock(tmp_path)
    with pytest.raises(ConfigError, match="another run"):
        live.keep(tmp_path, demo._RESULTS)
    os.close(held)


def test_a_disk_without_room_is_told_before_anything_starts(tmp_path):
    """A limit on the size of files stands for the full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    try:
        with pytest.raises(ConfigError, match=r"cannot write to .*; choose --out"):
            live.keep(tmp_path, demo._RESULTS)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(tmp_path.iterdir()) == []


def test_results_of_an_earlier_run_do_not_outlive_a_new_start(tmp_path):
    (tmp_path / "summary.json").write_text("old")
    live.keep(tmp_path, demo._RESULTS)
    assert not (tmp_path / "summary.json").exists()


def test_a_refused_command_leaves_the_results_of_an_earlier_run(tmp_path):
    out, params = tmp_path / "out", tmp_path / "p.yaml"
    out.mkdir()
    (out / "summary.json").write_text("old")
    params.write_text("fusion: {ros__parameters: {stale_after: 1.0}}")
    with pytest.raises(ConfigError, match="stale_after"):
        demo.main(["--out", str(out), "--params", str(params)])
    assert (out / "summary.json").read_text() == "old"


def test_options_become_a_request():
    given = ["--duration", "15", "--seed", "9", "--quiet", "--check", "speed", "--params", "p.yaml"]
    asked = demo._request(demo.parser().parse_args(given))
    assert (asked.task, asked.check, asked.duration) == ("people", "speed", 15.0)
    assert (asked.quiet, asked.view, asked.params) == (True, False, Path("p.yaml"))
    assert asked.simulation == {"seed": 9, "subject": None}


def test_an_unknown_option_is_refused():
    with pytest.raises(SystemExit) as stop:
        demo.parser().parse_args(["--durations", "1", "--nonsense"])
    assert stop.value.code == 2


@pytest.mark.parametrize(
    "given", [["--params", "none.yaml"], ["--config", "none.yaml"], ["--duration", "1"]]
)
def test_what_cannot_work_is_one_line(given, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(live, "preflight", lambda needed: None)
    assert cli.run(lambda: demo.main([*given, "--out", str(tmp_path)])) == 1
    assert len(capsys.readouterr().err.splitlines()) == 1
