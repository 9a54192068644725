"""What the monitor records of skeletons, activities and diagnostics."""

import numpy as np
import pytest

pytest.importorskip("rclpy")
pytest.importorskip("pta_msgs.msg")

from pta_ros.frames import Estimate, StreamState, StreamStatus
from pta_ros.nodes import messages, monitor_records


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
    record = monitor_records.activity_record(msg, 5)
    assert (record["type"], record["class_id"], record["stamp_ns"]) == (
        "activity", 1, 2_000_000_000,
    )  # fmt: skip
