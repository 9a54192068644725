import numpy as np

from pta_ros.simulate.body import Subject


def test_subjects_follow_from_their_seed_and_differ_from_each_other():
    assert Subject.from_seed(3, 7) == Subject.from_seed(3, 7)
    assert Subject.from_seed(3, 7) != Subject.from_seed(3, 8)
    assert Subject.from_seed(3, 7) != Subject.from_seed(4, 7)


def test_a_population_has_human_sizes():
    people = [Subject.from_seed(0, i) for i in range(1, 101)]
    heights = np.array([p.height for p in people])
    assert heights.min() >= 1.50
    assert heights.max() <= 1.92
    assert 0.06 < heights.std() < 0.12
    for p in people:
        stacked = p.ankle_height + p.leg + p.hip_drop + p.spine_low + p.spine_high
        assert 0.90 < (stacked + p.neck + p.head) / p.height < 1.05
        assert 0.8 <= p.tempo <= 1.25
