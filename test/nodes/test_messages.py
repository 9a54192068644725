import math
from array import array

import numpy as np
import pytest

pytest.importorskip("rclpy")
pytest.importorskip("pta_msgs")
pytestmark = pytest.mark.ros

from pta_ros.clock import stamp_ns  # noqa: E402
from pta_ros.frames import Estimate, StreamState, StreamStatus  # noqa: E402
from pta_ros.nodes import messages, records  # noqa: E402
from pta_ros.nodes.markers import colour, to_markers  # noqa: E402
from pta_ros.sensors import SENSORS, sensors_of  # noqa: E402
from pta_ros.simulate.rf import RfRecording  # noqa: E402
from pta_ros.skeleton import BONES, JOINT_NAMES  # noqa: E402

HEADER = messages.to_header(1_500_000_007, "here")


def physical(modality, rng):
    if modality == "depth":
        image = np.full((480, 640), 3.5, np.float32)
        image[100:400, 250:390] = 2.5
        return image
    if modality == "lidar":
        return rng.normal((3, 0, 0), (0.1, 0.2, 0.4), (2000, 3)).astype(np.float32)
    if modality != "csi":
        packets = np.asarray(RfRecording(1, 1, 39).packets().contents[modality], np.float32)
        return packets[:10] if modality == "wifi" else packets[:1]
    wave = 20 + 5 * np.sin(np.linspace(0, 9, 114))[None, :, None]
    return (wave + rng.normal(0, 0.5, (3, 114, 10))).astype(np.float32)


def skeleton():
    statuses = (
        StreamStatus("depth", StreamState.LIVE, 0.01, 10.0, weight=1.0, received=9, used=8),
        StreamStatus("csi", StreamState.MISSING, math.inf, 0.0, reason="no usable message yet"),
    )
    joints = np.arange(51, dtype=np.float32).reshape(17, 3)
    estimate = Estimate(
        stamp_ns=2_000_000_001,
        joints_m=joints,
        std_m=np.linspace(0.03, 0.15, 17, dtype=np.float32),
        weights={"depth": 1.0},
        stamps_ns={"depth": 2_000_000_001},
        streams=statuses,
    )
    return messages.to_skeleton(estimate, "camera", "some model")


def test_stamps_survive_both_ways():
    for ns in (0, 1, 999_999_999, 1_000_000_000, 1_795_473_415_160_613_172):
        assert stamp_ns(messages.to_time(ns)) == ns


@pytest.mark.parametrize("modality", list(SENSORS))
def test_a_physical_array_survives_its_message(modality):
    reading = physical(modality, np.random.default_rng(1))
    sensor = SENSORS[modality]()
    msg = messages.to_reading(sensor, reading, HEADER)
    assert isinstance(msg, messages.message_class(sensor.message_type))
    assert stamp_ns(msg.header.stamp) == 1_500_000_007
    np.testing.assert_array_equal(sensor.decode(msg, "here"), reading)


def test_millimetres_stay_millimetres():
    msg = messages.to_reading(SENSORS["depth"](), np.full((3, 4), 2500, np.uint16), HEADER)
    assert (msg.encoding, msg.step, len(msg.data)) == ("16UC1", 8, 24)
    np.testing.assert_allclose(SENSORS["depth"]().decode(msg, "here"), 2.5)


@pytest.mark.parametrize("modality", list(sensors_of("mmfi")))
def test_a_reduced_reading_reduces_to_itself(modality):
    """So a fusion node may be fed by a sensor node as well as by the sensor."""
    sensor = SENSORS[modality]()
    reduced = sensor.prepare(physical(modality, np.random.default_rng(2)), "first")
    again = sensor.process(messages.to_reading(sensor, reduced, HEADER), "second")
    if modality == "lidar":  # a set of points: its order says nothing
        reduced, again = (np.unique(points, axis=0) for points in (reduced, again))
    np.testing.assert_allclose(again, reduced, atol=1e-6)


def test_sequences_become_arrays_and_dicts_become_messages():
    fields = {"fields": [{"name": "x", "offset": 4}], "data": np.arange(6, dtype=np.uint8)}
    msg = messages.to_message("sensor_msgs/msg/PointCloud2", fields)
    assert (msg.fields[0].name, msg.fields[0].offset) == ("x", 4)
    assert list(msg.data) == list(range(6))
    assert isinstance(msg.data, array)
    numbers = messages.buffer(np.array([1, 2], np.int64))
    assert (numbers.typecode, list(numbers)) == ("q", [1, 2])


def test_the_true_pose_is_a_skeleton_in_the_cameras_frame():
    joints = np.random.default_rng(1).normal(size=(17, 3))
    msg = messages.true_skeleton(joints)
    msg.header.stamp.sec = 7
    assert tuple(msg.joint_names) == JOINT_NAMES
    assert (msg.header.frame_id, msg.model) == ("depth_optical_frame", "ground truth (synthetic)")
    record = records.truth_record(msg, 9)
    assert (record["stamp_ns"], record["received_ns"]) == (7_000_000_000, 9)
    np.testing.assert_allclose(record["joints"], joints, atol=1e-5)


def test_skeleton_tells_joints_and_streams():
    msg = skeleton()
    assert msg.joint_names == list(JOINT_NAMES)
    assert [msg.positions[2].x, msg.positions[2].y, msg.positions[2].z] == [6.0, 7.0, 8.0]
    assert msg.std_dev[16] == pytest.approx(0.15)
    assert (msg.header.frame_id, msg.model) == ("camera", "some model")
    depth, csi = msg.modalities
    assert (depth.state, depth.weight, depth.received, depth.used) == (depth.LIVE, 1.0, 9, 8)
    assert stamp_ns(depth.stamp) == 2_000_000_001
    assert (csi.state, csi.age_s, csi.reason) == (csi.MISSING, math.inf, "no usable message yet")
    assert stamp_ns(csi.stamp) == 0


def test_states_have_the_numbers_of_the_message():
    from pta_msgs.msg import ModalityState

    for state in StreamState:
        assert getattr(ModalityState, state.name) == int(state)


def test_markers_draw_every_joint_and_bone():
    msg = skeleton()
    joints, bones = to_markers(msg).markers
    assert joints.points == msg.positions
    assert len(bones.points) == len(bones.colors) == 2 * len(BONES)
    assert joints.header == bones.header == msg.header
    assert (joints.colors[0].r, joints.colors[0].g) == (0.0, 1.0)
    assert (joints.colors[16].r, joints.colors[16].g) == pytest.approx((1.0, 0.0), abs=1e-6)
    assert colour(9.0) == colour(1.0)
