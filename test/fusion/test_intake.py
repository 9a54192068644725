"""One message to one frame: where clouds are moved, and what is refused instead of used."""

import array
from types import SimpleNamespace

import numpy as np
import pytest

from pta_ros.errors import ConfigError, DecodeError, NobodySeen
from pta_ros.fusion.intake import DecoderFault, Intake
from pta_ros.fusion.params import StreamParams
from pta_ros.fusion.transforms import Transforms
from pta_ros.sensors import CsiSensor, DepthSensor, LidarSensor
from pta_ros.sensors.depth_device import DepthDevice
from pta_ros.sensors.depth_map import image_fields
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


def image(frame="camera_optical"):
    pixels = np.full((480, 848), 4000, np.uint16)
    pixels[200:300, 300:600] = 2000
    header = SimpleNamespace(stamp=SimpleNamespace(sec=7, nanosec=9), frame_id=frame)
    return SimpleNamespace(header=header, **image_fields(pixels))


def camera_info(fx=425.0):
    roi = SimpleNamespace(x_offset=0, y_offset=0, width=0, height=0)
    return SimpleNamespace(
        width=848, height=480, k=[fx, 0, 423.5, 0, fx, 239.5, 0, 0, 1], d=[0.0] * 5, roi=roi,
        p=[0.0] * 12, binning_x=0, binning_y=0, distortion_model="plumb_bob",
    )  # fmt: skip


def test_a_camera_info_counts_from_when_it_comes_and_a_bad_one_changes_nothing():
    asked = Intake(DepthSensor(), StreamParams(topic="cam/depth/image_raw"))
    info = "cam/depth/camera_info"
    assert asked.side_topics == {info: "sensor_msgs/msg/CameraInfo"}
    assumed = asked.frame(image(), 1).array
    assert "intrinsics assumed" in asked.remarks[0]
    with pytest.raises(DecodeError, match="not calibrated"):
        asked.take(info, camera_info(0.0))
    assert "not calibrated" in asked.remarks[1]
    np.testing.assert_array_equal(asked.frame(image(), 1).array, assumed)
    asked.take(info, camera_info())
    told = asked.frame(image(), 1).array
    assert asked.remarks == ()
    # 300 pixels across of 425 focal length are 80.5 cells of the model's camera, not 60.
    assert [(row == 2).sum() for row in (told[48], assumed[48])] == [80, 60]
    with pytest.raises(DecodeError, match="not calibrated"):
        asked.take(info, camera_info(0.0))
    np.testing.assert_array_equal(asked.frame(image(), 1).array, told)


def test_a_reduced_image_is_in_the_models_camera_already():
    device = DepthDevice(fx=425.0, rotation=90)
    reduced = Intake(
        DepthSensor(), StreamParams(topic="a", device=device), None, "a/reduced", reduced=True
    )
    assert reduced.side_topics == {}
    array = np.full((96, 128), 3, np.float32)
    header = SimpleNamespace(stamp=SimpleNamespace(sec=7, nanosec=9), frame_id="c_upright")
    msg = SimpleNamespace(header=header, **image_fields(array))
    np.testing.assert_array_equal(reduced.frame(msg, 1).array, array)
    assert reduced.frame_id == "c_upright"


def test_the_frame_of_a_reading_is_the_messages_or_where_it_was_moved(points):
    asked = Intake(DepthSensor(), StreamParams(topic="a", device=DepthDevice(rotation=90)))
    asked.frame(image(), 1)
    assert asked.frame_id == "camera_optical_upright"
    moved = intake(frame="model", extrinsic="0 0 0 0 0 0")
    moved.frame(cloud(points), 1)
    assert moved.frame_id == "model"


def test_only_clouds_can_be_moved():
    with pytest.raises(ConfigError, match=r"csi.frame is 'model'; only clouds"):
        Intake(CsiSensor(), StreamParams(topic="wifi/csi", frame="model"))


def test_topic_and_type():
    asked = intake()
    assert (asked.topic, asked.type) == ("lidar/points", "sensor_msgs/msg/PointCloud2")
    given = Intake(LidarSensor(), StreamParams(topic="a"), topic="a/reduced")
    assert given.topic == "a/reduced"
