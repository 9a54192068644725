"""The fusion process over real topics: skeletons, failing streams, an operator's commands.

One process serves all tests of this file; each begins with three live streams.
"""

import numpy as np
import pytest

pytestmark = pytest.mark.ros
ALL = ("depth", "lidar", "csi")
LIVE = dict.fromkeys(ALL, "LIVE")


@pytest.fixture(scope="module")
def fusion(module_bench, untrained_model):
    bench = module_bench
    bench.fusion = bench.start("fusion_node", "-p", f"model:={untrained_model}")
    return bench


@pytest.fixture
def live(fusion):
    """A bench with three live streams and skeletons of all of them."""
    fusion.skeletons.clear()
    fusion.until(lambda: fusion.states() == LIVE and used(fusion) == set(ALL), 40.0, ALL)
    assert fusion.fusion.poll() is None
    return fusion


def used(bench):
    """The streams behind the newest skeleton."""
    newest = bench.skeletons[-1][1].modalities if bench.skeletons else []
    return {m.modality for m in newest if m.weight > 0}


def change_state(bench, transition):
    from lifecycle_msgs.srv import ChangeState

    request = ChangeState.Request()
    request.transition.id = transition
    return bench.call(ChangeState, "fusion/change_state", request, 20.0).success


def set_parameter(bench, name, value):
    from rcl_interfaces.srv import SetParameters
    from rclpy.parameter import Parameter

    request = SetParameters.Request(parameters=[Parameter(name, value=value).to_parameter_msg()])
    return bench.call(SetParameters, "fusion/set_parameters", request).results[0]


def test_skeleton_says_what_it_is_made_of(live):
    msg = live.skeletons[-1][1]
    assert len(msg.positions) == len(msg.joint_names) == len(msg.std_dev) == 17
    assert (msg.convention, msg.model) == ("h36m17", "untrained")
    assert msg.header.frame_id == "here"
    assert 0 < msg.latency_ms < 5000
    assert sum(m.weight for m in msg.modalities) == pytest.approx(1.0, abs=1e-5)
    assert all(m.state == m.LIVE and m.used > 0 for m in msg.modalities)
    newest = max((m.stamp.sec, m.stamp.nanosec) for m in msg.modalities)
    assert (msg.header.stamp.sec, msg.header.stamp.nanosec) == newest


def test_diagnostics_tell_the_node_and_every_stream(live):
    live.until(lambda: int(live.value("depth", "used")) > 0, send=ALL)
    assert live.status("fusion").level == b"\x00"
    assert float(live.value("fusion", "latency_p99_ms")) > 0
    assert float(live.value("fusion", "memory_mb")) > 50
    assert live.value("fusion", "live") == "depth,lidar,csi"
    assert int(live.value("depth", "received")) >= int(live.value("depth", "used"))


def test_a_silent_stream_is_reported_and_left_out(live):
    live.until(lambda: live.states()["lidar"] == "STALE", send=("depth", "csi"))
    assert live.status("lidar").level == b"\x01"
    assert "no new frame" in live.status("lidar").message
    assert live.status("fusion").level == b"\x01"
    live.until(lambda: used(live) == {"depth", "csi"}, send=("depth", "csi"))


def test_corrupt_data_makes_a_stream_corrupt_and_not_the_skeleton(live):
    from pta_ros.nodes.messages import to_reading
    from pta_ros.sensors import CsiSensor

    def send():
        live.send("depth", "lidar")
        msg = live.message("csi")
        noise = np.abs(live.rng.normal(0, 30, (3, 114, 10)))
        live.publisher("csi").publish(to_reading(CsiSensor(), noise, msg.header))

    live.until(lambda: live.states()["csi"] == "CORRUPT", send=send)
    assert "wifi/csi" in live.value("csi", "reason")
    live.until(lambda: used(live) == {"depth", "lidar"}, send=send)
    assert int(live.value("csi", "corrupt")) > 0


def test_a_lidar_that_sees_nobody_is_well_and_left_out_until_somebody_comes(live):
    from pta_ros.nodes.messages import to_reading
    from pta_ros.sensors import LidarSensor

    def send():
        live.send("depth", "csi")
        msg, away = live.message("lidar"), live.array("lidar") + np.float32(20)
        live.publisher("lidar").publish(to_reading(LidarSensor(), away, msg.header))

    corrupt = int(live.value("lidar", "corrupt"))
    live.until(lambda: live.states()["lidar"] == "EMPTY", send=send)
    live.until(lambda: used(live) == {"depth", "csi"}, send=send)
    assert "0 of 2,000 points" in live.value("lidar", "reason")
    assert live.status("lidar").level == live.status("fusion").level == b"\x00"
    assert int(live.value("lidar", "corrupt")) == corrupt
    newest = live.skeletons[-1][1].modalities
    assert [m.state for m in newest if m.modality == "lidar"] == [newest[0].EMPTY]
    live.until(lambda: used(live) == set(ALL), send=ALL)


def test_a_message_that_contradicts_itself_stops_nothing(live):
    def send():
        live.send("lidar", "csi")
        msg = live.message("depth")
        msg.height = 100_000
        live.publisher("depth").publish(msg)

    live.until(lambda: live.states()["depth"] == "CORRUPT", send=send)
    live.until(lambda: used(live) == {"lidar", "csi"}, send=send)


def test_frozen_stamps_make_a_stream_stale(live):
    frozen = live.message("lidar")

    def send():
        live.send("depth", "csi")
        live.publisher("lidar").publish(frozen)

    live.until(lambda: live.states()["lidar"] == "STALE", send=send)
    assert "stamps do not advance" in live.value("lidar", "reason")


def test_without_any_stream_there_is_no_skeleton_but_an_error(live):
    live.until(lambda: set(live.states().values()) == {"STALE"})
    assert live.status("fusion").level == b"\x02"
    assert "no live stream" in live.status("fusion").message
    live.listen(2.0)  # tracks.forget_after_s is 1.5: until then the pose is predicted
    told = [msg for _, msg in live.skeletons]
    alone = [msg for msg in told if not any(m.stamp.sec for m in msg.modalities)]
    assert all(msg.predicted and msg.track_id and len(msg.velocities) == 17 for msg in alone)
    assert alone[-1].std_dev[0] > alone[-2].std_dev[0]
    live.skeletons.clear()
    live.listen(0.5)
    assert not live.skeletons
    live.until(lambda: live.skeletons, send=ALL)


def test_operator_disables_a_stream_while_it_runs(live):
    assert set_parameter(live, "depth.enabled", False).successful
    live.until(lambda: live.states()["depth"] == "DISABLED", send=ALL)
    live.until(lambda: used(live) == {"lidar", "csi"}, send=ALL)
    assert live.status("fusion").level == b"\x00"  # as asked for
    assert set_parameter(live, "depth.enabled", True).successful
    live.until(lambda: used(live) == set(ALL), send=ALL)


def test_parameters_that_cannot_change_now_say_so(live):
    result = set_parameter(live, "max_wait_s", 0.05)
    assert not result.successful
    assert "needs a reconfiguration" in result.reason
    assert not set_parameter(live, "autostart", False).successful
    assert set_parameter(live, "refine", False).successful
    assert set_parameter(live, "refine", True).successful


def test_markers_come_when_somebody_looks(live):
    from visualization_msgs.msg import MarkerArray

    seen = []
    subscription = live.node.create_subscription(MarkerArray, "skeleton_markers", seen.append, 1)
    live.until(lambda: seen, send=ALL)
    live.node.destroy_subscription(subscription)
    assert {marker.ns for marker in seen[-1].markers} == {"joints", "bones"}


def test_lifecycle_by_services(live):
    from lifecycle_msgs.msg import Transition

    assert not change_state(live, Transition.TRANSITION_ACTIVATE)  # it is active already
    assert change_state(live, Transition.TRANSITION_DEACTIVATE)
    live.until(lambda: live.value("fusion", "state") == "inactive")
    live.skeletons.clear()
    live.listen(0.5, ALL)
    assert not live.skeletons
    assert change_state(live, Transition.TRANSITION_CLEANUP)
    assert set_parameter(live, "model", "/nowhere").successful
    assert not change_state(live, Transition.TRANSITION_CONFIGURE)
    live.until(lambda: live.status("fusion").level == b"\x02")
    assert "/nowhere" in live.status("fusion").message
    assert set_parameter(live, "model", str(live.model)).successful
    assert change_state(live, Transition.TRANSITION_CONFIGURE)
    assert change_state(live, Transition.TRANSITION_ACTIVATE)
    live.until(lambda: used(live) == set(ALL), send=ALL)
