"""The player in this process: what it refuses, what it leaves out, what it plays."""

import sys
import time
from itertools import pairwise

import pytest

from pta_ros.errors import ConfigError, DatasetError

pytestmark = pytest.mark.ros
NEVER_S = 30
NS = 1_000_000_000
BEGIN_NS = 1_700_000_000 * NS
TYPES = {"/skeleton": "pta_msgs/msg/Skeleton", "/camera": "sensor_msgs/msg/Image"}


@pytest.fixture
def bag(tmp_path, request):
    """Two topics, ten messages in a second; each holds its number alone, which is no message."""
    pytest.importorskip("rosbags")
    from pta_ros.bags.writer import BagWriter

    with BagWriter(tmp_path / "bag", getattr(request, "param", "mcap")) as writer:
        for number in range(10):
            for topic, kind in TYPES.items():
                writer.write_raw(topic, kind, BEGIN_NS + number * NS // 10, bytes([number]))
    return tmp_path / "bag"


@pytest.fixture
def play(ros, bag):
    """Make a player with parameters."""
    made = []

    def make(**params):
        from rclpy.parameter import Parameter

        from pta_ros.nodes.player_node import PlayerNode

        given = {"bag": str(bag), "min_subscribers": 1, "delay_s": 0.2, "rate": 10.0, **params}
        overrides = [Parameter(name, value=value) for name, value in given.items()]
        made.append(PlayerNode(parameter_overrides=overrides))
        return made[-1]

    yield make
    for node in made:
        node.close()
        node.destroy_node()


def heard(ros, player):
    """Listen until the player ends; gives the numbers heard by topic, and the times of /clock."""
    from pta_msgs.msg import Skeleton
    from rclpy.executors import SingleThreadedExecutor
    from rosgraph_msgs.msg import Clock
    from sensor_msgs.msg import Image

    host = ros.create_node("host")
    got = {"/skeleton": [], "/camera": [], "/clock": []}
    for kind, topic in ((Skeleton, "/skeleton"), (Image, "/camera")):
        host.create_subscription(kind, topic, lambda d, t=topic: got[t].append(d[0]), 50, raw=True)
    seen = got["/clock"]
    host.create_subscription(
        Clock, "/clock", lambda m: seen.append(m.clock.sec * NS + m.clock.nanosec), 1000
    )
    executor = SingleThreadedExecutor()
    for node in (host, player):
        executor.add_node(node)
    end = time.monotonic() + NEVER_S
    while player.exit_code is None:
        assert time.monotonic() < end
        executor.spin_once(timeout_sec=0.02)
    executor.shutdown()
    host.destroy_node()
    return got


@pytest.mark.parametrize("bag", ["mcap", "sqlite3"], indirect=True)
def test_everything_in_order_with_the_time(ros, play):
    got = heard(ros, play())
    assert got["/skeleton"] == got["/camera"] == list(range(10))
    clock = got["/clock"]
    assert clock == sorted(clock)
    assert (clock[0], clock[-1]) == (BEGIN_NS, BEGIN_NS + NS * 9 // 10)
    assert max(b - a for a, b in pairwise(clock)) <= NS // 100


def test_a_part_of_one_topic_without_the_time(ros, play):
    params = {"topics": "camera", "start_offset_s": 0.25, "duration_s": 0.4, "clock_hz": 0.0}
    assert heard(ros, play(**params)) == {"/skeleton": [], "/camera": [3, 4, 5, 6], "/clock": []}


def test_what_this_python_lacks_is_told_once_and_left_out(ros, play, tmp_path, monkeypatch, capfd):
    from pta_ros.bags.writer import BagWriter

    monkeypatch.setitem(sys.modules, "stereo_msgs", None)  # cannot be imported from now on
    with BagWriter(tmp_path / "mixed") as writer:
        for number in range(3):
            writer.write_raw("/disparity", "stereo_msgs/msg/DisparityImage", BEGIN_NS, b"?")
            writer.write_raw("/skeleton", TYPES["/skeleton"], BEGIN_NS, bytes([number]))
    assert heard(ros, play(bag=str(tmp_path / "mixed")))["/skeleton"] == [0, 1, 2]
    said = "/disparity is left out: stereo_msgs/msg/DisparityImage is not on this Python's path"
    assert capfd.readouterr().err.count(said) == 1
    with pytest.raises(ConfigError, match="nothing can be played"):
        play(bag=str(tmp_path / "mixed"), topics="/disparity")


def test_the_time_in_a_bag_gives_way_to_the_players_own(ros, play, tmp_path):
    from pta_ros.bags.writer import BagWriter

    with BagWriter(tmp_path / "clocked") as writer:
        writer.write_raw("/clock", "rosgraph_msgs/msg/Clock", BEGIN_NS, b"?")
        writer.write_raw("/skeleton", TYPES["/skeleton"], BEGIN_NS, b"!")
    clock = heard(ros, play(bag=str(tmp_path / "clocked")))["/clock"]
    assert set(clock) == {BEGIN_NS}


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"bag": ""}, "bag is ''"),
        ({"rate": 0.0}, "rate is 0.0; expected 0.01 to 100"),
        ({"rate": -1.0}, "rate is -1.0"),
        ({"topics": "camera,lidar"}, "topics: /lidar is not in the bag, which has /camera"),
        ({"start_offset_s": 5.0}, "start_offset_s is 5; expected no more than the bag's length"),
        ({"lop": True}, "did you mean loop"),
    ],
)
def test_wrong_parameters_are_told_by_name(play, params, said):
    with pytest.raises(ConfigError, match=said):
        play(**params)


def test_a_bag_that_is_not_there(play):
    with pytest.raises(DatasetError, match="/nowhere"):
        play(bag="/nowhere")


def test_a_time_without_messages_is_an_error_and_no_endless_loop(ros, play):
    with pytest.raises(DatasetError, match="no message of these topics"):
        heard(ros, play(start_offset_s=0.01, duration_s=0.01, loop=True))
