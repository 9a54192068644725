"""Further outputs: what is told, to whom, and what is taken down."""

import importlib.util
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

pytest.importorskip("rclpy")
pytest.importorskip("pta_msgs")
pytestmark = pytest.mark.ros

from pta_ros.errors import ConfigError  # noqa: E402
from pta_ros.frames import Estimate  # noqa: E402
from pta_ros.fusion.config import PublishConfig, TracksConfig  # noqa: E402
from pta_ros.fusion.params import FusionParams  # noqa: E402
from pta_ros.nodes.interfaces import humans, people_msgs, tf  # noqa: E402
from pta_ros.nodes.interfaces.body import JOINT_FRAMES, LEVEL, OPTICAL  # noqa: E402
from pta_ros.nodes.interfaces.chosen import Interfaces, chosen  # noqa: E402
from pta_ros.nodes.interfaces.obstacles import Obstacles, points, poses  # noqa: E402
from pta_ros.nodes.interfaces.output import Scene  # noqa: E402
from pta_ros.nodes.messages import to_header  # noqa: E402


class Publisher:
    """Keeps what is published; `listeners` may be set."""

    def __init__(self, topic):
        self.topic, self.listeners, self.told = topic, 1, []

    def get_subscription_count(self):
        return self.listeners

    def publish(self, msg):
        self.told.append(msg)


class Node:
    """The calls of a lifecycle node that outputs make; guards answer at once."""

    def __init__(self):
        self.publishers, self.timers, self.guards, self.restarts = {}, [], [], 0

    def create_publisher(self, kind, topic, qos):
        self.publishers[topic] = Publisher(topic)
        return self.publishers[topic]

    create_lifecycle_publisher = create_publisher

    def destroy_publisher(self, publisher):
        del self.publishers[publisher.topic]

    destroy_lifecycle_publisher = destroy_publisher

    def create_guard_condition(self, callback):
        self.guards.append(SimpleNamespace(trigger=callback))
        return self.guards[-1]

    def destroy_guard_condition(self, guard):
        self.guards.remove(guard)

    def create_timer(self, period_s, callback, clock):
        self.timers.append(SimpleNamespace(period_s=period_s, fire=callback, reset=self._restart))
        return self.timers[-1]

    def destroy_timer(self, timer):
        self.timers.remove(timer)

    def _restart(self):
        self.restarts += 1

    def get_clock(self):
        return SimpleNamespace(now=lambda: SimpleNamespace(nanoseconds=7_000_000_000))


@pytest.fixture
def plain(monkeypatch):
    """Messages of packages that may not be there are plain objects."""
    for module in (tf, humans, people_msgs):
        monkeypatch.setattr(module, "wanted_class", lambda type_name, parameter: SimpleNamespace)
    monkeypatch.setattr(
        people_msgs,
        "to_message",
        lambda kind, fields, header: SimpleNamespace(header=header, **fields),
    )


def scene(*tracks, stamp_ns=5, ground=LEVEL, complete=True):
    return Scene(stamp_ns, "base_link", tracks, ground, complete)


def xyz(point):
    return [point.x, point.y, point.z]


def turned(rotation):
    return Rotation.from_quat([rotation.x, rotation.y, rotation.z, rotation.w]).as_matrix()


# -- /tf ------------------------------------------------------------------------------------------


def test_frames_lead_to_every_joint(track, standing):
    joints = standing(2.0, 1.0, yaw_deg=40.0)
    listed = tf.transforms(scene(track(joints, number=7)))
    root, *others = listed
    assert (root.header.frame_id, root.child_frame_id) == ("base_link", "body_p0007")
    assert [t.child_frame_id for t in others] == [f"{joint}_p0007" for joint in JOINT_FRAMES]
    assert {t.header.frame_id for t in others} == {"body_p0007"}
    assert {t.header.stamp.nanosec for t in listed} == {5}
    turn = turned(root.transform.rotation)
    for child, place in zip(others, joints, strict=True):
        np.testing.assert_allclose(turned(child.transform.rotation), np.eye(3))
        moved = turn @ xyz(child.transform.translation) + xyz(root.transform.translation)
        np.testing.assert_allclose(moved, place, atol=1e-9)


def test_a_stamp_is_told_once_and_nobody_is_no_message(plain, track, standing):
    node, output = Node(), tf.TfFrames("publish.tf")
    output.open(node)
    publisher = node.publishers["/tf"]
    one = track(standing(1.0, 0.0))
    for stamp_ns in (5, 5, 6):
        output.publish(scene(one, stamp_ns=stamp_ns))
    output.publish(scene(stamp_ns=7))
    assert [m.transforms[0].header.stamp.nanosec for m in publisher.told] == [5, 6]
    publisher.listeners = 0
    output.publish(scene(one, stamp_ns=8))
    assert len(publisher.told) == 2
    output.close()
    assert not node.publishers


# -- REP 155 --------------------------------------------------------------------------------------


@pytest.fixture
def bodies(plain):
    node, output = Node(), humans.Humans("publish.humans", 1.5)
    output.open(node)
    return node, output


def test_bodies_come_and_go(bodies, track, standing):
    node, output = bodies
    told = node.publishers["/humans/bodies/tracked"].told
    first = track(standing(1.0, 0.0), (0.4, 0.0, 0.0), number=1)
    second = track(standing(2.0, 0.0), number=12)
    output.publish(scene(second, first))
    output.publish(scene(second))
    assert [m.ids for m in told] == [["p0001", "p0012"], ["p0012"]]
    assert told[0].header == to_header(5, "base_link")
    assert sorted(node.publishers) == [
        "/humans/bodies/p0012/position", "/humans/bodies/p0012/velocity", "/humans/bodies/tracked"
    ]  # fmt: skip
    output.publish(scene())
    assert told[-1].ids == []
    assert list(node.publishers) == ["/humans/bodies/tracked"]


def test_a_body_has_a_position_and_a_velocity(bodies, track, standing):
    node, output = bodies
    output.publish(scene(track(standing(1.0, 0.5), (0.4, 0.1, 0.0))))
    place, speed = (
        node.publishers[f"/humans/bodies/p0001/{name}"] for name in ("position", "velocity")
    )
    assert place.told[0].header == speed.told[0].header == to_header(5, "base_link")
    assert xyz(place.told[0].point) == pytest.approx([1.0, 0.5, 0.9])
    assert xyz(speed.told[0].twist.linear) == pytest.approx([0.4, 0.1, 0.0])
    assert xyz(speed.told[0].twist.angular) == [0.0, 0.0, 0.0]


def test_no_message_is_made_that_nobody_hears(bodies, track, standing, monkeypatch):
    node, output = bodies
    one = track(standing(1.0, 0.0))
    output.publish(scene(one))
    for publisher in node.publishers.values():
        publisher.listeners = 0
        publisher.told.clear()
    monkeypatch.setattr(humans, "body_of", lambda *_: pytest.fail("made"))
    output.publish(scene(one))
    assert not any(p.told for p in node.publishers.values())
    assert len(node.publishers) == 3  # which who comes later finds


def test_nobody_is_followed_when_nothing_comes_any_more(bodies, track, standing):
    node, output = bodies
    told = node.publishers["/humans/bodies/tracked"].told
    (timer,) = node.timers
    assert timer.period_s == 1.5
    output.publish(scene(track(standing(1.0, 0.0))))
    assert node.restarts == 1
    timer.fire()
    timer.fire()  # and again, in silence
    assert [m.ids for m in told] == [["p0001"], []]
    assert told[-1].header.stamp.sec == 7
    node.guards[0].trigger()  # woken late
    assert list(node.publishers) == ["/humans/bodies/tracked"]
    output.publish(scene(track(standing(1.0, 0.0))))
    assert told[-1].ids == ["p0001"]
    output.close()
    assert (node.publishers, node.timers, node.guards) == ({}, [], [])


# -- obstacles ------------------------------------------------------------------------------------


def test_poses_are_on_the_floor_and_head_where_people_go(track, standing):
    msg = poses(scene(track(standing(2.0, 1.0), (0.0, 1.0, 0.0)), track(standing(3.0, 0.0))))
    assert msg.header == to_header(5, "base_link")
    assert [xyz(p.position) for p in msg.poses] == [
        pytest.approx([2.0, 1.0, 0.0]), pytest.approx([3.0, 0.0, 0.0])
    ]  # fmt: skip
    yaw = [Rotation.from_matrix(turned(p.orientation)).as_euler("zyx")[0] for p in msg.poses]
    assert yaw == pytest.approx([np.pi / 2, 0.0])
    assert list(poses(scene()).poses) == []


@pytest.mark.parametrize("ground", [LEVEL, OPTICAL])
def test_points_are_a_level_disc_where_nav2_looks(track, standing, to_optical, ground):
    from pta_ros.sensors import LidarSensor

    joints = standing(2.0, 1.0)
    turn = np.eye(3) if ground is LEVEL else to_optical
    msg = points(scene(track(joints @ turn.T), track(joints @ turn.T), ground=ground))
    assert msg.header.frame_id == "base_link"
    cloud = LidarSensor().decode(msg, "t") @ turn
    height = 0.3 if ground is LEVEL else 0.38  # above the floor, above the ankle
    np.testing.assert_allclose(cloud[:, 2], height, atol=1e-6)
    away = np.linalg.norm(cloud[:, :2] - (2.0, 1.0), axis=1)
    assert away.max() == pytest.approx(0.25, abs=1e-6)
    assert len(cloud) == 2 * len(np.unique(cloud.round(6), axis=0)) == 50
    assert points(scene()).width == 0


def test_somebody_without_a_number_is_no_empty_floor(plain, track, standing):
    node = Node()
    outputs = [Obstacles(), people_msgs.MovingPeople("publish.people_msgs")]
    for output in outputs:
        output.open(node)
        output.publish(scene(complete=False))
        output.publish(scene())
        output.publish(scene(track(standing(1.0, 0.0), (0.5, 0.0, 0.0), number=3)))
    assert {t: len(p.told) for t, p in node.publishers.items()} == {
        "obstacles": 2, "obstacle_points": 2, "moving_people": 2
    }  # fmt: skip
    nobody, (one,) = (m.people for m in node.publishers["moving_people"].told)
    assert nobody == []
    assert (one["name"], one["reliability"]) == ("p0003", 0.9)
    assert one["position"] == pytest.approx({"x": 1.0, "y": 0.0, "z": 0.0})
    assert one["velocity"] == {"x": 0.5, "y": 0.0, "z": 0.0}
    for publisher in node.publishers.values():
        publisher.listeners = 0
        publisher.told.clear()
    for output in outputs:
        output.publish(scene())
    assert not any(p.told for p in node.publishers.values())
    for output in outputs:
        output.close()
    assert not node.publishers


# -- which ----------------------------------------------------------------------------------------


def params(enabled=True, **publish):
    return FusionParams(publish=PublishConfig(**publish), tracks=TracksConfig(enabled=enabled))


def test_obstacles_are_the_default_where_there_are_joints():
    assert [type(o) for o in chosen(params(), has_joints=True)] == [Obstacles]
    assert chosen(params(), has_joints=False) == []
    assert chosen(params(obstacles=False), has_joints=True) == []


@pytest.mark.parametrize(
    ("name", "package"),
    [("tf", "tf2_msgs"), ("humans", "hri_msgs"), ("people_msgs", "people_msgs")],
)
def test_what_cannot_be_published_is_told_in_one_line(name, package):
    with pytest.raises(ConfigError, match=rf"publish\.{name} is true, and the model tells no"):
        chosen(params(**{name: True}), has_joints=False)
    with pytest.raises(ConfigError, match=rf"publish\.{name} is true, and tracks\.enabled is fa"):
        chosen(params(enabled=False, **{name: True}), has_joints=True)
    if importlib.util.find_spec(package) is None:
        with pytest.raises(ConfigError, match=rf"needs {package}, .*install ros-") as caught:
            chosen(params(**{name: True}), has_joints=True)
        assert "\n" not in str(caught.value)


def test_all_are_made_where_the_messages_are(plain):
    found = chosen(params(tf=True, humans=True, people_msgs=True), has_joints=True)
    assert len({type(output) for output in found}) == 4


class Listener:
    def __init__(self):
        self.told, self.closed = [], 0

    def open(self, node):
        pass

    def publish(self, scene):
        self.told.append(scene)

    def close(self):
        self.closed += 1


def estimate(tracks=(), people=None, joints=0):
    return Estimate(
        5, np.zeros((joints, 3), np.float32), np.zeros(joints), {}, {}, people=people, tracks=tracks
    )


def test_it_is_told_whether_somebody_is_there_who_is_not_followed(track, standing):
    interfaces, listener = Interfaces(Node()), Listener()
    interfaces.open([listener])
    one = track(standing(1.0, 0.0))
    for told in (
        estimate(people=()),
        estimate((one,), people=(one.person,), joints=17),
        estimate((one,), joints=17),
        estimate(people=(one.person,), joints=17),  # tracks.enabled is false
        estimate(joints=17),  # the first of a model for one person
    ):
        interfaces.publish(told, "map", LEVEL)
    assert [s.complete for s in listener.told] == [True, True, True, False, False]
    assert [len(s.tracks) for s in listener.told] == [0, 1, 1, 0, 0]
    assert listener.told[0].frame_id == "map"
    interfaces.open([])
    interfaces.publish(estimate(people=()), "map", LEVEL)
    interfaces.close()
    assert (len(listener.told), listener.closed) == (5, 1)
