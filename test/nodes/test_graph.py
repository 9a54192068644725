"""What is said of topics with no, one, two or the wrong publishers, on a real graph."""

import time

import pytest

pytestmark = pytest.mark.ros

IMAGE = "sensor_msgs/msg/Image"
WITHIN_S = 10


@pytest.fixture
def make(ros):
    """Nodes of this process, destroyed at the end."""
    made = []

    def make(name, **options):
        made.append(ros.create_node(name, **options))
        return made[-1]

    yield make
    for node in made:
        node.destroy_node()


def seen_when(node, done, topic="depth/image", **others):
    """What is seen once `done` says so; the graph takes a while."""
    from pta_ros.nodes.graph import look_at

    end = time.monotonic() + WITHIN_S
    while not done(seen := look_at(node, "depth", topic, IMAGE, others)):
        assert time.monotonic() < end, seen
        time.sleep(0.05)
    return seen


def test_nobody_one_and_two(make):
    from sensor_msgs.msg import Image

    reader = make("reader", namespace="/robot")
    alone = seen_when(reader, lambda seen: True)
    assert (alone.publishers, alone.wrong) == (0, "")
    assert alone.absent.startswith(f"no publisher on /robot/depth/image; no topic of type {IMAGE}")

    cam_a, cam_b = make("cam_a"), make("cam_b")
    cam_a.create_publisher(Image, "/camera/depth/image_rect_raw", 1)
    near = seen_when(reader, lambda seen: "image_rect_raw" in seen.absent)
    assert near.absent == (
        f"no publisher on /robot/depth/image; topics of type {IMAGE} that exist: "
        "/camera/depth/image_rect_raw (set depth.topic)"
    )
    cam_a.create_publisher(Image, "/robot/depth/image", 1)
    one = seen_when(reader, lambda seen: seen.publishers == 1)
    assert (one.wrong, "published by /cam_a" in one.absent) == ("", True)
    cam_b.create_publisher(Image, "/robot/depth/image", 1)
    two = seen_when(reader, lambda seen: seen.publishers == 2)
    said = "2 publishers of /robot/depth/image: /cam_a, /cam_b; a driver started twice?"
    assert two.wrong == said
    cam_b.create_publisher(Image, "/robot/depth/image", 1)
    three = seen_when(reader, lambda seen: seen.publishers == 3)
    assert "/cam_a, /cam_b (2 times)" in three.wrong


def test_another_type_is_named_with_what_to_do(make):
    from sensor_msgs.msg import LaserScan, PointCloud2

    reader, driver = make("reader"), make("driver")
    driver.create_publisher(LaserScan, "depth/image", 1)
    scan = "sensor_msgs/msg/LaserScan"
    plain = seen_when(reader, lambda seen: seen.wrong)
    assert plain.publishers == 0
    assert plain.wrong == (
        f"/depth/image is published as {scan} by /driver: expected {IMAGE}; "
        "set depth.topic to another topic"
    )
    cured = seen_when(reader, lambda seen: seen.wrong, **{scan: "use another sensor"})
    assert cured.wrong.endswith(" by /driver: use another sensor")
    driver.create_publisher(PointCloud2, "other", 1)
    cloud = {"sensor_msgs/msg/PointCloud2": "turn the driver's option on"}
    near = seen_when(reader, lambda seen: "option" in seen.absent, topic="nothing", **cloud)
    assert near.absent.startswith("no publisher on /nothing; /other is sensor_msgs/msg/Point")


def test_a_time_that_stands_still_is_named(ros, make):
    from rclpy.parameter import Parameter
    from rosgraph_msgs.msg import Clock

    from pta_ros.nodes.graph import time_fault

    assert time_fault(make("wall")) == ""
    node = make("simulated", parameter_overrides=[Parameter("use_sim_time", value=True)])
    assert "nobody publishes /clock" in time_fault(node)
    other = make("player")
    publisher = other.create_publisher(Clock, "/clock", 10)
    end = time.monotonic() + WITHIN_S
    while "has not begun" not in time_fault(node):
        assert time.monotonic() < end
        time.sleep(0.05)
    msg = Clock()
    msg.clock.sec = 5
    while time_fault(node):
        assert time.monotonic() < end
        publisher.publish(msg)
        ros.spin_once(node, timeout_sec=0.05)


def test_a_fusion_node_without_clock_says_so(ros):
    from diagnostic_msgs.msg import DiagnosticArray
    from rclpy.executors import SingleThreadedExecutor

    from pta_ros.nodes.fusion_node import FusionNode

    node = FusionNode()
    node.set_parameters([ros.parameter.Parameter("use_sim_time", value=True)])
    heard, began = [], time.monotonic()
    node.create_subscription(DiagnosticArray, "/diagnostics", heard.append, 10)
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    try:
        while not (heard and heard[-1].status[0].level == b"\x02"):
            assert time.monotonic() - began < WITHIN_S
            executor.spin_once(timeout_sec=0.05)
        whole = heard[-1].status[0]
        assert "nobody publishes /clock" in whole.message
        assert (whole.name, whole.hardware_id) == ("/fusion: fusion", "/fusion")
    finally:
        for one in (node, *node.sensor_nodes.values()):
            one.destroy_node()
