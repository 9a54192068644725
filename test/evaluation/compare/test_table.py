import statistics
from dataclasses import replace

import pytest

from pta_ros.errors import ConfigError
from pta_ros.evaluation.compare.table import COMPARED, tabulate
from pta_ros.metrics.evaluate import MPJPE


def test_a_cell_is_the_mean_and_sample_deviation_over_the_seeds(make):
    errors = (50.0, 53.0, 47.5)
    records = [make.record("pta", seed, "depth", mpjpe_mm=e) for seed, e in enumerate(errors)]
    cell = tabulate(
        [*records, make.record("pta", 0, "depth+lidar+csi")], make.context().seeds
    ).cell("pta", "depth")
    assert cell.mean(MPJPE) == pytest.approx(sum(errors) / 3)
    assert MPJPE.deviation(cell.values(MPJPE)) == pytest.approx(statistics.stdev(errors))
    assert cell.per_joint_mm()[2] == pytest.approx(sum(errors) / 3 - 6.0)


def test_a_single_seed_has_a_mean_but_no_deviation(make):
    table = tabulate([make.record("pta", 4, "depth")], (4,))
    assert MPJPE.deviation(table.cell("pta", "depth").values(MPJPE)) is None
    assert table.mean("pta", "depth") == make.base_mm["depth"] + 2.0 + 3.0


def test_the_order_of_the_records_does_not_matter(make):
    records = make.clean() + make.corrupted()
    forward = tabulate(records, make.context().seeds)
    backward = tabulate(records[::-1], make.context().seeds)
    assert forward.cells == backward.cells
    assert forward.subsets == backward.subsets == make.names
    assert forward.corruptions == ["depth/noise", "lidar/shift", "csi/dead_antenna"]


def test_a_mean_over_fewer_seeds_is_not_compared(make):
    records = [r for r in make.clean() if not (r.system == "pta_gate" and r.seed == 2)]
    table = tabulate(records, make.context().seeds)
    assert table.cell("pta_gate", "depth").mean(MPJPE) == pytest.approx(49.5)
    assert table.mean("pta_gate", "depth") is None
    assert table.best("depth") == {"pta"}


def test_equal_means_are_all_best_even_when_rounding_differs(make):
    tied = [
        replace(r, mpjpe_mm=r.mpjpe_mm - 2.0 + 1e-7) if r.system == "pta" else r
        for r in make.clean()
    ]
    table = tabulate(tied, make.context().seeds)
    assert all(table.best(name) == {"pta", "pta_gate"} for name in make.names)
    apart = [replace(r, mpjpe_mm=r.mpjpe_mm + 0.01) if r.system == "pta" else r for r in tied]
    assert tabulate(apart, make.context().seeds).best("csi") == {"pta_gate"}


def test_plain_features_are_no_compared_system(make):
    lower = [replace(r, mpjpe_mm=1.0) if r.system == "pta_plain" else r for r in make.clean()]
    assert "pta_plain" not in COMPARED["pose"]
    assert tabulate(lower, make.context().seeds).best("depth") == {"pta_gate"}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"system": "pta2"}, "unknown system"),
        ({"subset": "lidar+depth"}, "unknown subset"),
        ({"seed": 9}, "seed"),
        ({"corruption": "lidar/shift", "subset": "depth"}, "not in the subset"),
        ({"per_joint_mm": (1.0,) * 16}, "16 joints"),
        ({"mpjpe_mm": float("nan")}, "not finite"),
        ({"coverage_2std": float("inf")}, "not finite"),
        ({}, "twice"),
    ],
)
def test_a_record_that_cannot_stand_in_the_table_is_refused_by_name(make, change, reason):
    records = make.clean()
    bad = replace(make.record("pta", 1, "depth"), **change)
    with pytest.raises(ConfigError, match=reason) as caught:
        tabulate([*records, bad], make.context().seeds)
    assert f"{bad.system}, seed {bad.seed}, {bad.subset}" in str(caught.value)


def test_no_records_make_no_table(make):
    with pytest.raises(ConfigError, match="no records"):
        tabulate([], make.context().seeds)
