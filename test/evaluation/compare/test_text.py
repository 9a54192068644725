from dataclasses import replace

import pytest

from pta_ros.evaluation.compare.bounds import gaps
from pta_ros.evaluation.compare.effects import Effect
from pta_ros.evaluation.compare.page import pose_page
from pta_ros.evaluation.compare.table import COMPARED, tabulate
from pta_ros.evaluation.compare.text import (
    contamination_table,
    corruption_table,
    metric_table,
    plain_table,
    rise_text,
    worst_corruptions_table,
)
from pta_ros.metrics.evaluate import MPJPE


def effect(subset, before, after):
    """What adding CSI does to the MPJPE."""
    return Effect(MPJPE, subset, "csi", f"{subset}+csi", before, after)


def rows(markdown):
    """Cells of a Markdown table, header first, by the text of the first cell."""
    lines = [[c.strip() for c in line.strip("|").split("|")] for line in markdown.splitlines()]
    assert all(len(line) == len(lines[0]) for line in lines)
    return [lines[0], *lines[2:]]


def test_the_error_table_marks_the_best_and_counts_it(make):
    table = rows(metric_table(tabulate(make.clean(), make.context().seeds), MPJPE))
    assert table[0] == ["subset", *COMPARED["pose"].values()]
    assert [row[0] for row in table[1:-1]] == [n.replace("+", " + ") for n in make.names]
    means = [f"{50 + make.worse_mm[s]:.1f} ± 1.0" for s in COMPARED["pose"]]
    assert table[1][1:] == [*means[:-1], f"**{means[-1]}**"]
    assert table[-1] == ["*best count*", "0", "0", "0", "0", "0", "0", "0", "7"]


def test_a_missing_cell_is_a_dash_and_a_seed_less_is_named(make):
    records = [
        r
        for r in make.clean()
        if r.system != "pta_no_meta" and (r.system, r.seed) not in (("xfi", 2), ("pta_gate", 0))
    ]
    table = rows(metric_table(tabulate(records, make.context().seeds), MPJPE))
    depth = dict(zip(table[0], table[1], strict=True))
    assert depth["PTA without meta weights"] == "–"
    assert depth["X-Fi fusion"] == "59.5 ± 0.7 (seeds 0, 1 only)"
    assert depth["Ours"] == "50.5 ± 0.7 (seeds 1, 2 only)"
    assert depth["PTA"] == "**52.0 ± 1.0**"


def test_a_single_seed_shows_that_it_has_no_deviation(make):
    records = [r for r in make.clean() if r.seed == 1]
    page = pose_page(records, make.context(seeds=(1,)))
    assert "**50.0 ± –**" in page
    assert "One seed has no deviation" in page


def test_the_worst_of_each_column_is_bold_and_only_that():
    effects = [effect("depth", 50.0, 52.0), effect("lidar", 60.0, 59.99)]
    table = rows(contamination_table({"A": effects, "B": effects[::-1]}))
    assert table[1] == ["depth", "depth + csi", "**+4.0 %**", "+0.0 %"]
    assert table[2][2:] == ["+0.0 %", "**+4.0 %**"]


@pytest.mark.parametrize(("with_mm", "text"), [(99.97, "+0.0 %"), (98.5, "-1.5 %"), (None, "–")])
def test_percent_is_signed_and_never_minus_zero(with_mm, text):
    assert rise_text(effect("depth", 100.0, with_mm)) == text


def test_the_corruption_table_puts_ours_without_and_with_its_gate_side_by_side(make):
    broken = make.corrupted(("pta_ungated",), 30.0) + make.corrupted(("pta_gate",), -1.0)
    records = make.clean() + broken
    table = rows(
        corruption_table(tabulate(records, make.context().seeds), ("pta_ungated", "pta_gate"))
    )
    assert len(table) == 1 + 9
    by_key = {tuple(row[:2]): row[2:] for row in table}
    assert by_key["csi/dead antenna", "lidar + csi"] == [
        "60.5", "78.7", "+30.0 %", "60.0", "59.4", "-1.0 %"
    ]  # fmt: skip
    for column in (4, 7):
        assert sum(row[column].startswith("**") for row in table) == 1


def test_the_worst_of_every_system_with_a_corruption(make):
    broken = make.corrupted(("xfi",), 30.0) + make.corrupted(("pta_gate",), -1.0)
    table = rows(worst_corruptions_table(tabulate(make.clean() + broken, make.context().seeds)))
    assert [row[0] for row in table[1:]] == ["depth/noise", "lidar/shift", "csi/dead antenna"]
    columns = dict(zip(COMPARED["pose"].values(), table[1][1:], strict=True))
    assert columns.pop(COMPARED["pose"]["pta_gate"]) == "-1.0 %"
    assert columns.pop("X-Fi fusion") == "+30.0 %"
    assert set(columns.values()) == {"–"}


def test_refined_and_plain_stand_side_by_side(make):
    table = rows(plain_table(tabulate(make.clean(), make.context().seeds), "pta"))
    assert table[1] == ["depth", "**52.0 ± 1.0**", "53.0 ± 1.0"]


def test_gaps_are_told_once_each(make):
    records = [
        r
        for r in make.clean() + make.corrupted()
        if r.system != "base1"
        and (r.system, r.seed) != ("xfi", 2)
        and (r.system, r.seed, r.corruption) != ("pta", 1, "lidar/shift")
        and (r.system, r.seed, r.subset) != ("base2", 0, "csi")
    ]
    found = gaps(tabulate(records, make.context().seeds), 120)
    others = ["X-Fi fusion", "Proxies in slots", "PTA without diffusion", "PTA without meta"]
    rest = ", ".join(["Base.2 (mean of predictions)", *others])
    assert found == [
        "Base.1 (concatenate + MLP): not run.",
        f"Corrupted modalities: not run for {rest} weights.",
        "Base.2 (mean of predictions): seed 0 lacks clean csi.",
        "X-Fi fusion: seed 2 was not run.",
        "PTA: seed 1 lacks lidar/shift.",
    ]


def test_nothing_missing_is_no_gap_and_other_frames_are_one(make):
    records = make.clean() + make.corrupted(tuple(COMPARED["pose"]))
    assert gaps(tabulate(records, make.context().seeds), 120) == []
    fewer = [replace(records[0], frames=100), *records[1:]]
    assert gaps(tabulate(fewer, make.context().seeds), 120) == [
        "Not all figures are over the same samples: 100 to 120 of 120."
    ]


def test_the_page_says_what_made_it_and_that_it_is_synthetic(make):
    page = pose_page(make.clean() + make.corrupted(), make.context())
    for part in (
        "on synthetic data",
        "`evaluate_pta data/bench --table results/table`",
        "preset bench, data seed 7",
        "1 h 2 min",
        "2 cores, Some CPU, torch 2.13.0+cpu",
        "0, 1, 2",
        "S06 S15",
        "328.5 mm",
    ):
        assert part in page
    assert "paper's own" not in page
    assert "synthetic" not in pose_page(make.clean(), make.context(synthetic=False))


def test_the_docs_page_marks_the_papers_figures_as_another_data_set(make):
    page = pose_page(make.clean() + make.corrupted(), make.context(), docs=True)
    blocks = page.split("\n\n")
    for number, block in enumerate(blocks):
        if block.startswith("| ") and "MM-Fi" in block.splitlines()[0]:
            before = "\n".join(blocks[max(0, number - 2) : number])
            own_column = "PTA in the paper, on MM-Fi" in block
            assert own_column or "another data set" in before
    assert page.count("another data set") == 3
    assert "| depth | 102.4 | 102.4 | 96.4 | **84.81** |" in page
    assert "| depth | depth + csi | **+0.0 %** | **+0.0 %** | **+13.1 %** |" in page
    assert "images/results_weights.png" in page


def test_of_other_modalities_than_the_papers_there_are_none_of_its_tables(make):
    records = [r for r in make.clean() if "csi" not in r.subset]
    assert "MM-Fi" not in pose_page(records, make.context(), docs=True)


def test_weights_without_a_history_are_not_mentioned(make):
    assert "Weights over training" not in pose_page(make.clean(), make.context(histories={}))
