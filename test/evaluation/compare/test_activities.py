"""Accuracies in the table that poses share: bounds, gaps, the page, and the files."""

import json
from dataclasses import replace

import pytest

from pta_ros.evaluation.compare import paper
from pta_ros.evaluation.compare.bounds import SPLITS, activity_bounds
from pta_ros.evaluation.compare.files import write_activities
from pta_ros.evaluation.compare.page import activity_page, split_tables
from pta_ros.evaluation.compare.plot import draw_confusion
from pta_ros.evaluation.compare.records import ActivityRecord
from pta_ros.evaluation.compare.table import COMPARED
from pta_ros.evaluation.compare.text import metric_table
from pta_ros.metrics.evaluate import ACCURACY, ActivityResult

SUBSETS = ("radar", "wifi", "rfid", "radar+wifi", "radar+rfid", "wifi+rfid", "radar+wifi+rfid")
TITLES = COMPARED["activity"]
OURS, NAME = "pta_gate", "Ours"


def records(change=lambda system, split, subset: 0.0):
    return [
        ActivityRecord(
            system=s, seed=0, split=split, subset=n, samples=120,
            accuracy=accuracy(s, n) + change(s, split, n),
            people={p: {"count": 60, "accuracy": accuracy(s, n) + change(s, split, n) + off}
                    for p, off in (("S03", 1.0), ("S08", -1.0))},
        )
        for s in TITLES for split in SPLITS for n in SUBSETS
    ]  # fmt: skip


def accuracy(system, subset):
    return 50.0 + 10 * subset.count("+") + (5.0 if system == OURS else 0.0)


def corrupted(cost, systems=("pta_ungated", OURS)):
    """Ours with noise of Wi-Fi: `cost` points below the same without Wi-Fi."""
    return [
        ActivityRecord(
            system=s, seed=0, split=split, subset=n, samples=120, corruption="wifi/noise",
            accuracy=accuracy(s, n.replace("wifi+", "").replace("+wifi", "")) - cost,
        )
        for s in systems for split in SPLITS for n in SUBSETS if "wifi" in n and "+" in n
    ]  # fmt: skip


@pytest.fixture
def context(make):
    return replace(make.context(seeds=(0,), histories={}), samples=dict.fromkeys(SPLITS, 120))


def bounds(given, context):
    return {b.name: b for b in activity_bounds(split_tables(given, context))}


def test_bounds_are_kept_by_a_system_that_wins_and_gains(context):
    given = records() + corrupted(0.9)
    found = bounds(given, context)
    assert [b.ok for b in found.values()] == [True] * 8
    page = activity_page(given, context).splitlines()
    assert "| *best count* | 0 | 0 | 0 | 0 | 0 | 0 | 7 |" in page
    ahead = "| radar | Base. (mutual learning) | **+5.0** | +5.0 to +5.0 | 2 |"
    assert page.count(ahead) == 2
    used = [
        x for x in page if x.startswith("| wifi/noise | radar + wifi | – | 49.1 | – | 55.0 | 54.1")
    ]
    assert len(used) == 2


def test_a_lost_subset_and_a_costly_sensor_are_named_by_split(context):
    def change(system, split, subset):
        worse = system == OURS and split == "unseen" and subset == "radar+rfid"
        return -15.6 if worse else 0.0

    found = bounds(records(change), context)
    best, cost = (
        found[f"{NAME}: best, held-out people"],
        found[f"{NAME}: adding a sensor costs, held-out people"],
    )
    assert (best.ok, best.value, best.where) == (False, 6, "not in radar + rfid")
    assert (cost.ok, cost.value, cost.unit) == (False, pytest.approx(5.6), "points")
    assert cost.where == "radar to radar + rfid"  # the first of two that cost the same
    assert found[f"{NAME}: best, held-out repeats of known people"].ok
    behind = found[f"{NAME}: behind in accuracy, beyond chance, held-out people"]
    assert (behind.ok, behind.value) == (False, 6)
    assert behind.where.startswith("Base. (mutual learning) in radar + rfid, X-Fi fusion in")


def test_a_corrupted_sensor_may_cost_a_point_more_than_dropping_it(context):
    name = f"{NAME}: corrupted sensor, worse than dropping it, held-out people"
    found = bounds(records() + corrupted(1.1), context)[name]
    assert (found.ok, found.value) == (False, pytest.approx(1.1))
    assert found.where == "wifi/noise in radar + wifi"
    assert bounds(records(), context)[name].value is None


def test_a_gap_is_told_and_its_subset_is_not_won(context):
    gap = [r for r in records() if (r.system, r.subset, r.split) != ("xfi", "rfid", "test")]
    best = bounds(gap, context)[f"{NAME}: best, held-out repeats of known people"]
    assert (best.ok, best.value, best.where) == (False, 6, "not measured in rfid")
    page = activity_page(gap, context).splitlines()
    assert "- Held-out repeats of known people: X-Fi fusion: seed 0 lacks clean rfid." in page


def test_the_spread_over_the_seeds_is_beside_the_mean(context):
    more = [replace(r, seed=1, accuracy=r.accuracy + 4.0) for r in records()]
    table = split_tables([*records(), *more], replace(context, seeds=(0, 1)))["test"]
    row = metric_table(table, ACCURACY).splitlines()[2]
    assert row == f"| radar |{' 52.0 ± 2.0 |' * 6} **57.0 ± 2.0** |"


def test_the_papers_numbers_are_set_apart_and_only_for_its_sensors(context):
    page = activity_page(records(), context)
    measured, _, papers = page.partition("## The paper's own numbers")
    assert papers.endswith(f"\n\n{paper.accuracy_table()}\n")
    assert "95.87" not in measured
    fewer = [r for r in records() if "rfid" not in r.subset]
    assert "paper" not in activity_page(fewer, context)


def test_files_hold_the_records_the_bounds_and_the_pictures(context, tmp_path):
    for split in SPLITS:
        result = ActivityResult("radar", 4, 50.0, ((1, 1), (1, 1)))
        draw_confusion(result, ("a", "b"), SPLITS[split], tmp_path / f"confusion_{split}.png")
    written = write_activities(records(), context, tmp_path, tmp_path / "docs")
    assert [p.relative_to(tmp_path).as_posix() for p in written] == [
        "activities.json", "activities.md", "docs/activities.md"
    ]  # fmt: skip
    values = json.loads(written[0].read_text())
    assert [ActivityRecord(**r) for r in values["records"]] == records()
    assert len(values["bounds"]) == 8
    for split, title in SPLITS.items():
        picture = f"images/confusion_{split}.png"
        assert f"![Confusion, {title}]({picture})" in written[2].read_text().splitlines()
        assert (tmp_path / "docs" / picture).read_bytes().startswith(b"\x89PNG")
