import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pta_ros.cli.make_mmfi import PRESETS, main
from pta_ros.cli.trees import parse_numbers
from pta_ros.datasets.clips import MARKER
from pta_ros.errors import ConfigError
from pta_ros.simulate import tree

SMALL = ["--subjects", "1", "--actions", "2", "--frames", "1", "--jobs", "1"]


def test_it_writes_a_tree_and_says_that_it_is_synthetic(tmp_path, capsys):
    assert main([str(tmp_path / "out"), *SMALL]) == 0
    assert "1 clips of 1 frames written" in capsys.readouterr().out
    assert (tmp_path / "out" / "E01/S01/A02/depth/frame001.png").is_file()
    assert (tmp_path / "out" / MARKER).is_file()
    assert main([str(tmp_path / "out"), *SMALL]) == 0
    assert "0 clips of 1 frames written" in capsys.readouterr().out


def test_a_folder_of_something_else_is_left_alone(tmp_path, capsys):
    (tmp_path / "thesis.txt").write_text("years")
    assert main([str(tmp_path), *SMALL]) == 1
    message = capsys.readouterr().err
    assert message.count("\n") == 1
    assert "not a synthetic tree" in message
    assert os.listdir(tmp_path) == ["thesis.txt"]


@pytest.mark.parametrize(
    "wrong",
    [
        ["--subjects", "0"],
        ["--subjects", "41"],
        ["--actions", "28"],
        ["--actions", "a-b"],
        ["--frames", "0"],
        ["--step", "0"],
        ["--jobs", "0"],
        ["--seed", "-1"],
    ],
)
def test_wrong_arguments_give_one_line_and_write_nothing(tmp_path, capsys, wrong):
    assert main([str(tmp_path / "out"), *SMALL, *wrong]) == 1
    assert capsys.readouterr().err.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_full_disk_is_one_line(tmp_path, capsys, monkeypatch):
    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tree, "write_tree", fail)
    assert main([str(tmp_path / "out"), *SMALL]) == 1
    error = capsys.readouterr().err
    assert f"{tmp_path}/out: No space left on device" in error
    assert error.count("\n") == 1


def test_numbers_and_ranges_are_read_without_repeats():
    assert parse_numbers("1-3,2,7", 9, "subjects") == (1, 2, 3, 7)
    with pytest.raises(ConfigError, match="3-1"):
        parse_numbers("3-1", 9, "subjects")


def test_presets_cover_every_scene():
    for subjects, actions, frames in PRESETS.values():
        assert {(s - 1) // 10 for s in parse_numbers(subjects, 40, "subjects")} == {0, 1, 2, 3}
        assert parse_numbers(actions, 27, "actions")
        assert frames >= 1


def running(group: int) -> list[str]:
    """The processes of a group that have not ended (Linux)."""
    fields = [stat.rpartition(")")[2].split() for stat in _stats()]
    return [" ".join(f) for f in fields if int(f[2]) == group and f[0] not in "ZX"]


def _stats() -> list[str]:
    found = []
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # ended meanwhile
            found.append(entry.read_text())
    return found


def started(out: Path) -> subprocess.Popen[str]:
    """A run on two processes that has just finished its first clip."""
    options = ["--subjects", "1", "--actions", "1-27", "--frames", "2", "--jobs", "2"]
    run = subprocess.Popen(
        [sys.executable, "-m", "pta_ros.cli.make_mmfi", str(out), *options],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    while run.poll() is None and not list(out.glob("E01/S01/A*")):
        time.sleep(0.05)
    return run


def settle(group: int) -> list[str]:
    """What is left of a group once it had time to end."""
    for _ in range(300):
        if not running(group):
            break
        time.sleep(0.1)
    return running(group)


@pytest.mark.slow
def test_an_interrupt_leaves_only_whole_clips_and_no_process(tmp_path):
    run = started(tmp_path / "out")
    os.killpg(run.pid, signal.SIGINT)  # as the terminal's Ctrl-C does: to all of them
    assert "run it again" in run.communicate(timeout=120)[1]
    assert run.returncode == 130
    clips = list((tmp_path / "out").glob("E01/S01/A*"))
    assert 1 <= len(clips) < 27
    assert all(len(list(clip.glob("*/frame*"))) == 6 for clip in clips)
    assert settle(run.pid) == []


@pytest.mark.slow
def test_workers_do_not_outlive_a_killed_run(tmp_path):
    run = started(tmp_path / "out")
    assert len(running(run.pid)) >= 3
    run.kill()
    run.wait()
    assert run.stderr is not None
    run.stderr.close()
    assert settle(run.pid) == []
