"""What a replay's report says of people over time."""

from dataclasses import replace

import numpy as np
import pytest

from pta_ros.evaluation.replay.record import LeftOut, People
from pta_ros.evaluation.report.followed import followed, identities
from pta_ros.evaluation.report.scores import score
from pta_ros.evaluation.report.words_over_time import over_time

from .conftest import BEGIN_NS

S = 1_000_000_000


def crowd(told, ids, true):
    """People of estimates: centres on the x axis and numbers, by estimate; the true ones too."""

    def bodies(places):
        flat = [x for own in places for x in own or []]
        return np.array([np.tile([x, 0.0, 1.0], (17, 1)) for x in flat]).reshape(-1, 17, 3)

    joints, count = bodies(told), sum(map(len, told))
    return People(
        counts=np.array([len(own) for own in told]),
        presence=np.ones(count, np.float32),
        centres_m=joints[:, 0].astype(np.float32),
        joints_m=joints.astype(np.float32),
        std_m=np.full((count, 17), 0.1, np.float32),
        true_counts=np.array([-1 if own is None else len(own) for own in true]),
        true_m=bodies(true).astype(np.float32),
        ids=np.array([n for own in ids for n in own]),
    )


def of_people(made_up, people):
    rows = len(people.counts)
    run = made_up(truth=False)
    arrays = ("stamp_ns", "joints_m", "std_m", "weights", "used", "frame_stamps_ns", "truth_m")
    cut = {name: getattr(run, name)[:rows] for name in arrays}
    for name in ("joints_m", "std_m", "truth_m"):
        cut[name] = cut[name][:, :0]
    return score(replace(run, **cut, people=people, moments=(), timings_ms={}))


def test_the_largest_step_stands_beside_the_largest_true_one(made_up):
    run = made_up()
    jump = run.joints_m.copy()
    jump[50, 3] += [0.4, 0.0, 0.0]
    before = followed(score(run))
    after = followed(score(replace(run, joints_m=jump)))
    assert before.step_mm == pytest.approx(before.true_step_mm, rel=0.2)
    assert after.step_mm > 350
    assert after.true_step_mm == before.true_step_mm
    assert after.step_at_s == pytest.approx(score(run).seconds[50], abs=0.11)


def test_a_gap_is_no_step(made_up):
    run = made_up(
        states={m: [(10.0, "STALE", ""), (20.0, "LIVE", "")] for m in ("depth", "lidar", "csi")}
    )
    assert followed(score(run)).step_mm < 400


def test_predictions_are_stretches_beyond_the_last_estimate(made_up):
    run = made_up()
    later = run.stamp_ns[[10, 10, 40]] + np.array([S // 10, S // 5, S // 20])
    seen = followed(score(replace(run, predicted_ns=later, corrected_ns=run.stamp_ns[:3])))
    assert (seen.predicted, seen.corrected) == (3, 3)
    assert "3 corrections by late frames" in over_time(seen)
    assert "3 predictions" in over_time(seen)
    assert "; 1 correction by" in over_time(replace(seen, corrected=1))


def test_contradictions_add_up(made_up):
    outs = [
        LeftOut("depth", BEGIN_NS + a * S, BEGIN_NS + b * S, "0.3 m") for a, b in ((1, 3), (5, 6))
    ]
    seen = followed(score(replace(made_up(), left_out=tuple(outs))))
    assert seen.left_out_s == {"depth": 3.0}
    assert over_time(seen).endswith("depth contradicts for 3.0 s.")


def test_true_people_keep_their_identity_whatever_their_order():
    people = crowd([[]] * 4, [[]] * 4, [[1.0, 4.0], [4.1, 1.1], [1.2], [1.3, 7.0]])
    assert identities(people, np.arange(4) / 10).tolist() == [0, 1, 1, 0, 0, 0, 2]


def test_a_true_person_is_the_same_across_gaps_of_the_truth_and_at_low_rates():
    walk = [[0.7 * n] for n in range(5)]  # 1.4 m/s at 2 Hz
    assert set(identities(crowd([[]] * 5, [[]] * 5, walk), np.arange(5) / 2).tolist()) == {0}
    gaps = [[1.0], None, [1.1], None, [1.2]]
    assert identities(crowd([[]] * 5, [[]] * 5, gaps), np.arange(5) / 10).tolist() == [0, 0, 0]


def test_a_step_over_missing_estimates_is_none(made_up):
    true = [[1.0 + 0.1 * n] for n in range(6)]
    told = [[1.0], [1.1], [], [], [1.4], [1.5]]
    people = crowd(told, [[7] * len(own) for own in told], true)
    assert followed(of_people(made_up, people)).step_mm == pytest.approx(100, abs=1)


def test_without_tracks_there_are_no_numbers(made_up):
    seen = followed(of_people(made_up, crowd([[1.0]] * 3, [[0]] * 3, [[1.0]] * 3)))
    assert seen.numbers is None
    assert "number" not in over_time(seen)


def test_numbers_that_change_are_counted(made_up):
    true = [[1.0, 4.0]] * 5
    kept = crowd(true, [[1, 2]] * 5, true)
    swapped = crowd(true, [[1, 2]] * 3 + [[2, 1]] + [[2, 5]], true)
    seen = followed(of_people(made_up, kept))
    assert (seen.numbers, seen.true_people, seen.exchanges) == (2, 2, 0)
    seen = followed(of_people(made_up, swapped))
    assert (seen.numbers, seen.true_people, seen.exchanges) == (3, 2, 3)
    assert "3 track numbers for 2 people, changed 3 times" in over_time(seen)


def test_steps_are_those_of_one_number(made_up):
    true = [[1.0, 4.0], [1.1, 4.0], [1.2, 4.0]]
    people = crowd([[1.0, 4.0], [4.0, 1.1], [1.3, 4.0]], [[1, 2], [2, 1], [1, 2]], true)
    seen = followed(of_people(made_up, people))
    assert seen.step_mm == pytest.approx(200, abs=1)
    assert seen.true_step_mm == pytest.approx(100, abs=1)


def test_without_truth_nothing_is_said_of_who_is_who(made_up):
    seen = followed(of_people(made_up, crowd([[1.0]] * 3, [[4]] * 3, [None] * 3)))
    assert (seen.numbers, seen.true_people, seen.exchanges) == (1, None, None)
    assert seen.true_step_mm is None
    assert "1 track number" in over_time(seen)
