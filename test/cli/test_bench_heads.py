import json

from pta_ros.cli import bench_heads


def test_both_heads_are_timed_and_the_figures_are_kept(tmp_path, capsys):
    code = bench_heads.main(["--rounds", "10", "--json", str(tmp_path / "times.json")])
    assert code in (0, 3)  # the time itself is not a test's to judge
    figures = json.loads((tmp_path / "times.json").read_text())
    assert figures["rounds"] == 10
    assert figures["ratio"] == figures["both_ms"] / figures["pose_ms"]
    *_, bound, count = capsys.readouterr().out.splitlines()
    assert bound.split()[-1] == ("missed" if code else "kept")
    assert count == ("0 of 1 bounds kept, 1 missed" if code else "1 of 1 bounds kept")


def test_too_few_rounds_are_refused(capsys):
    assert bench_heads.main(["--rounds", "1"]) == 1
    assert "10 or more" in capsys.readouterr().err
