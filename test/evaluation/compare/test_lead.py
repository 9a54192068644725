"""What ours is ahead by, who the rival is, and what counts as behind."""

from dataclasses import replace

import pytest

from pta_ros.evaluation.compare.lead import best_rivals, lead, lead_table, not_behind
from pta_ros.evaluation.compare.page import pose_page
from pta_ros.evaluation.compare.table import tabulate
from pta_ros.metrics.evaluate import ACCURACY, MPJPE, PA_MPJPE

OURS = "pta_gate"


def shifted(records, system, subset, by_person):
    """`system` in `subset` with each person's MPJPE off by what `by_person` says."""

    def change(record):
        if (record.system, record.subset, record.corruption) != (system, subset, None):
            return record
        people = {
            name: {**of, "mpjpe_mm": of["mpjpe_mm"] + by_person[name]}
            for name, of in record.people.items()
        }
        counts = {name: of["count"] for name, of in people.items()}
        mean = sum(counts[n] * by_person[n] for n in counts) / sum(counts.values())
        return replace(record, people=people, mpjpe_mm=record.mpjpe_mm + mean)

    return [change(record) for record in records]


def test_the_best_rival_of_each_subset_and_what_ours_is_ahead_by(make):
    found = best_rivals(tabulate(make.clean(), (0, 1, 2)), OURS, MPJPE)
    assert [(x.subset, x.rival) for x in found] == [(name, "pta") for name in make.names]
    assert all(x.difference == pytest.approx((-2.0, -2.0, -2.0)) for x in found)
    assert all(x.ahead(MPJPE) and not x.behind(MPJPE) for x in found)


def test_people_count_by_their_frames_and_differ_by_the_interval(make):
    records = shifted(make.clean(), "xfi", "csi", {"S06": -13.0, "S15": 2.0})
    table = tabulate(records, (0, 1, 2))
    found = lead(table, OURS, "xfi", "csi", MPJPE)
    assert found.difference == pytest.approx((-10.0 + (2 * 13.0 - 2.0) / 3, -12.0, 3.0))
    assert not found.ahead(MPJPE)
    assert not found.behind(MPJPE)


@pytest.mark.parametrize(
    ("lost", "count"), [({"S06": -12.0, "S15": -11.0}, 1), ({"S06": -12.0, "S15": -9.0}, 0)]
)
def test_behind_is_what_the_whole_interval_says(make, lost, count):
    table = tabulate(shifted(make.clean(), "xfi", "depth+csi", lost), (0, 1, 2))
    found = not_behind(table, OURS, MPJPE)
    assert (found.value, found.ok) == (count, not count)
    assert found.where == ("X-Fi fusion in depth + csi" if count else "")
    assert not_behind(table, OURS, PA_MPJPE).ok


def test_more_accuracy_is_ahead_and_less_is_behind(make):
    found = lead(tabulate(make.clean(), (0, 1, 2)), OURS, "pta", "csi", MPJPE)
    assert found._replace(subset="x").behind(ACCURACY)  # 2 points less
    turned = found._replace(difference=found.difference._make(-x for x in found.difference))
    assert turned.ahead(ACCURACY)


@pytest.mark.parametrize("what", ["seed", "people", "one person", "other frames"])
def test_what_cannot_be_paired_is_not_known_and_not_kept(make, what):
    def change(r):
        if (r.system, r.subset) != ("base1", "csi"):
            return r
        if what == "seed":
            return None if r.seed == 1 else r
        kept = {"people": [], "one person": ["S06"]}.get(what, ["S06", "S15"])
        people = {n: {**r.people[n], "count": r.people[n]["count"] + 1} for n in kept}
        return replace(r, people=people)

    records = [found for r in make.clean() if (found := change(r))]
    table = tabulate(records, (0, 1, 2))
    assert lead(table, OURS, "base1", "csi", MPJPE).difference is None
    bound = not_behind(table, OURS, MPJPE)
    assert (bound.value, bound.ok) == (None, False)


def test_the_table_marks_what_is_ahead_beyond_chance(make):
    records = shifted(make.clean(), "pta", "csi", {"S06": -1.5, "S15": -2.5})
    rows = lead_table(tabulate(records, (0, 1, 2)), OURS, MPJPE).splitlines()
    assert rows[0] == "| subset | best rival | ours - rival, mm | 95 % over people | people |"
    assert rows[2] == "| depth | PTA | **-2.0** | -2.0 to -2.0 | 2 |"
    assert rows[4] == "| csi | PTA | -0.2 | -0.5 to +0.5 | 2 |"


def test_the_page_has_both_metrics_leads_and_none_where_people_are_not_told(make):
    page = pose_page(make.clean(), make.context())
    assert page.count("ours - rival, mm") == 2
    nobody = [replace(r, people={}) for r in make.clean()]
    assert "ours - rival" not in pose_page(nobody, make.context())
