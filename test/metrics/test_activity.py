"""Accuracy, confusion, and the bounds of the activity comparison."""

from dataclasses import replace

import pytest
import torch

from pta_ros.errors import ConfigError
from pta_ros.evaluation.compare.activity_plot import draw_confusion
from pta_ros.evaluation.compare.activity_table import TITLES, AccuracyRecord, bounds, page, tabulate
from pta_ros.metrics.activity import ActivityResult, confusion

NAMES = ("radar", "wifi", "rfid")
SUBSETS = ("radar", "wifi", "rfid", "radar+wifi", "radar+rfid", "wifi+rfid", "radar+wifi+rfid")


def records(change=lambda system, split, subset: 0.0):
    return [
        AccuracyRecord(
            s, 0, split, n, 100,
            50.0 + 10 * n.count("+") + (5.0 if s == "pta" else 0.0) + change(s, split, n),
        )
        for s in TITLES for split in ("test", "unseen") for n in SUBSETS
    ]  # fmt: skip


def test_confusion_counts_truth_by_answer():
    counts = confusion(torch.tensor([0, 0, 1, 2]), torch.tensor([0, 1, 1, 1]), 3)
    assert counts.tolist() == [[1, 1, 0], [0, 1, 0], [0, 1, 0]]


def test_a_confusion_is_drawn(tmp_path):
    result = ActivityResult("radar", 4, 50.0, ((1, 1), (1, 1)))
    draw_confusion(result, ("a", "b"), "held-out people", tmp_path / "c.png")
    assert (tmp_path / "c.png").stat().st_size > 1000


def test_bounds_are_kept_by_a_system_that_wins_and_gains():
    table = tabulate(records(), NAMES)
    assert all(bound.ok for bound, _ in bounds(table))
    text = page(table, [("command", "x")], synthetic=True)
    assert "synthetic data" in text
    assert "| *best count* | 0 | 0 | 0 | 0 | 7 |" in text


def test_a_lost_subset_and_a_costly_sensor_are_named_by_split():
    def change(system, split, subset):
        worse = system == "pta" and split == "unseen" and subset == "radar+rfid"
        return -15.6 if worse else 0.0

    found = {b.name: (b, where) for b, where in bounds(tabulate(records(change), NAMES))}
    best, where = found["PTA best, held-out people"]
    assert (best.ok, best.value, where) == (False, 6, "not in radar + rfid")
    cost, where = found["PTA, adding a sensor costs, held-out people"]
    assert (cost.ok, cost.value) == (False, pytest.approx(5.6))
    assert where == "rfid to radar + rfid"
    assert found["PTA best, held-out repeats of known people"][0].ok


def test_a_gap_is_not_compared():
    with pytest.raises(ConfigError, match="rfid"):
        tabulate([r for r in records() if r.subset != "rfid" or r.system != "xfi"], NAMES)


def test_the_spread_over_the_seeds_is_beside_the_mean():
    more = [replace(r, seed=1, accuracy=r.accuracy + 4.0) for r in records()]
    text = page(tabulate([*records(), *more], NAMES), [], synthetic=True)
    assert "| radar | 52.0 ± 2.0 | 52.0 ± 2.0 | 52.0 ± 2.0 | 52.0 ± 2.0 | **57.0 ± 2.0** |" in text


def test_the_papers_numbers_are_set_apart_and_only_for_its_sensors():
    text = page(tabulate(records(), NAMES), [], synthetic=True)
    measured, _, papers = text.partition("## The paper's own numbers")
    assert "| radar + wifi + rfid | 70.6 | 89.8 | 95.59 | 95.07 | 95.87 |" in papers
    assert "95.87" not in measured
    fewer = [r for r in records() if "rfid" not in r.subset]
    assert "paper" not in page(tabulate(fewer, NAMES[:2]), [], synthetic=True)
