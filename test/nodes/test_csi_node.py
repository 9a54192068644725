"""The CSI node in this process: a file at its pace, datagrams, a serial line, what it refuses."""

import importlib.util
import os
import pty
import socket
import time
from pathlib import Path

import numpy as np
import pytest

from pta_ros.errors import ConfigError, DatasetError

pytestmark = pytest.mark.ros
PLACE = Path(__file__).parents[1] / "captures/writers.py"
NEVER_S = 20


@pytest.fixture(scope="module")
def write():
    spec = importlib.util.spec_from_file_location("writers", PLACE)
    writers = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(writers)
    return writers


@pytest.fixture
def start(ros):
    """Make a node; gives it and the list of frames that were published."""
    made = []

    def make(**params):
        from pta_msgs.msg import CsiFrame
        from rclpy.parameter import Parameter

        from pta_ros.nodes.csi_node import CsiNode

        overrides = [Parameter(name, value=value) for name, value in params.items()]
        node = CsiNode(parameter_overrides=overrides)
        made.append(node)
        frames = []
        node.create_subscription(CsiFrame, "wifi/csi", frames.append, 10)
        return node, frames

    yield make
    for node in made:
        node.close()
        node.destroy_node()


def spin(ros, node, done):
    end = time.monotonic() + NEVER_S
    while not done() and time.monotonic() < end:
        ros.spin_once(node, timeout_sec=0.05)
    assert done()


def amplitude(frame):
    return np.array(frame.amplitude).reshape(frame.antennas, frame.subcarriers, frame.packets)


def test_a_file_is_played_and_the_node_ends(ros, start, write, tmp_path):
    csis = [write.channel(k, 1, 3, 30) for k in range(20)]
    (tmp_path / "a.dat").write_bytes(write.intel(csis, micros=20_000))
    before_ns = time.time_ns()
    node, frames = start(source="file", file=str(tmp_path / "a.dat"), packets=5)
    spin(ros, node, lambda: node.exit_code is not None and len(frames) >= 2)
    # The first may be gone before the middleware has connected the two.
    np.testing.assert_allclose(amplitude(frames[-1])[:, :, 2], np.abs(csis[17][0]), rtol=1e-6)
    stamps = [f.header.stamp.sec * 10**9 + f.header.stamp.nanosec for f in frames]
    assert set(np.diff(stamps)) == {100_000_000}
    assert stamps[0] >= before_ns


def test_datagrams_of_two_cores_are_one_packet(ros, start, write):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("", 0))
        port = free.getsockname()[1]
    node, frames = start(port=port, packets=2)
    csi = write.channel(1, 1, 2, 64)[0]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        for number in range(4):
            for core in range(2):
                data = write.nexmon_datagram(csi[core] * (1 + number), number * 16, core)
                out.sendto(data, ("127.0.0.1", port))
        out.sendto(b"nothing", ("127.0.0.1", port))
    spin(ros, node, lambda: len(frames) == 2)
    got = amplitude(frames[1])
    carried = np.isfinite(got[0, :, 0])
    assert carried.sum() == 56
    np.testing.assert_allclose(got[:, carried, 1], np.abs(4 * csi[:, carried]), rtol=1e-6)


def test_a_serial_line_is_read(ros, start, write):
    far, near = pty.openpty()
    try:
        node, frames = start(source="serial", device=os.ttyname(near), packets=2)
        csi = write.fftable(write.channel(1, 1, 1, 64), np.arange(-32, 32))[0, 0]
        for number in range(2):
            os.write(far, b"boot\r\n" + write.esp32_line(csi, number * 1000))
        spin(ros, node, lambda: len(frames) == 1)
        got = amplitude(frames[0])[0, :, 1]
        carried = np.isfinite(got)
        np.testing.assert_allclose(got[carried], np.abs(csi[carried]), rtol=1e-6)
    finally:
        os.close(far)
        os.close(near)


@pytest.mark.parametrize(
    ("params", "error"),
    [
        ({"source": "file"}, ConfigError),
        ({"source": "file", "file": "/nothing.dat"}, DatasetError),
        ({"source": "serial", "device": "/dev/nothing"}, ConfigError),
        ({"source": "serial", "baud": 12345}, ConfigError),
        ({"antennas": "first"}, ConfigError),
        ({"source": "radio"}, ConfigError),
    ],
)
def test_what_cannot_work_is_refused(ros, start, params, error):
    with pytest.raises(error):
        start(**params)
