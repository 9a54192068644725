import numpy as np

from pta_ros.simulate import kinematics
from pta_ros.simulate.body import Subject
from pta_ros.simulate.kinematics import CHANNELS
from pta_ros.simulate.surface import FACES, vertices

PERSON = Subject.from_seed(1, 4)
REST = kinematics.solve(PERSON, np.zeros((1, len(CHANNELS))))[0]


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
