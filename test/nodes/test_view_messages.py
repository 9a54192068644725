"""The fusion node's messages become the estimates and states that they were made from."""

import numpy as np
import pytest

from pta_ros.errors import DecodeError
from pta_ros.frames import Estimate, StreamState, StreamStatus

pytest.importorskip("pta_msgs")
from pta_ros.nodes.diagnostics import Health, Reporter
from pta_ros.nodes.messages import to_skeleton
from pta_ros.nodes.view_messages import to_estimate, to_joints, to_statuses

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
    health = Health("fusion", "active")
    told = to_statuses(Reporter().array(health, STATES, 1_000_000_000))
    assert [(s.modality, s.state) for s in told] == [(s.modality, s.state) for s in STATES]
    assert told[1].age_s == float("inf")
    assert told[1].reason == "no new frame"
    assert told[0].weight == 0.75


def test_diagnostics_of_others_say_nothing():
    from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus

    assert to_statuses(DiagnosticArray(status=[DiagnosticStatus(name="driver: voltage")])) == ()


@pytest.mark.parametrize("harm", ["fewer", "nan", "deviations"])
def test_a_skeleton_that_is_none_is_refused(harm):
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
