"""A synthetic session as a bag: the live messages, the truth, and the same ones every time."""

import pytest

pytest.importorskip("rosbags")

from pta_ros.bags.bag import Bag
from pta_ros.bags.messages import TRUE_ACTIVITY
from pta_ros.cli import make_xrf55_bag
from pta_ros.datasets.mmfi_bag import START_NS
from pta_ros.errors import ConfigError
from pta_ros.fusion.params import topics_of
from pta_ros.sensors import SENSORS
from pta_ros.simulate.xrf55_bag import SessionPlan, session_to_bag

WINDOW_TOPICS = topics_of("xrf55")

SHORT = SessionPlan(seconds=6.0, activity_s=5.0)
TOPICS = {m: f"/{topic}" for m, topic in WINDOW_TOPICS.items()}


def read(path):
    with Bag([path]) as bag:
        return [(raw, bag.decode(raw)) for raw in bag.messages(bag.topics)]


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    path = tmp_path_factory.mktemp("xrf55") / "bag"
    session_to_bag(SHORT, path)
    return read(path)


def test_every_message_is_one_that_its_sensor_takes(found):
    for modality, topic in TOPICS.items():
        sensor, own = SENSORS[modality](), [msg for raw, msg in found if raw.topic == topic]
        packets = sum(len(sensor.process(msg, topic)) for msg in own)
        whole = SHORT.seconds / sensor.period_s
        assert 0.9 * whole < packets < whole  # 2 % are lost


def test_stamps_come_before_the_time_of_receipt_by_no_more_than_jitter(found):
    for raw, msg in found:
        stamp = msg.header.stamp.sec * 10**9 + msg.header.stamp.nanosec
        assert 0 <= raw.time_ns - stamp < 25_000_000
    assert [raw.time_ns for raw, _ in found] == sorted(raw.time_ns for raw, _ in found)


def test_the_truth_is_told_where_windows_end_and_changes(found):
    told = [(raw.time_ns - START_NS, msg) for raw, msg in found if raw.topic == TRUE_ACTIVITY[0]]
    assert [time for time, _ in told] == [k * 500_000_000 for k in range(1, 13)]
    classes = [msg.class_id for _, msg in told]
    assert classes == [classes[0]] * 10 + [classes[-1]] * 2
    assert classes[0] != classes[-1]
    assert all("synthetic" in msg.model for _, msg in told)


def test_the_same_plan_gives_the_same_messages(found, tmp_path):
    session_to_bag(SHORT, tmp_path / "again", "sqlite3")
    assert [raw for raw, _ in read(tmp_path / "again")] == [raw for raw, _ in found]


def test_the_command_says_what_it_wrote_and_refuses_nonsense(tmp_path, capsys):
    assert make_xrf55_bag.main([str(tmp_path / "bag"), "--seconds", "1"]) == 0
    said = capsys.readouterr().out
    assert "1.0 s, 2 /ground_truth_activity" in said
    assert said.rstrip().endswith("synthetic")
    assert make_xrf55_bag.main([str(tmp_path / "bag"), "--seconds", "1"]) == 1  # it is there
    assert make_xrf55_bag.main([str(tmp_path / "new"), "--activity-s", "2"]) == 1
    assert "at least 5.0 s" in capsys.readouterr().err
    with pytest.raises(ConfigError, match="loss 1"):
        SessionPlan(loss=1)
