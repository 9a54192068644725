"""Sensor nodes in processes of their own, simulated time, and publishers that do not fit."""

import signal

import pytest

pytestmark = pytest.mark.ros
NEVER_S = 60
S = 1_000_000_000


def test_a_sensor_process_feeds_the_fusion_process(bench, untrained_model):
    """Depth goes through a sensor node; LiDAR's publisher is less reliable than what is asked."""
    from rclpy.qos import QoSProfile, ReliabilityPolicy
    from sensor_msgs.msg import Image

    fusion = bench.start(
        "fusion_node",
        *("-p", f"model:={untrained_model}", "-p", "composed:=false"),
        *("-p", "lidar.qos_reliability:=reliable"),
    )
    sensor = bench.start("sensor_node", "-p", "modality:=depth")
    reduced = []
    bench.node.create_subscription(
        Image, "depth/image/reduced", reduced.append, QoSProfile(depth=1, reliability=2)
    )
    unreliable = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
    bench.publisher("lidar", "lidar/points/reduced", unreliable)

    bench.until(lambda: bench.states()["depth"] == "LIVE", NEVER_S, ("depth",), fusion)
    assert (reduced[-1].width, reduced[-1].height, reduced[-1].encoding) == (128, 96, "32FC1")
    assert reduced[-1].header.frame_id == "here"
    bench.until(lambda: bench.skeletons, send=("depth",))
    bench.until(lambda: "incompatible QoS" in bench.status("lidar").message)
    assert "RELIABILITY" in bench.status("lidar").message

    def corrupt():
        msg = bench.message("depth")
        msg.encoding = "rgb8"
        bench.publisher("depth").publish(msg)

    bench.until(lambda: bench.states()["depth"] == "CORRUPT", send=corrupt)
    for process in (sensor, fusion):
        process.send_signal(signal.SIGTERM)
    assert [process.wait(NEVER_S) for process in (sensor, fusion)] == [0, 0]


def test_a_sensor_process_hands_on_that_nobody_is_there(bench, untrained_model):
    """The region and the pose are the sensor node's; the fusion node learns what it saw."""
    bench.start("fusion_node", "-p", f"model:={untrained_model}", "-p", "composed:=false")
    bench.start(
        "sensor_node", "-p", "modality:=lidar", "-p", "frame:=model",
        *("-p", "extrinsic:=10 0 0 0 0 0", "-p", "region:=12 14 -2 2 -2 2"),
    )  # fmt: skip
    bench.until(lambda: bench.states()["lidar"] == "LIVE", NEVER_S, ("lidar",))

    def away():
        msg = bench.message("lidar")
        msg.width, msg.row_step, msg.data = 8, 96, msg.data[:96]
        bench.publisher("lidar").publish(msg)

    bench.until(lambda: bench.states()["lidar"] == "EMPTY", send=away)
    assert bench.value("lidar", "corrupt") == "0"
    bench.until(lambda: bench.states()["lidar"] == "LIVE", send=("lidar",))


def test_simulated_time_rules_and_may_jump_back(bench, untrained_model):
    from builtin_interfaces.msg import Time
    from rosgraph_msgs.msg import Clock

    clock = bench.node.create_publisher(Clock, "/clock", 10)
    fusion = bench.start(
        "fusion_node",
        *("-p", f"model:={untrained_model}", "-p", "use_sim_time:=true"),
        *("-r", "__node:=pose", "-r", "__ns:=/lab", "-r", "depth/image:=/camera/depth"),
    )
    skeletons = []
    from pta_msgs.msg import Skeleton

    bench.node.create_subscription(Skeleton, "/lab/skeleton", skeletons.append, 10)
    now = [1000 * S]

    def send():
        now[0] += S // 10
        clock.publish(Clock(clock=Time(sec=now[0] // S, nanosec=now[0] % S)))
        bench.publisher("depth", "/camera/depth").publish(bench.message("depth", now[0]))

    def newest_s():
        return skeletons[-1].header.stamp.sec if skeletons else 0

    bench.until(lambda: newest_s() >= 1000, NEVER_S, send, fusion)
    assert 0 <= skeletons[-1].latency_ms < 5000
    now[0] = 500 * S
    bench.until(lambda: 500 <= newest_s() < 600, send=send)
    assert {name.split(":")[0] for name in bench.diagnostics[-1][1]} == {"/lab/pose"}
