from dataclasses import replace

import pytest

from pta_ros.evaluation.compare.bounds import pose_bounds
from pta_ros.evaluation.compare.table import tabulate


def verdicts(make, records, seeds=(0, 1, 2)):
    return {b.name: b for b in pose_bounds(tabulate(records, seeds))}


def missed(make, records):
    return [name for name, v in verdicts(make, records).items() if not v.ok]


def changed(records, system, subset, **values):
    return [
        replace(r, **{k: getattr(r, k) + rise for k, rise in values.items()})
        if (r.system, r.subset, r.corruption) == (system, subset, None)
        else r
        for r in records
    ]


def test_a_good_comparison_keeps_every_bound(make):
    found = verdicts(make, make.clean() + make.corrupted())
    assert [name for name, v in found.items() if not v.ok] == []
    values = {name: v.value for name, v in found.items()}
    assert values["Seeds of every compared system"] == 3
    assert values["Ours: best MPJPE among all compared systems"] == 7
    assert values["PTA: best MPJPE among those the paper counts"] == 7
    assert values["PTA: refined features better than plain"] == 3
    assert values["Ours: worst contamination"] == pytest.approx(0.0)
    assert sum("worse than dropping it" in name for name in values) == 3


def test_one_lost_subset_breaks_the_gates_bound_but_not_the_papers_count(make):
    records = changed(make.clean(), "xfi", "depth+csi", mpjpe_mm=-30.0) + make.corrupted()
    assert missed(make, records) == ["Ours: best MPJPE among all compared systems"]
    found = verdicts(make, records)
    gate = found["Ours: best MPJPE among all compared systems"]
    assert (gate.value, gate.where) == (6, "not in depth + csi")
    assert found["PTA: best MPJPE among those the paper counts"].value == 6


def test_systems_without_parts_do_not_count_against_pta_as_the_paper_counts(make):
    records = make.clean() + make.corrupted()
    for name in make.names:
        records = changed(records, "pta_no_diffusion", name, mpjpe_mm=-20.0)
    assert missed(make, records) == ["Ours: best MPJPE among all compared systems"]


@pytest.mark.parametrize(
    ("system", "subset", "values", "expected", "where"),
    [
        ("pta_gate", "lidar+csi", {"mpjpe_mm": 0.7}, "worst contamination", "lidar to lidar + csi"),
        ("pta_gate", "csi", {"pa_mpjpe_mm": 9.0}, "Ours: PA-MPJPE", "not in csi"),
        ("pta", "csi", {"pa_mpjpe_mm": 9.0}, "PTA: PA-MPJPE", "not in csi"),
        ("pta_plain", "lidar", {"mpjpe_mm": -1.0}, "refined features", "not in lidar"),
    ],
)
def test_a_worse_figure_misses_its_bound_and_says_where(
    make, system, subset, values, expected, where
):
    found = verdicts(make, changed(make.clean(), system, subset, **values) + make.corrupted())
    lost = [v for v in found.values() if not v.ok]
    assert [(expected in v.name, v.where) for v in lost] == [(True, where)]


def test_a_modality_alone_is_held_to_its_own_pre_trained_model(make):
    records = changed(make.clean(), "base2", "depth", mpjpe_mm=-40.0) + make.corrupted()
    (found,) = [v for n, v in verdicts(make, records).items() if "own pre-trained model" in n]
    assert (found.ok, found.value, found.where) == (False, 2, "not in depth")


@pytest.mark.parametrize(("percent", "kept"), [(1.99, True), (2.01, False)])
def test_each_corruption_is_held_to_two_percent(make, percent, kept):
    found = verdicts(make, make.clean() + make.corrupted(percent=percent))
    corrupted = [v for name, v in found.items() if "worse than dropping it" in name]
    assert [v.ok for v in corrupted] == [kept] * 3
    assert [v.value for v in corrupted] == pytest.approx([percent] * 3)


def test_what_was_not_measured_is_not_kept(make):
    without_xfi = [r for r in make.clean() if r.system != "xfi"]
    found = verdicts(make, without_xfi)
    for part in ("Seeds", "best MPJPE", "worse than dropping it", "PA-MPJPE"):
        named = [v for name, v in found.items() if part in name]
        assert named
        assert not any(v.ok for v in named)
    gate = found["Ours: best MPJPE among all compared systems"]
    assert gate.value is None


def test_a_subset_that_a_rival_lacks_is_not_won(make):
    records = [r for r in make.clean() if (r.system, r.seed, r.subset) != ("base2", 1, "csi")]
    gate = verdicts(make, records)["Ours: best MPJPE among all compared systems"]
    assert (gate.value, gate.ok, gate.where) == (6, False, "not measured in csi")


def test_two_seeds_are_too_few(make):
    records = [r for r in make.clean() + make.corrupted() if r.seed < 2]
    found = verdicts(make, records, seeds=(0, 1))
    assert [n for n, v in found.items() if not v.ok] == ["Seeds of every compared system"]
