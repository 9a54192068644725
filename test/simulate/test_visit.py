"""The room of the demo of people: who is there when, ways that are free, and cheap pictures."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pta_ros.simulate.script import Phase, Script, load_script
from pta_ros.simulate.wide import cameras, lidars
from pta_ros.simulate.wide.mounting import TEST_HEIGHTS_M, Mount, Mounting
from pta_ros.simulate.wide.scene import draw_scene
from pta_ros.simulate.wide.visit import CAMERA, LIDAR, ROUTES, Stay, Visit, clear_room, stays

SHIPPED = Path(__file__).parents[2] / "config" / "demo_people.yaml"
MOUNTING = Mounting(Mount.of("0 0 1.25 0 8 0"), Mount.of("-0.1 0.05 1.5 0 0 0"))


@pytest.fixture(scope="module")
def visit():
    return Visit(2026, 41, 1, 10.0, MOUNTING, load_script(SHIPPED))


def test_people_are_there_in_the_phases_that_want_them():
    ends = [(0, 4, 1), (4, 6, 2), (6, 9, 1), (9, 10, 0), (10, 12, 2)]
    script = Script(tuple(Phase(str(a), a, b, people=n) for a, b, n in ends))
    assert stays(script, 0) == (Stay(0, 9), Stay(10, np.inf))
    assert stays(script, 1) == (Stay(4, 6), Stay(10, np.inf))


def test_the_truth_follows_the_shipped_script(visit):
    for time_s, count in ((5, 1), (16, 2), (24, 1), (36, 0), (45, 1), (55.9, 1)):
        assert len(visit.frame(round(10 * time_s)).seen.joints) == count, time_s


@pytest.mark.parametrize("duration_s", [9.0, 14.0, 33.0, 200.0])
def test_a_walk_is_out_in_time_at_a_human_pace(duration_s):
    for route in ROUTES:
        walk = route.walk(duration_s)
        (begin, _), (end, _) = walk.at(0.0), walk.at(duration_s - 1e-6)
        assert begin == pytest.approx(route.enter[0])
        assert end == pytest.approx(route.leave[-1], abs=0.02)
        assert walk.at(duration_s + 0.1) is walk.at(-0.1) is None
        assert 0.5 < walk.speed_m_s < 1.5


def test_a_walk_without_an_end_goes_round_for_ever_and_never_jumps():
    for route in ROUTES:
        walk = route.walk(np.inf)
        times = np.arange(0.0, 90.0, 0.1)
        places = np.array([walk.at(t)[0] for t in times])
        steps = np.hypot(*np.diff(places, axis=0).T)
        assert steps.max() < 0.1 * walk.speed_m_s + 0.02
        assert np.hypot(*(walk.at(5000.0)[0] - route.round.mean(0))) < 2.0


def test_the_first_person_shows_every_side_and_distance():
    walk = ROUTES[0].walk(np.inf)
    found = [walk.at(t) for t in np.arange(3.0, 14.0, 0.1)]
    turns = np.rad2deg([heading for _, heading in found])
    assert len(np.unique(np.floor(turns / 45.0))) == 8
    away = np.hypot(*np.array([place for place, _ in found]).T)
    assert away.min() < 1.35
    assert away.max() > 4.2


def test_the_ways_keep_apart():
    first, second = (route.walk(np.inf).places for route in ROUTES)
    away = np.linalg.norm(first[:, None] - second[None], axis=-1)
    assert away.min() > 0.8


def test_nobody_walks_through_walls_or_furniture(visit):
    room = visit.scene.room
    low, high = room.vertices[:8, :2].min(0), room.vertices[:8, :2].max(0)
    for visitor in visit.visitors:
        for place in visitor.walk.places:
            assert (np.hypot(*(room.obstacles[:, :2] - place).T) > room.obstacles[:, 2] + 0.3).all()
            assert place[0] < 0 or ((place > low + 0.3) & (place < high - 0.3)).all()


def test_nothing_of_it_was_seen_in_training(visit):
    assert CAMERA in cameras.TEST
    assert LIDAR in lidars.TEST
    rooms = [draw_scene(2026, "test", n).room for n in range(1, 60)]
    shapes = [room.vertices.shape for room in rooms]
    assert visit.scene.room.vertices.shape in shapes
    height = visit.scene.mounting.camera.place[2]
    assert any(low <= height <= high for low, high in TEST_HEIGHTS_M)


def test_a_frame_is_the_same_in_any_order_and_differs_from_the_next(visit):
    one, other, again = (visit.frame(n).readings for n in (42, 43, 42))
    np.testing.assert_array_equal(one["depth"], again["depth"])
    np.testing.assert_array_equal(one["lidar"], again["lidar"])
    assert (one["depth"] != other["depth"]).any()


def test_the_backdrop_changes_nothing(visit):
    people = tuple(v.at(16.0) for v in visit.visitors if v.at(16.0) is not None)
    assert len(people) == 2
    scene = replace(visit.scene, people=people)
    whole, quick = (
        scene.at(16.0, np.random.default_rng(3), given) for given in (None, scene.backdrop())
    )
    np.testing.assert_array_equal(whole.depth_mm, quick.depth_mm)
    np.testing.assert_array_equal(whole.counts, quick.counts)
    np.testing.assert_array_equal(whole.sight, quick.sight)


def test_the_record_says_who_sees_what(visit):
    frame = visit.frame(160)
    told = frame.record()
    assert [len(one["joints"]) for one in told] == [17, 17]
    for n, one in enumerate(told):
        assert list(one["counts"].values()) == frame.seen.counts[:, n].tolist()
        assert len(one["sight"]["lidar"]) == frame.seen.sight[1, n].sum()


def test_a_room_has_furniture_and_is_the_next_that_will_do():
    room = clear_room(3, 5)
    assert len(room.obstacles) >= 4
    np.testing.assert_array_equal(clear_room(3, 5).vertices, room.vertices)
