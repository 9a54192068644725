"""What becomes of the fusion node's messages: records of them, and the estimates they were."""

import numpy as np
import pytest

pytest.importorskip("rclpy")
pytest.importorskip("pta_msgs.msg")

from pta_ros.errors import DecodeError
from pta_ros.frames import Estimate, StreamState, StreamStatus
from pta_ros.nodes import messages, records
from pta_ros.nodes.health import Health, Identity
from pta_ros.nodes.messages import to_skeleton
from pta_ros.nodes.records import to_estimate, to_joints, to_statuses


def test_a_skeleton_is_recorded_with_its_streams():
    from pta_msgs.msg import ModalityState, Skeleton

    msg = Skeleton(latency_ms=12.5, model="m", std_dev=[0.1, float("inf")])
    state = ModalityState(modality="csi", state=2, age_s=float("inf"), weight=0.25, received=5)
    msg.modalities = [state]
    record = records.skeleton_record(msg, 3)
    assert record["std"] == [pytest.approx(0.1, abs=1e-6), None]
    stream = record["streams"]["csi"]
    assert (stream["state"], stream["age_s"], stream["weight"]) == ("STALE", None, 0.25)
    assert (stream["received"], stream["stamp_ns"]) == (5, 0)


def test_diagnostics_of_the_fusion_are_recorded_and_others_ignored():
    from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue

    def status(name, level, **values):
        pairs = [KeyValue(key=k, value=str(v)) for k, v in values.items()]
        return DiagnosticStatus(name=name, level=level, message="said", values=pairs)

    csi = status(
        "/robot1/fusion: csi", DiagnosticStatus.WARN, state="STALE", age_s="inf", received=4
    )
    whole = status("/robot1/fusion: fusion", DiagnosticStatus.ERROR, device="cpu")
    record = records.diagnostics_record(DiagnosticArray(status=[whole, csi]), 11, "/robot1")
    assert (record["level"], record["device"], record["received_ns"]) == (2, "cpu", 11)
    assert record["node"] == "/robot1/fusion"
    assert set(record["streams"]) == {"csi"}
    assert record["streams"]["csi"]["state"] == "STALE"
    assert record["streams"]["csi"]["received"] == 4
    assert record["streams"]["csi"]["age_s"] is None
    for elsewhere in ("/", "/robot2"):
        assert records.diagnostics_record(DiagnosticArray(status=[whole]), 11, elsewhere) is None
    other = DiagnosticArray(status=[status("camera: driver", DiagnosticStatus.OK)])
    assert records.diagnostics_record(other, 11) is None


def test_an_activity_holds_its_class_and_every_probability():
    estimate = Estimate(
        2_000_000_000, np.zeros((0, 3), np.float32), np.zeros(0, np.float32), {"wifi": 1.0},
        {"wifi": 2_000_000_000}, (StreamStatus("wifi", StreamState.LIVE, 0.1, 200.0, 1.0),),
        probabilities=np.array([0.2, 0.7, 0.1], np.float32),
    )  # fmt: skip
    msg = messages.to_activity(estimate, ("a", "b", "c"), "frame", "model")
    assert (msg.label, msg.class_id, msg.model) == ("b", 1, "model")
    assert msg.confidence == pytest.approx(0.7)
    np.testing.assert_allclose(msg.probabilities, [0.2, 0.7, 0.1], rtol=1e-6)
    assert msg.modalities[0].stamp.sec == 2
    record = records.activity_record(msg, 5)
    assert (record["type"], record["class_id"], record["stamp_ns"]) == (
        "activity", 1, 2_000_000_000,
    )  # fmt: skip


STATES = (
    StreamStatus("depth", StreamState.LIVE, 0.05, 10.0, 0.75, received=9, used=8),
    StreamStatus("lidar", StreamState.STALE, float("inf"), 0.0, reason="no new frame"),
    StreamStatus("csi", StreamState.LIVE, 0.02, 9.5, 0.25, received=7, corrupt=2),
)


def estimate():
    joints_m = np.arange(51, dtype=np.float32).reshape(17, 3) / 16
    std_m = np.full(17, 0.0625, np.float32)
    return Estimate(5_000_000_007, joints_m, std_m, {"depth": 0.75, "csi": 0.25}, {}, STATES)


def test_a_skeleton_comes_back_as_its_estimate():
    msg = to_skeleton(estimate(), "camera", "model")
    msg.latency_ms = 12.5
    back = to_estimate(msg, "skeleton")
    assert back.stamp_ns == 5_000_000_007
    assert np.array_equal(back.joints_m, estimate().joints_m)
    assert np.array_equal(back.std_m, estimate().std_m)
    assert back.weights == {"depth": 0.75, "csi": 0.25}
    assert back.timings_ms == {"latency": 12.5}
    assert [s.state for s in back.streams] == [s.state for s in STATES]
    assert back.streams[1].reason == "no new frame"
    assert (back.streams[2].received, back.streams[2].corrupt) == (7, 2)


def test_diagnostics_come_back_as_states():
    report = Health().report(Identity("fusion", "active"), STATES, 1_000_000_000)
    told = to_statuses(report)
    assert [(s.modality, s.state) for s in told] == [(s.modality, s.state) for s in STATES]
    assert told[1].age_s == float("inf")
    assert told[1].reason == "no new frame"
    assert told[0].weight == 0.75


def test_diagnostics_of_others_say_nothing():
    from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus

    assert to_statuses(DiagnosticArray(status=[DiagnosticStatus(name="driver: voltage")])) == ()


@pytest.mark.parametrize("harm", ["fewer", "nan", "deviations"])
def test_a_skeleton_without_17_finite_joints_is_refused(harm):
    msg = to_skeleton(estimate(), "camera", "model")
    if harm == "fewer":
        msg.positions = msg.positions[:5]
    elif harm == "nan":
        msg.positions[3].x = float("nan")
    else:
        msg.std_dev = msg.std_dev[:3]
    with pytest.raises(DecodeError, match="17 finite"):
        to_estimate(msg, "skeleton")
    if harm != "deviations":
        with pytest.raises(DecodeError, match="17 finite"):
            to_joints(msg, "ground_truth")
