"""ROS for tests in this process: the default context, on a domain of its own."""

import os

import pytest


@pytest.fixture
def ros():
    """rclpy, initialised, with the process's arguments left out."""
    rclpy = pytest.importorskip("rclpy")
    pytest.importorskip("pta_msgs")
    rclpy.init(args=[], domain_id=101 + (os.getpid() + 60) % 120)
    yield rclpy
    rclpy.try_shutdown()
