"""Which topic feeds which stream, and on what clock."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from pta_ros.bags.bag import Bag, BagWriter, message
from pta_ros.errors import ConfigError, DatasetError
from pta_ros.evaluation.faults.injector import Fault, FaultPlan
from pta_ros.evaluation.replay.source import dropped_instead, find_source, replay
from pta_ros.frames import StreamState
from pta_ros.fusion.engine import Engine
from pta_ros.fusion.params import read_params

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


def test_another_topic_of_the_type_is_offered(source, clip, tmp_path):
    with BagWriter(tmp_path / "moved") as bag:
        for topic, msg in clip.messages(0, T0).items():
            bag.write({"/lidar/points": "/ouster/points"}.get(topic, topic), T0, msg)
    found = source(tmp_path / "moved")
    assert "--topic lidar=/ouster/points" in found.absent["lidar"]


def test_the_topic_of_a_compressed_image_is_its_base_name(clip, tmp_path):
    """As the parameter `topic`; the full name means the same."""
    name = "/camera/depth/image_raw"
    with BagWriter(tmp_path / "png") as bag:
        depth = clip.messages(0, T0)["/depth/image"]
        pixels = np.frombuffer(depth.data, "<u2").reshape(depth.height, depth.width)
        data = np.frombuffer(cv2.imencode(".png", pixels)[1], np.uint8)
        fields = {"format": "16UC1; png compressed ", "data": data, "header": depth.header}
        msg = message("sensor_msgs/msg/CompressedImage", **fields)
        bag.write(f"{name}/compressed", T0, msg)
    (tmp_path / "p.yaml").write_text("fusion: {ros__parameters: {depth.transport: compressed}}")
    engine = Engine.load(*read_params(tmp_path / "p.yaml"))
    with Bag([tmp_path / "png"]) as bag:
        for given in (name, f"{name}/compressed"):
            found = find_source(bag, engine, {"depth": given}, None)
            assert found.topics == {f"{name}/compressed": "depth"}


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


OFF = {
    "since boot": (100 * 10**9 - T0, " s behind (stamps since boot?)"),
    "behind": (-2 * 10**9, "2.0 s behind"),
    "ahead": (2 * 10**9, "2.0 s ahead"),
}


@pytest.mark.parametrize("topic", ["/depth/image", "/lidar/points", "/wifi/csi"])
@pytest.mark.parametrize("fault", OFF)
def test_one_sensor_with_another_clock_is_named_and_cured(
    source, write_bag, engine, monkeypatch, topic, fault
):
    off_ns, words = OFF[fault]
    path = write_bag(30, clocks={topic: off_ns})
    found, modality = source(path), topic.split("/")[1].replace("wifi", "csi")
    assert found.shift_ns == 0
    (note,) = found.notes
    assert note.startswith(f"{modality}: its clock is ")
    assert words in note
    assert note.endswith(f"set {modality}.stamp_policy to align, or receive")
    for policy in ("align", "receive"):
        cured = replace(engine.streams[modality], stamp_policy=policy)
        monkeypatch.setitem(engine.streams, modality, cured)
        with Bag([path]) as bag:
            result = replay(engine, bag, found, FaultPlan("fault-free"))
        column = result.modalities.index(modality)
        assert result.used[1:, column].mean() > 0.9
        assert {s.state for s in result.statuses} == {StreamState.LIVE}
        assert result.statuses[column].restamped == 30


def test_zero_stamps_say_nothing_of_the_clock(source, write_bag):
    found = source(write_bag(15, clocks={"/lidar/points": None}))
    assert (found.shift_ns, found.notes) == (0, ())


def test_one_sensor_apart_and_the_others_on_a_clock_of_their_own(source, write_bag):
    mixed = write_bag(15, stamp=5 * 10**9, clocks={"/lidar/points": T0 - 5 * 10**9})
    found = source(mixed)
    assert found.shift_ns == pytest.approx(5 * 10**9 - T0, abs=5 * 10**6)
    assert [note.split(":")[0] for note in found.notes] == [
        "the recorder's clock is +1699999995.002 s from the stamps', which is used", "lidar"
    ]  # fmt: skip
    assert " s ahead: set lidar.stamp_policy" in found.notes[1]


def test_of_two_sensors_apart_the_one_on_the_recorders_clock_counts(source, write_bag):
    two = write_bag(
        15, skip=lambda topic, n: topic in ("/wifi/csi", "/ground_truth"),
        clocks={"/depth/image": -10**12},
    )  # fmt: skip
    found = source(two, truth="")
    assert found.shift_ns == 0
    assert found.notes[-1].startswith("depth: its clock is 1000.0 s behind: set depth.stamp")


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
