"""Packets to messages and back, and the activity message."""

import numpy as np
import pytest

pytest.importorskip("rclpy")
pytest.importorskip("pta_msgs.msg")

from pta_ros.frames import Estimate, StreamState, StreamStatus
from pta_ros.nodes import messages
from pta_ros.nodes.monitor_records import activity_record
from pta_ros.sensors import SENSORS
from pta_ros.simulate.rf import RfRecording

CONTENTS = RfRecording(1, 1, 39).packets().contents
HEADER = messages.to_header(1_500_000_007, "here")


@pytest.mark.parametrize("modality", list(messages.PACKET_MESSAGES))
def test_packets_survive_their_message(modality):
    packets = np.asarray(CONTENTS[modality][:10], np.float32)
    content = packets if modality == "wifi" else packets[0]
    msg = messages.PACKET_MESSAGES[modality](content, HEADER)
    assert isinstance(msg, messages.MESSAGE_TYPES[modality])
    decoded = SENSORS[modality]().decode(msg, "here")
    np.testing.assert_array_equal(decoded, packets if modality == "wifi" else packets[:1])


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
    record = activity_record(msg, 5)
    assert (record["type"], record["class_id"], record["stamp_ns"]) == (
        "activity", 1, 2_000_000_000,
    )  # fmt: skip
