import json

import pytest

from pta_ros.cli import live
from pta_ros.cli import pta_soak as soak
from pta_ros.metrics.bound import at_most


def test_the_defaults_are_a_day_half_an_hour_and_200_cycles():
    options = soak.parse([])
    assert tuple(options.only) == soak.PARTS
    assert (options.hours, options.minutes, options.cycles, options.busy) == (
        24.0,
        30.0,
        200,
        False,
    )


@pytest.mark.parametrize(
    "given",
    [["--cycles", "0"], ["--hours", "-1"], ["--minutes", "nan"], ["--only", "sleep"], ["--rounds"]],
)
def test_what_cannot_be_run_is_refused(given, capsys):
    with pytest.raises(SystemExit) as stop:
        soak.parse(given)
    assert stop.value.code == 2
    assert "usage" in capsys.readouterr().err


@pytest.fixture
def made_up(monkeypatch):
    """Parts that are not run: `kills` gives this value beside a limit of 3 s."""

    def parts(value_s):
        record = {"crashes": [], "growth": {}}
        run = {name: lambda *_: (record, []) for name in soak.PARTS}
        run["kills"] = lambda *_: (record, [at_most("recovery", value_s, 3.0, "s")])
        monkeypatch.setattr(soak, "_RUN", run)
        monkeypatch.setattr(live, "preflight", lambda needed: None)

    return parts


@pytest.mark.parametrize(("value_s", "code"), [(2.9, 0), (3.1, 3), (None, 3)])
def test_a_bound_decides(value_s, code, made_up, tmp_path, capsys):
    made_up(value_s)
    (tmp_path / "report.md").write_text("old")
    assert soak.main(["--only", "forward", "kills", "--out", str(tmp_path)]) == code
    report = json.loads((tmp_path / "report.json").read_text())
    assert [b["ok"] for b in report["bounds"]] == [code == 0]
    assert {"kills", "forward"} <= set(report)
    assert "real" not in report
    assert "old" not in (tmp_path / "report.md").read_text()
    assert "report.md" in capsys.readouterr().out


def test_what_was_done_before_an_interrupt_stays(made_up, monkeypatch, tmp_path, capsys):
    made_up(1.0)

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setitem(soak._RUN, "forward", interrupted)
    assert soak.main(["--out", str(tmp_path)]) == 130
    assert "tells of: kills, cycles" in capsys.readouterr().err
    assert json.loads((tmp_path / "report.json").read_text())["bounds"]
