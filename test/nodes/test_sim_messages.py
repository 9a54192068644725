import numpy as np
import pytest

pytest.importorskip("rclpy")
pytest.importorskip("pta_msgs")

from pta_ros.errors import DecodeError
from pta_ros.nodes import monitor_records, sim_messages
from pta_ros.sensors import SENSORS
from pta_ros.simulate import garbage
from pta_ros.skeleton import JOINT_NAMES

RNG = np.random.default_rng(1)
CSI = 20 + np.sin(np.linspace(0, 6, 114))[None, :, None] + 0.01 * RNG.random((3, 114, 10))
DEPTH = RNG.integers(1000, 4000, (480, 640), dtype=np.uint16)
CLOUD = RNG.normal(size=(2000, 3)).astype(np.float32)


def test_an_image_is_read_back_in_metres():
    msg = sim_messages.image_message(garbage.clean_depth(DEPTH))
    depth = SENSORS["depth"]().decode(msg, "depth")
    np.testing.assert_allclose(depth, DEPTH / 1000.0, atol=1e-6)


def test_a_cloud_is_read_back():
    msg = sim_messages.cloud_message(garbage.clean_cloud(CLOUD))
    np.testing.assert_array_equal(SENSORS["lidar"]().decode(msg, "lidar"), CLOUD)


def test_csi_is_read_back():
    msg = sim_messages.csi_message(garbage.clean_csi(CSI))
    np.testing.assert_allclose(SENSORS["csi"]().decode(msg, "csi"), CSI, rtol=1e-6)


@pytest.mark.parametrize("turn", range(len(garbage.CSI_KINDS)), ids=garbage.CSI_KINDS)
def test_garbage_survives_the_message_and_is_refused(turn):
    msg = sim_messages.csi_message(garbage.garble_csi(turn, CSI, RNG))
    with pytest.raises(DecodeError):
        SENSORS["csi"]().process(msg, "csi")


def test_the_truth_is_recorded_as_it_was():
    joints = RNG.normal(size=(17, 3))
    msg = sim_messages.truth_message(joints)
    msg.header.stamp.sec = 7
    assert tuple(msg.joint_names) == JOINT_NAMES
    record = monitor_records.truth_record(msg, 9)
    assert (record["stamp_ns"], record["received_ns"]) == (7_000_000_000, 9)
    np.testing.assert_allclose(record["joints"], joints, atol=1e-5)


def test_a_skeleton_is_recorded_with_its_streams():
    from pta_msgs.msg import ModalityState, Skeleton

    msg = Skeleton(latency_ms=12.5, model="m", std_dev=[0.1, float("inf")])
    state = ModalityState(modality="csi", state=2, age_s=float("inf"), weight=0.25, received=5)
    msg.modalities = [state]
    record = monitor_records.skeleton_record(msg, 3)
    assert record["std"] == [pytest.approx(0.1, abs=1e-6), None]
    stream = record["streams"]["csi"]
    assert (stream["state"], stream["age_s"], stream["weight"]) == ("STALE", None, 0.25)
    assert (stream["received"], stream["stamp_ns"]) == (5, 0)


def test_diagnostics_of_the_fusion_are_recorded_and_others_ignored():
    from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue

    def status(name, level, **values):
        pairs = [KeyValue(key=k, value=str(v)) for k, v in values.items()]
        return DiagnosticStatus(name=name, level=level, message="said", values=pairs)

    csi = status("fusion: csi", DiagnosticStatus.WARN, state="STALE", age_s="inf", received=4)
    whole = status("fusion: fusion", DiagnosticStatus.ERROR, device="cpu")
    record = monitor_records.diagnostics_record(DiagnosticArray(status=[whole, csi]), 11)
    assert (record["level"], record["device"], record["received_ns"]) == (2, "cpu", 11)
    assert set(record["streams"]) == {"csi"}
    assert record["streams"]["csi"]["state"] == "STALE"
    assert record["streams"]["csi"]["received"] == 4
    assert record["streams"]["csi"]["age_s"] is None
    other = DiagnosticArray(status=[status("camera: driver", DiagnosticStatus.OK)])
    assert monitor_records.diagnostics_record(other, 11) is None
