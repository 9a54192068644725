import numpy as np

from pta_ros.simulate import kinematics
from pta_ros.simulate.body import FACES, Subject, vertices
from pta_ros.simulate.kinematics import CHANNELS

PERSON = Subject.from_seed(1, 4)
REST = kinematics.solve(PERSON, np.zeros((1, len(CHANNELS))))[0]


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


def test_the_surface_is_closed_and_wraps_the_skeleton():
    skin = vertices(PERSON, REST)
    assert skin.dtype == np.float32
    assert FACES.min() == 0
    assert FACES.max() == len(skin) - 1
    edges = np.sort(FACES[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1)
    _, uses = np.unique(edges, axis=0, return_counts=True)
    assert (uses == 2).all()
    gap = np.linalg.norm(skin[:, None] - REST[None], axis=-1).min(axis=0)
    assert gap.max() < 0.2


def test_the_body_is_as_tall_as_its_subject_and_stands_on_the_floor():
    skin = vertices(PERSON, REST)
    assert abs(np.ptp(skin[:, 1]) - PERSON.height) < 0.08 * PERSON.height
    assert abs(skin[:, 1].min()) < 0.04


def test_the_surface_moves_with_the_skeleton():
    turn = kinematics.rotation(1, np.array([70.0]))[0]
    shift = np.array([0.3, -0.2, 2.0])
    moved = vertices(PERSON, REST @ turn.T + shift)
    np.testing.assert_allclose(moved, vertices(PERSON, REST) @ turn.T + shift, atol=1e-5)
