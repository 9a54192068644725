import pytest

from pta_ros.evaluation.compare.effects import (
    contamination,
    contamination_of,
    corruption_of,
    rise_of,
    worst,
)
from pta_ros.evaluation.compare.table import tabulate
from pta_ros.metrics.evaluate import MPJPE


def test_three_modalities_can_be_added_in_nine_ways(make):
    effects = contamination(MPJPE, make.base_mm, ("depth", "lidar", "csi"))
    paths = [(e.subset, e.larger) for e in effects]
    assert len(paths) == len(set(paths)) == 9
    assert ("depth", "depth+lidar") in paths
    assert ("lidar+csi", "depth+lidar+csi") in paths
    assert all(set(a.split("+")) < set(b.split("+")) for a, b in paths)


def test_contamination_is_the_rise_in_rise_of_the_smaller_subset(make):
    errors = {**make.base_mm, "lidar+csi": 66.0, "depth+lidar+csi": 43.0}
    found = {
        (e.subset, e.what): e.rise for e in contamination(MPJPE, errors, ("depth", "lidar", "csi"))
    }
    assert found["lidar", "csi"] == pytest.approx(10.0)
    assert found["csi", "lidar"] == pytest.approx(-67.0)
    assert found["depth+lidar", "csi"] == pytest.approx(7.5)
    highest = worst(contamination(MPJPE, errors, ("depth", "lidar", "csi")))
    assert (highest.subset, highest.what, rise_of(highest)) == (
        "lidar",
        "csi",
        pytest.approx(10),
    )


def test_measured_contamination_is_that_of_the_means_over_the_seeds(make):
    table = tabulate(make.clean(), make.context().seeds)
    found = {(e.subset, e.what): e.rise for e in contamination_of(table, "base1")}
    assert found["depth", "lidar"] == pytest.approx(100 * (70.0 - 80.0) / 80.0)


def test_a_worst_case_with_an_unknown_among_it_is_unknown(make):
    errors = {**make.base_mm, "csi": None}
    assert worst(contamination(MPJPE, errors, ("depth", "lidar", "csi"))) is None
    assert worst([]) is None
    assert rise_of(None) is None


def test_corruption_is_held_against_dropping_the_modality(make):
    table = tabulate(make.clean() + make.corrupted(percent=7.0), make.context().seeds)
    effects = corruption_of(table, "pta")
    assert len(effects) == 3 * 3
    assert [e.rise for e in effects] == pytest.approx([7.0] * 9)
    shifted = next(e for e in effects if (e.what, e.subset) == ("lidar/shift", "depth+lidar"))
    assert shifted.before == pytest.approx(52.0)
    assert shifted.after == pytest.approx(52.0 * 1.07)


def test_a_system_whose_corruptions_lack_a_seed_has_no_percent(make):
    corrupted = [
        r
        for r in make.corrupted()
        if (r.system, r.seed, r.corruption) != ("pta_gate", 1, "csi/dead_antenna")
    ]
    table = tabulate(make.clean() + corrupted, make.context().seeds)
    unknown = [e.what for e in corruption_of(table, "pta_gate") if e.rise is None]
    assert unknown == ["csi/dead_antenna"] * 3
    assert worst(corruption_of(table, "pta_gate")) is None
    assert worst(corruption_of(table, "pta")) is not None
