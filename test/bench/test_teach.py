"""The rooms that teaching is measured in, its teacher between rendered instants, and its bounds."""

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("open3d")

from pta_ros import checkpoint
from pta_ros.bench.teach import Film, RoomTaught, bench_teach
from pta_ros.errors import ConfigError
from pta_ros.home import model_folder
from pta_ros.metrics.evaluate import pose_result
from pta_ros.training.teach import Judged


@pytest.fixture(scope="module")
def loaded():
    return checkpoint.load(model_folder("mmfi_lite"))


def test_the_teacher_is_the_model_without_csi(loaded):
    film = Film.of(loaded.sensors, 1, 50, 2.0)
    assert film.data.present["csi"].all()
    assert film.data.present["depth"].sum() == 5
    lesson = film.lesson(loaded)
    off = np.linalg.norm(lesson.data.joints - film.data.joints, axis=-1)
    assert 0.001 < off.mean() < 0.15
    assert (lesson.deviation_m < 0.15).all()


def test_rooms_differ_and_people_do_not(loaded):
    one, other = (Film.of({"csi": loaded.sensors["csi"]}, room, 50, 0.5) for room in (1, 2))
    assert not np.allclose(one.data.inputs["csi"], other.data.inputs["csi"], atol=0.1)
    np.testing.assert_array_equal(one.data.joints, other.data.joints)


def judged(error_m):
    truth = np.zeros((4, 17, 3), np.float32)
    told = truth + np.float32([error_m, 0, 0])
    return Judged(pose_result("csi", told, np.ones((4, 17)), truth), error_m, np.full(4, error_m))


def test_bounds_are_those_of_the_issue():
    old, new = ({"csi": judged(a), "depth+csi": judged(b)} for a, b in ((0.5, 0.03), (0.2, 0.031)))
    room = RoomTaught(101, old, new, 330.0, old, new, 60.0)
    # 200 of 330 mm is 0.61; 31 of 30 mm is 1.03
    kept = {bound.name: bound.ok for bound in room.bounds()}
    assert kept == {
        "room 101: CSI alone, centre": True,
        "room 101: CSI alone / before": True,
        "room 101: CSI alone / mean pose": False,
        "room 101: depth+csi / before": False,
        "room 101: teaching": True,
    }
    assert any("a person never seen, csi: 500 -> 200 mm" in line for line in room.notes())


def test_two_minutes_are_the_least():
    with pytest.raises(ConfigError, match="1 minutes; expected 2 or more"):
        bench_teach(Path("nowhere"), (1,), 1, print)
