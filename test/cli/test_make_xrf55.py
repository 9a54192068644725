import json

import pytest

from pta_ros.cli.make_xrf55 import PRESETS, main
from pta_ros.datasets.clips import MARKER

SMALL = ["--subjects", "1", "--actions", "2", "--jobs", "1"]


def test_a_small_tree_is_written_and_then_added_to(tmp_path, capsys):
    assert main([str(tmp_path / "t"), *SMALL, "--repeats", "1"]) == 0
    assert main([str(tmp_path / "t"), *SMALL, "--repeats", "1,15"]) == 0
    assert "1 clips of 2 repeats written" in capsys.readouterr().out
    names = sorted(p.name for p in (tmp_path / "t" / "Scene1" / "RFID").iterdir())
    assert names == ["01_02_01.npy", "01_02_15.npy"]
    marker = json.loads((tmp_path / "t" / MARKER).read_text())
    assert marker["synthetic"] is True
    assert len(marker["runs"]) == 2


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--actions", "56"], "1 to 55"),
        (["--repeats", "21"], "1 to 20"),
        (["--scenes", "0"], "1 to 4"),
        (["--jobs", "0"], "at least 1"),
    ],
)
def test_impossible_requests_are_one_line(tmp_path, capsys, arguments, text):
    assert main([str(tmp_path / "t"), *arguments]) == 1
    said = capsys.readouterr().err
    assert text in said
    assert said.count("\n") == 1


def test_presets_have_training_and_test_repeats():
    for _, _, repeats in PRESETS.values():
        assert repeats.startswith("1-")
        assert "15" in repeats
