"""One message to one frame: where clouds are moved, and what is refused instead of used."""

import array
from types import SimpleNamespace

import numpy as np
import pytest

from pta_ros.errors import ConfigError, DecodeError, NobodySeen
from pta_ros.fusion.intake import DecoderFault, Intake
from pta_ros.fusion.params import StreamParams
from pta_ros.fusion.transforms import Transforms
from pta_ros.sensors import CsiSensor, LidarSensor
from pta_ros.sensors.lidar_setup import LidarInstallation

UPRIGHT = (0.0, 0.0, 0.0, 1.0)


@pytest.fixture
def points():
    rng = np.random.default_rng(2)
    return rng.uniform((1.6, -1.4, -1.0), (4.4, 1.4, 1.2), (600, 3)).astype(np.float32)


def cloud(points_m, frame="livox"):
    fields = [
        SimpleNamespace(name=n, offset=4 * i, datatype=7, count=1) for i, n in enumerate("xyz")
    ]
    stamp = SimpleNamespace(sec=7, nanosec=9)
    return SimpleNamespace(
        header=SimpleNamespace(stamp=stamp, frame_id=frame),
        height=1,
        width=len(points_m),
        fields=fields,
        is_bigendian=False,
        point_step=12,
        row_step=12 * len(points_m),
        data=array.array("B", points_m.astype("<f4").tobytes()),
    )


def intake(transforms=None, **params):
    return Intake(LidarSensor(), StreamParams(topic="lidar/points", **params), transforms)


def rows(array_m):
    return np.unique(array_m.round(3), axis=0)


def test_without_a_frame_clouds_are_used_as_they_come(points):
    frame = intake().frame(cloud(points), 8_000_000_000)
    assert (frame.modality, frame.stamp_ns, frame.received_ns) == (
        "lidar",
        7_000_000_009,
        8 * 10**9,
    )
    np.testing.assert_array_equal(frame.array, LidarSensor().process(cloud(points), "t"))


def test_a_cloud_in_the_frame_already_is_not_moved(points):
    expected = LidarSensor().process(cloud(points), "t")
    for asked in (
        intake(frame="model"),
        intake(frame="/model"),
        intake(frame="model", extrinsic="1 0 0 0 0 0"),
    ):
        np.testing.assert_array_equal(asked.frame(cloud(points, "model"), 1).array, expected)


def test_the_given_extrinsic_moves_before_the_region_is_cut_out(points):
    # A LiDAR on its side, two metres behind: what it sees lies outside the region until moved.
    seen = (points - (-2, 0, 0)) @ np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]])
    asked = intake(frame="model", extrinsic="-2 0 0 90 0 0")
    assert not asked.needs_transforms
    moved = asked.frame(cloud(seen), 1).array
    expected = LidarSensor().process(cloud(points), "t")
    distance = np.linalg.norm(points[:, None] - moved[None], axis=2).min(axis=0)
    assert distance.max() < 1e-5
    assert len(rows(moved)) == len(rows(expected))


def test_a_static_chain_moves_it_and_may_come_later(points):
    tree = Transforms()
    asked = intake(tree, frame="model")
    assert asked.needs_transforms
    with pytest.raises(DecodeError) as caught:
        asked.frame(cloud(points), 1)
    assert "cloud in frame 'livox': no static transform leads to 'model'" in caught.value.reason
    assert "/tf_static, or lidar.extrinsic" in caught.value.expected
    tree.add("base", "model", (0, 0, 1), UPRIGHT)
    tree.add("base", "livox", (0, 0, 1.5), UPRIGHT)
    low = points - np.float32((0, 0, 0.5))
    moved = asked.frame(cloud(low), 1).array
    assert np.linalg.norm(points[:, None] - moved[None], axis=2).min(axis=0).max() < 1e-5
    tree.add("base", "livox", (0, 0, 1), UPRIGHT)  # corrected while running
    np.testing.assert_array_equal(
        asked.frame(cloud(points), 1).array, LidarSensor().process(cloud(points), "t")
    )


def test_the_given_extrinsic_wins_over_transforms(points):
    tree = Transforms()
    tree.add("model", "livox", (100, 0, 0), UPRIGHT)
    asked = intake(tree, frame="model", extrinsic="0 0 0 0 0 0")
    np.testing.assert_array_equal(
        asked.frame(cloud(points), 1).array, LidarSensor().process(cloud(points), "t")
    )


def test_what_a_sensor_node_cut_out_is_not_cut_again(points):
    away = points + np.float32((20, 0, 0))
    near = intake(device=LidarInstallation(region="21 25 -2 2 -2 2"))
    reduced = near.frame(cloud(away), 1).array
    stream = StreamParams(topic="lidar/points")
    after = Intake(LidarSensor(), stream, topic="lidar/points/reduced", reduced=True)
    np.testing.assert_array_equal(after.frame(cloud(reduced), 1).array, reduced)
    with pytest.raises(NobodySeen):
        after.frame(cloud(reduced[:0]), 1)


def test_a_wrong_row_step_is_read_and_remarked_upon_while_it_lasts(points):
    asked, msg = intake(), cloud(points)
    msg.row_step = 0
    assert asked.remarks == ()
    asked.frame(msg, 1)
    assert "row_step is 0" in asked.remarks[0]
    asked.frame(cloud(points), 1)
    assert asked.remarks == ()


def test_a_cloud_without_a_frame_id_is_refused(points):
    with pytest.raises(DecodeError, match="without a name"):
        intake(frame="model").frame(cloud(points, ""), 1)


def test_a_cloud_without_a_header_is_refused(points):
    bare = cloud(points)
    del bare.header
    for asked in (intake(), intake(frame="model")):
        with pytest.raises(DecodeError, match="header"):
            asked.frame(bare, 1)


def test_a_move_out_of_the_region_is_told_like_an_empty_one(points):
    with pytest.raises(NobodySeen, match="0 of 600 points"):
        intake(frame="model", extrinsic="50 0 0 0 0 0").frame(cloud(points), 1)


def test_a_decoder_that_breaks_is_a_fault_with_its_cause():
    class Broken(CsiSensor):
        def decode(self, msg, source):
            return 1 / 0

    with pytest.raises(DecoderFault, match="ZeroDivisionError") as caught:
        Intake(Broken(), StreamParams(topic="wifi/csi")).frame(None, 1)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_only_clouds_can_be_moved():
    with pytest.raises(ConfigError, match=r"csi.frame is 'model'; only clouds"):
        Intake(CsiSensor(), StreamParams(topic="wifi/csi", frame="model"))


def test_topic_and_type():
    asked = intake()
    assert (asked.topic, asked.type) == ("lidar/points", "sensor_msgs/msg/PointCloud2")
    given = Intake(LidarSensor(), StreamParams(topic="a"), topic="a/reduced")
    assert given.topic == "a/reduced"
