"""The typed-in figures against what the paper itself derives from them."""

import pytest

from pta_ros.evaluation.compare import paper
from pta_ros.evaluation.compare.effects import rise_of, worst

#: Table 1's column "Improvement": of ours on X-Fi, in %, rows D, L, W, D+L, D+W, L+W, D+L+W.
IMPROVEMENT = (12.0, 47.5, 13.3, 27.7, -0.7, 32.8, 21.4)
PA_IMPROVEMENT = (-4.0, 50.5, -10.3, 11.1, -25.3, 34.1, 4.3)


def counts(errors_mm):
    return {s: sum(s in paper.best(errors_mm, n) for n in paper.SUBSETS) for s in errors_mm}


@pytest.mark.parametrize(
    ("errors_mm", "expected"),
    [(paper.TABLE_1_MPJPE_MM, IMPROVEMENT), (paper.TABLE_1_PA_MPJPE_MM, PA_IMPROVEMENT)],
)
def test_the_papers_improvement_on_x_fi_follows(errors_mm, expected):
    ours, theirs = errors_mm["pta"], errors_mm["xfi"]
    found = [100 * (theirs[n] - ours[n]) / theirs[n] for n in paper.SUBSETS]
    assert found == pytest.approx(expected, abs=0.055)


def test_the_papers_best_counts_follow():
    assert counts(paper.TABLE_1_MPJPE_MM) == {"base1": 0, "base2": 0, "xfi": 1, "pta": 6}
    assert counts(paper.TABLE_1_PA_MPJPE_MM) == {"base1": 0, "base2": 0, "xfi": 3, "pta": 4}
    assert counts(paper.TABLE_3_MPJPE_MM) == {"pta": 5, "pta_no_diffusion": 2, "pta_no_meta": 0}
    assert counts(paper.TABLE_1_MPJPE_MM)["pta"] == paper.BEST_COUNT


def test_a_mean_of_predictions_alone_is_the_baseline_alone():
    for errors_mm in (paper.TABLE_1_MPJPE_MM, paper.TABLE_1_PA_MPJPE_MM):
        for single in paper.MODALITIES:
            assert errors_mm["base1"][single] == errors_mm["base2"][single]


def test_the_papers_worst_contamination_is_depth_with_csi():
    found = worst(paper.contamination_of(paper.TABLE_1_MPJPE_MM, "pta"))
    assert (found.subset, found.what) == ("depth", "csi")
    assert rise_of(found) == pytest.approx(13.1, abs=0.05)
