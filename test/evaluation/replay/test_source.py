"""Which topic feeds which stream, and on what clock."""

from pathlib import Path

import numpy as np
import pytest

from pta_ros.bags.bag import Bag, BagWriter
from pta_ros.errors import ConfigError, DatasetError
from pta_ros.evaluation.faults.injector import Fault, FaultPlan
from pta_ros.evaluation.replay.source import dropped_instead, find_source, replay

T0 = 1_700_000_000 * 10**9


@pytest.fixture
def source(engine):
    def source(path, given=None, truth=None, clock="auto"):
        with Bag([Path(path)]) as bag:
            return find_source(bag, engine, given or {}, truth, clock)

    return source


def test_topics_are_found_with_and_without_a_namespace(source, whole, write_bag):
    expected = {"/depth/image": "depth", "/lidar/points": "lidar", "/wifi/csi": "csi"}
    assert source(whole).topics == {**expected, "/ground_truth": ""}
    assert source(whole).judged
    spaced = source(write_bag(2, namespace="/robot_1"))
    assert spaced.topics == {f"/robot_1{t}": m for t, m in expected.items()} | {
        "/robot_1/ground_truth": ""
    }


def test_truth_can_be_left_out_or_named(source, whole):
    assert not source(whole, truth="").judged
    assert source(whole, truth="ground_truth").judged
    with pytest.raises(ConfigError, match=r"topic /ground_trut is not in the bag; did you mean"):
        source(whole, truth="/ground_trut")


def test_a_sensor_that_is_not_in_the_bag_is_told(source, write_bag):
    found = source(write_bag(2, skip=lambda topic, n: topic == "/wifi/csi"))
    assert "csi" not in found.topics.values()
    assert found.notes == ("csi: no topic wifi/csi in the bag; it counts as MISSING",)


def test_what_is_wrong_is_told(source, whole, write_bag, clip, tmp_path):
    with pytest.raises(ConfigError, match="did you mean /depth/image"):
        source(whole, {"depth": "/depth/imagee"})
    with pytest.raises(ConfigError, match="is of type sensor_msgs/msg/PointCloud2; expected"):
        source(whole, {"depth": "lidar/points"})
    other = write_bag(2, skip=lambda topic, n: topic != "/ground_truth")
    with pytest.raises(DatasetError, match=r"no topic of a sensor in the bag \(depth/image"):
        source(other)
    with BagWriter(tmp_path / "two") as bag:
        for robot in ("a", "b"):
            for topic, msg in clip.messages(0, T0).items():
                bag.write(f"/{robot}{topic}", T0, msg)
    with pytest.raises(ConfigError, match="several topics end in /depth/image"):
        source(tmp_path / "two")


def test_other_topics_that_would_fit_are_told(source, clip, tmp_path):
    with BagWriter(tmp_path / "two") as bag:
        for topic, msg in clip.messages(0, T0).items():
            for name in (topic, f"/copy{topic}"):
                bag.write(name, T0, msg)
    found = source(tmp_path / "two")
    assert "/copy/depth/image" not in found.topics
    told = "/depth/image is used; /copy/depth/image fits too (--topic depth=/copy/depth/image)"
    assert found.notes[0] == f"depth: {told}"
    assert [note.partition(":")[0] for note in found.notes] == [
        "depth", "lidar", "csi", "ground truth"
    ]  # fmt: skip
    named = source(tmp_path / "two", {"depth": "/copy/depth/image"}, truth="/ground_truth")
    assert [note.partition(":")[0] for note in named.notes] == ["lidar", "csi"]


def test_a_recorder_with_another_clock_is_noticed(source, write_bag, engine):
    sim_time = write_bag(15, stamp=5 * 10**9)
    found = source(sim_time)
    assert found.shift_ns == pytest.approx(5 * 10**9 - T0, abs=5 * 10**6)
    assert "recorder's clock" in found.notes[0]
    assert source(sim_time, clock="receipt").shift_ns == 0
    with Bag([sim_time]) as bag:
        result = replay(engine, bag, found, FaultPlan("fault-free"))
    assert len(result.stamp_ns) == 15
    assert result.used[1:].all()


def test_small_differences_count_as_age(source, whole):
    assert source(whole).shift_ns == 0
    assert abs(source(whole, clock="stamps").shift_ns) < 5 * 10**6


def test_the_reference_of_a_plan_silences_its_sensor():
    two = (Fault("noise", "depth", 1.0, 2.0, 0.1, 0), Fault("dropout", "depth", 3.0, 4.0, 0.5, 1))
    instead = dropped_instead(FaultPlan("p", two))
    assert instead.name == "p, depth dropped"
    assert [(f.kind, f.start_s, f.end_s, f.strength) for f in instead.faults] == [
        ("drop", 1.0, 2.0, 1.0), ("drop", 3.0, 4.0, 1.0)
    ]  # fmt: skip
    mixed = (two[0], Fault("drop", "csi", 0.0, 1.0, 1.0, 0))
    assert dropped_instead(FaultPlan("p", mixed)) is None
    assert dropped_instead(FaultPlan("none", ())) is None


def test_a_lidar_that_sees_nobody_is_empty_and_no_less_received(clip, run, tmp_path):
    from pta_ros.bags.messages import reading
    from pta_ros.sensors import LidarSensor

    with BagWriter(tmp_path / "away") as bag:
        for n in range(30):
            for topic, msg in clip.messages(n, T0 + n * 10**8).items():
                if topic == "/lidar/points" and 10 <= n < 20:
                    nobody = np.full((900, 3), 20, np.float32)
                    msg = reading(LidarSensor(), nobody, T0 + n * 10**8)
                bag.write(topic, T0 + n * 10**8, msg)
    done = run(tmp_path / "away")
    states = [change.state for change in done.changes if change.modality == "lidar"]
    assert [s for s, before in zip(states, [None, *states], strict=False) if s != before][-3:] == [
        "LIVE",
        "EMPTY",
        "LIVE",
    ]
    lidar = next(s for s in done.statuses if s.modality == "lidar")
    assert (lidar.received, lidar.corrupt, lidar.dropped >= 10) == (30, 0, True)
    assert len(done.stamp_ns) >= 28


def test_a_topic_of_another_type_is_named_with_what_to_do(source, clip, tmp_path):
    from pta_ros.bags.messages import header, message

    with BagWriter(tmp_path / "planar") as bag:
        scan = message("sensor_msgs/msg/LaserScan", header=header(T0, "here"))
        bag.write("/lidar/points", T0, scan)
    with pytest.raises(ConfigError, match=r"LaserScan; expected .*PointCloud2: a planar scan"):
        source(tmp_path / "planar")
