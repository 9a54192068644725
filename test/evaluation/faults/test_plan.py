from pathlib import Path

import pytest

from pta_ros.errors import ConfigError
from pta_ros.evaluation.faults.injector import Fault, read_faults, strength_text
from pta_ros.evaluation.faults.plan import KINDS

GOOD = "kind: drop, modality: depth, start: 1, end: 2"


def plan_of(tmp_path: Path, text: str):
    path = tmp_path / "plan.yaml"
    path.write_text(text)
    return read_faults(path)


def entry(tmp_path, text):
    return plan_of(tmp_path, f"faults:\n  - {{{GOOD}}}\n  - {{{text}}}\n").faults[1]


def test_an_entry_with_everything(tmp_path):
    text = "kind: delay, modality: csi, start: 1.5, end: 20, strength: 2, seed: 7, jitter: 0.5"
    assert entry(tmp_path, text) == Fault("delay", "csi", 1.5, 20.0, 2.0, 7, 0.5)


def test_an_entry_with_the_least(tmp_path):
    assert entry(tmp_path, GOOD) == Fault("drop", "depth", 1.0, 2.0, 1.0, 0)


def test_an_entry_for_several_sensors(tmp_path):
    text = "kind: drop, modality: [depth, csi], start: 1, end: 2"
    found = plan_of(tmp_path, f"name: both\nfaults: [{{{text}}}]")
    assert found.name == "both"
    assert [fault.modality for fault in found.faults] == ["depth", "csi"]


def test_a_plan_without_a_name_is_called_as_its_file(tmp_path):
    assert plan_of(tmp_path, f"faults: [{{{GOOD}}}]").name == "plan"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "kind: drpo, modality: depth, start: 1, end: 2",
            "unknown kind 'drpo'; did you mean drop?",
        ),
        ("kind: melt, modality: depth, start: 1, end: 2", "unknown kind 'melt'; expected one of n"),
        ("kind: 3, modality: depth, start: 1, end: 2", "unknown kind 3; expected one of"),
        ("kind: [drop], modality: depth, start: 1, end: 2", r"unknown kind \['drop'\]"),
        ("kind: drop, modality: lidr, start: 1, end: 2", "modality 'lidr'; did you mean lidar?"),
        ("kind: drop, modality: [depth, x], start: 1, end: 2", "unknown modality 'x'; expected"),
        ("kind: drop, modality: [], start: 1, end: 2", "no modality; expected one of depth, lidar"),
        (GOOD + ", strenght: 1", "unknown key 'strenght'; did you mean strength?"),
        (GOOD + ", 1: 1", "unknown key 1; expected one of kind, modality"),
        ("kind: drop, modality: depth, start: 1", "no end; expected kind, modality, start and end"),
        ("modality: depth, start: 1, end: 2", "no kind; expected"),
        ("kind: drop, modality: depth, start: 3, end: 2", "from 3 s to 2 s; expected 0 <= start"),
        ("kind: drop, modality: depth, start: 2, end: 2", "from 2 s to 2 s; expected 0 <= start"),
        ("kind: drop, modality: depth, start: -1, end: 2", "from -1 s to 2 s; expected 0 <= start"),
        ("kind: drop, modality: depth, start: 1, end: .inf", "from 1 s to inf s"),
        ("kind: drop, modality: depth, start: .nan, end: 2", "from nan s to 2 s"),
        ("kind: drop, modality: depth, start: 1 s, end: 2", "start is '1 s'; expected a number"),
        (GOOD + ", strength: high", "strength is 'high'; expected a number"),
        (GOOD + ", strength: true", "strength is True; expected a number"),
        (GOOD + ", strength: 0", "drop is 0; expected more than 0, at most 1"),
        (GOOD + ", strength: 1.5", r"drop is 1.5; expected .* 1 \(share of the messages\)"),
        (GOOD + ", strength: .nan", "strength of drop is nan"),
        (GOOD + ", seed: 0.5", "seed is 0.5; expected a whole number"),
        (GOOD + ", seed: -1", "seed is -1; expected 0 or more"),
        (GOOD + ", jitter: 1", "drop has no jitter; only delay has"),
        (GOOD + ", axis: columns", "drop has no axis; only dead_rows has"),
        ("kind: delay, modality: csi, start: 1, end: 2", "no strength; expected seconds"),
        (
            "kind: delay, modality: csi, start: 1, end: 2, strength: 1, jitter: -1",
            "jitter is -1 s; expected 0 to 3600 s",
        ),
        (
            "kind: dead_rows, modality: depth, start: 1, end: 2, strength: 1, axis: colums",
            "unknown axis 'colums'; did you mean columns?",
        ),
        (
            "kind: clock_jump, modality: csi, start: 1, end: 2, strength: 0",
            "strength of clock_jump is 0; expected the seconds to jump",
        ),
        (
            "kind: dead_antenna, modality: csi, start: 1, end: 2, strength: 1.5",
            "dead_antenna is 1.5; expected a whole number",
        ),
        (
            "kind: dead_antenna, modality: depth, start: 1, end: 2",
            "dead_antenna makes no sense for depth; expected noise, dropout, dead_rows, freeze",
        ),
    ],
)
def test_a_wrong_entry_is_named_in_one_line(tmp_path, text, said):
    with pytest.raises(ConfigError, match=said) as caught:
        entry(tmp_path, text)
    assert str(caught.value).startswith(f"{tmp_path / 'plan.yaml'}: fault 2: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- 1", "no mapping; expected faults: a list"),
        ("", "no mapping"),
        ("name: x", "no list of faults"),
        ("faults: []", "no list of faults"),
        ("faults: {}", "no list of faults"),
        ("faults: [1]\nfault: 2", "unknown key 'fault'"),
        ("faults: [1]", "fault 1: 1; expected kind"),
        ("faults: [", "expected a plan of faults in YAML"),
        ("faults: !!python/object:os.system {}", "expected a plan of faults in YAML"),
    ],
)
def test_a_file_that_is_no_plan_is_named_in_one_line(tmp_path, text, said):
    with pytest.raises(ConfigError, match=said) as caught:
        plan_of(tmp_path, text)
    assert str(caught.value).startswith(str(tmp_path / "plan.yaml"))
    assert "\n" not in str(caught.value)


def test_a_file_that_is_missing_or_no_text(tmp_path):
    with pytest.raises(ConfigError, match="No such file"):
        read_faults(tmp_path / "none.yaml")
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(ConfigError, match=r"binary\.yaml"):
        read_faults(tmp_path / "binary.yaml")


def test_strengths_in_words():
    assert strength_text("drop", "depth", 0.3) == "30 % of the messages"
    assert strength_text("noise", "lidar", 0.2) == "sigma 0.2 m"
    assert strength_text("noise", "csi", 0.2) == "sigma 20 % of the mean amplitude"
    assert strength_text("clock_jump", "csi", 0.5) == "+0.5 s"
    assert all("{" not in strength_text(kind, "csi", 1.0) for kind in KINDS)
