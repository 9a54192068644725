"""The fusion node in this process: what a broken model does to it."""

import importlib.util
import time

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.ros
NEVER_S = 30


@pytest.fixture
def node(ros, tmp_path):
    from rclpy.parameter import Parameter

    from pta_ros import checkpoint
    from pta_ros.model.config import PTAConfig
    from pta_ros.model.pta import PTA
    from pta_ros.nodes.fusion_node import FusionNode
    from pta_ros.sensors import CsiSensor

    config = PTAConfig(modalities=("csi",), channels=16, tokens=4, dim=16, latent=8)
    checkpoint.save(tmp_path / "model", PTA(config), {"csi": CsiSensor()}, {}, {})
    node = FusionNode()
    node.set_parameters([Parameter("model", value=str(tmp_path / "model"))])
    yield node
    node.close()
    for one in (node, *node.sensor_nodes.values()):
        one.destroy_node()


def push_until(node, done):
    from pta_ros.frames import Frame

    rng = np.random.default_rng(0)
    end = time.monotonic() + NEVER_S
    while not done():
        assert time.monotonic() < end
        now_ns = node.get_clock().now().nanoseconds
        node.readings.push(Frame("csi", now_ns, rng.random((3, 114, 10), np.float32), now_ns), None)
        time.sleep(0.02)


def state(node):
    return node._state_machine.current_state[1]


def test_a_defect_that_data_cannot_explain_leads_out_of_active(node):
    from rclpy.lifecycle import TransitionCallbackReturn

    assert node.trigger_configure() == node.trigger_activate() == TransitionCallbackReturn.SUCCESS
    push_until(node, lambda: node.watch.health.meter.count)
    node._engine.estimator.model.head = None
    push_until(node, lambda: node.watch.health.failures.fatal)
    assert state(node) == "active"
    node._tick()
    assert state(node) == "unconfigured"
    assert "not callable" in node.watch.health.failures.last
    assert node.watch.health.failures.count >= 3

    assert node.trigger_configure() == node.trigger_activate() == TransitionCallbackReturn.SUCCESS
    counted = node.watch.health.meter.count
    push_until(node, lambda: node.watch.health.meter.count > counted)
    assert not node.watch.health.failures.failing
    assert node.trigger_shutdown() == TransitionCallbackReturn.SUCCESS
    assert state(node) == "finalized"


def test_a_wrong_topic_fails_the_configuration(node):
    from rclpy.lifecycle import TransitionCallbackReturn
    from rclpy.parameter import Parameter

    node.set_parameters([Parameter("csi.topic", value="wifi//csi")])
    assert node.trigger_configure() == TransitionCallbackReturn.FAILURE
    assert state(node) == "unconfigured"
    assert "wifi//csi" in node.watch.health.failures.last


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"csi.frame": "model"}, "csi.frame is 'model'; only clouds"),
        ({"depth.topic": "a/", "depth.transport": "compressed"}, "a//compressed"),
    ],
)
def test_wrong_inputs_fail_the_configuration(node, given, said):
    from rclpy.lifecycle import TransitionCallbackReturn
    from rclpy.parameter import Parameter

    node.set_parameters([Parameter(n, value=v) for n, v in given.items()])
    assert node.trigger_configure() == TransitionCallbackReturn.FAILURE
    assert said in node.watch.health.failures.last


@pytest.mark.skipif(importlib.util.find_spec("tf2_msgs"), reason="tf2_msgs is installed")
def test_tf_static_without_tf2_msgs_fails_the_configuration(node):
    from rclpy.lifecycle import TransitionCallbackReturn
    from rclpy.parameter import Parameter

    node.set_parameters([Parameter("lidar.frame", value="model")])
    assert node.trigger_configure() == TransitionCallbackReturn.FAILURE
    assert "tf2_msgs is not on this Python's path" in node.watch.health.failures.last
    node.set_parameters([Parameter("lidar.extrinsic", value="0 0 0.2 0 0 0")])
    assert node.trigger_configure() == TransitionCallbackReturn.SUCCESS


@pytest.mark.skipif(importlib.util.find_spec("hri_msgs"), reason="hri_msgs is installed")
def test_an_output_without_its_messages_fails_the_configuration_until_it_is_off(node):
    from rclpy.lifecycle import TransitionCallbackReturn
    from rclpy.parameter import Parameter

    node.set_parameters([Parameter("publish.humans", value=True)])
    assert node.trigger_configure() == TransitionCallbackReturn.FAILURE
    assert state(node) == "unconfigured"
    assert "publish.humans is true and needs hri_msgs" in node.watch.health.failures.last
    assert node.count_publishers("obstacles") == 0
    node.set_parameters([Parameter("publish.humans", value=False)])
    assert node.trigger_configure() == TransitionCallbackReturn.SUCCESS
    assert node.count_publishers("obstacles") == 1


def test_further_outputs_are_there_while_it_is_configured(node, ros):
    from geometry_msgs.msg import PoseArray

    heard = []
    node.create_subscription(PoseArray, "obstacles", heard.append, 5)
    assert node.count_publishers("obstacles") == 0
    push_until(node, lambda: ros.spin_once(node, timeout_sec=0.01) or heard)
    assert len(heard[0].poses) == 1  # the one person, who has a number by now
    node.trigger_deactivate()
    node.trigger_cleanup()
    assert node.count_publishers("obstacles") == node.count_publishers("obstacle_points") == 0


class BrokenHead(torch.nn.Module):
    def forward(self, fused):
        raise RuntimeError("no such head")


def test_a_fault_during_a_transition_is_told_and_undone(node):
    from rclpy.lifecycle import TransitionCallbackReturn

    node.trigger_configure()
    node._engine.loaded.model.head = BrokenHead()  # the warm-up meets it
    assert node.trigger_activate() == TransitionCallbackReturn.ERROR
    assert state(node) == "unconfigured"
    assert "no such head" in node.watch.health.failures.last


def test_no_publisher_keeps_an_event_handler_and_unreached_subscribers_are_told_of(node, ros):
    from pta_msgs.msg import Skeleton
    from rclpy.qos import QoSDurabilityPolicy, QoSProfile

    told = []
    node.watch._node.get_logger().warning = told.append  # the logger of a node is one object
    listener = ros.create_node("listener")
    late = QoSProfile(depth=1, durability=QoSDurabilityPolicy.TRANSIENT_LOCAL)
    listener.create_subscription(Skeleton, "skeleton", print, late)
    end = time.monotonic() + NEVER_S
    while not any("skeleton: 1 of its subscribers get nothing" in text for text in told):
        assert time.monotonic() < end
        node._tick()
        time.sleep(0.1)
    listener.destroy_node()
    for one in node.nodes():
        assert not any(publisher.event_handlers for publisher in one.publishers)
