"""A bench for live tests: the real executable in its own process, synthetic sensors beside it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from pta_ros.lifeline import end_with_parent
from pta_ros.sensors import SENSORS

REPOSITORY = Path(__file__).resolve().parents[2]
PROFILE_VARIABLES = ("FASTRTPS_DEFAULT_PROFILES_FILE", "FASTDDS_DEFAULT_PROFILES_FILE")


@pytest.fixture(scope="session")
def untrained_model(tmp_path_factory):
    """A small checkpoint with seeded, untrained weights."""
    torch = pytest.importorskip("torch")
    from pta_ros import checkpoint
    from pta_ros.model.config import PTAConfig
    from pta_ros.model.pta import PTA

    torch.manual_seed(7)
    config = PTAConfig(channels=32, tokens=8, dim=32, latent=16)
    folder = tmp_path_factory.mktemp("models") / "untrained"
    sensors = {name: SENSORS[name]() for name in config.modalities}
    checkpoint.save(folder, PTA(config), sensors, {}, {"note": "untrained, for tests"})
    return folder


class Bench:
    """Sensors and listeners in this process, executables in theirs, on a domain of their own."""

    def __init__(self, domain, folder):
        import rclpy
        from diagnostic_msgs.msg import DiagnosticArray
        from pta_msgs.msg import Skeleton
        from rclpy.executors import SingleThreadedExecutor

        self.domain, self.folder, self.repository = domain, folder, REPOSITORY
        for variable in PROFILE_VARIABLES:  # before the middleware's first use in this process
            os.environ[variable] = str(REPOSITORY / "config" / "fastdds.xml")
        self.context = rclpy.Context()
        rclpy.init(context=self.context, domain_id=domain)
        self.node = rclpy.create_node("bench", context=self.context)
        self.executor = SingleThreadedExecutor(context=self.context)
        self.executor.add_node(self.node)
        self.skeletons, self.diagnostics, self.processes = [], [], []
        self.publishers = {}
        self.node.create_subscription(Skeleton, "skeleton", self._on_skeleton, 10)
        self.node.create_subscription(
            DiagnosticArray, "/diagnostics", lambda m: self._on_diagnostics(m), 50
        )
        self.rng = np.random.default_rng(3)
        self.depth = np.full((480, 640), 3500, np.uint16)
        self.depth[100:400, 250:390] = 2500
        self._due = 0.0

    def _on_skeleton(self, msg):
        self.skeletons.append((time.monotonic(), msg))

    def _on_diagnostics(self, msg):
        self.diagnostics.append((time.monotonic(), {s.name: s for s in msg.status}))

    # -- processes ------------------------------------------------------------------------------

    def start(self, module, *arguments):
        """Start `python -m pta_ros.nodes.<module> --ros-args <arguments>`; gives the process."""
        paths = [str(REPOSITORY), *filter(None, [os.environ.get("PYTHONPATH")])]
        env = dict(os.environ, ROS_DOMAIN_ID=str(self.domain), PYTHONPATH=os.pathsep.join(paths))
        env.update(OMP_NUM_THREADS="1", PYTHONUNBUFFERED="1")
        log = self.folder / f"{module}{len(self.processes)}.log"
        command = [sys.executable, "-m", f"pta_ros.nodes.{module}", "--ros-args", *arguments]
        with log.open("wb") as out:
            process = subprocess.Popen(
                command, env=env, stdout=out, stderr=subprocess.STDOUT, start_new_session=True,
                preexec_fn=end_with_parent(),
            )  # fmt: skip
        process.log = log
        self.processes.append(process)
        return process

    def close(self):
        for process in self.processes:
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
                process.wait(10)
        self.executor.shutdown()
        self.node.destroy_node()
        self.context.try_shutdown()

    # -- sensors --------------------------------------------------------------------------------

    def publisher(self, modality, topic=None, qos=None):
        from rclpy.qos import qos_profile_sensor_data

        from pta_ros.nodes.messages import message_class

        key = topic or SENSORS[modality].topic
        if key not in self.publishers:
            kind = message_class(SENSORS[modality].message_type)
            profile = qos or qos_profile_sensor_data
            self.publishers[key] = self.node.create_publisher(kind, key, profile)
        return self.publishers[key]

    def show(self, readings):
        """Publish depth and LiDAR of now, with noise of their own each time."""
        from pta_ros.nodes.messages import to_header, to_reading

        header = to_header(self.node.get_clock().now().nanoseconds, "sensor")
        depth, lidar = readings["depth"], readings["lidar"]
        noisy = depth + self.rng.integers(0, 3, depth.shape).astype(np.uint16) * (depth > 0)
        moved = lidar + self.rng.normal(0, 0.002, lidar.shape).astype(np.float32)
        for modality, array in (("depth", noisy), ("lidar", moved)):
            self.publisher(modality).publish(to_reading(SENSORS[modality](), array, header))

    def message(self, modality, stamp_ns=None):
        """One plausible reading, different each time."""
        from pta_ros.nodes.messages import to_header, to_reading

        array = self.array(modality)
        now = self.node.get_clock().now().nanoseconds
        header = to_header(now if stamp_ns is None else stamp_ns, "here")
        return to_reading(SENSORS[modality](), array, header)

    def array(self, modality):
        if modality == "depth":
            return self.depth + self.rng.integers(0, 9, (480, 640), np.uint16)
        if modality == "lidar":
            points = self.rng.normal((3.0, 0.0, 0.0), (0.1, 0.2, 0.4), (2000, 3))
            return points.astype(np.float32)
        wave = 20 + 5 * np.sin(np.linspace(0, 9, 114))[None, :, None]
        return wave + self.rng.normal(0, 0.5, (3, 114, 10))

    def send(self, *modalities):
        for modality in modalities:
            self.publisher(modality).publish(self.message(modality))

    # -- time -----------------------------------------------------------------------------------

    def until(self, done, timeout_s=20.0, send=(), process=None):
        """Send `send` at 10 Hz and listen until `done()`; fails after the timeout."""
        end = time.monotonic() + timeout_s
        while not done():
            assert time.monotonic() < end, f"not within {timeout_s} s; {self.tail()}"
            assert process is None or process.poll() is None, f"it ended; {self.tail()}"
            if time.monotonic() >= self._due:
                self._due = time.monotonic() + 0.1
                self.send(*send) if not callable(send) else send()
            self.executor.spin_once(timeout_sec=0.02)

    def listen(self, seconds, send=()):
        """Send and listen for a while."""
        end = time.monotonic() + seconds
        self.until(lambda: time.monotonic() >= end, seconds + 10.0, send)

    def tail(self):
        return "\n".join(p.log.read_text(errors="replace")[-2000:] for p in self.processes)

    def status(self, name):
        """The newest diagnostic status of "/fusion: <name>", None before the first."""
        return self.diagnostics[-1][1].get(f"/fusion: {name}") if self.diagnostics else None

    def value(self, name, key):
        """One value of the newest status."""
        status = self.status(name)
        return {v.key: v.value for v in status.values}.get(key) if status else None

    def states(self):
        """The states of the streams in the newest diagnostics."""
        return {m: self.value(m, "state") for m in ("depth", "lidar", "csi")}

    def call(self, kind, name, request, timeout_s=10.0):
        """Call a service; gives the response."""
        client = self.node.create_client(kind, name)
        self.until(client.service_is_ready, timeout_s)
        future = client.call_async(request)
        self.until(future.done, timeout_s)
        self.node.destroy_client(client)
        return future.result()


def _domain(offset):
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:])
    return 101 + (os.getpid() + 37 * worker + offset) % 120


def _bench(folder, offset):
    pytest.importorskip("rclpy")
    pytest.importorskip("pta_msgs")
    bench = Bench(_domain(offset), folder)
    yield bench
    bench.close()


@pytest.fixture
def bench(tmp_path):
    """A bench for one test on a ROS domain of its own; all that it started is ended afterwards."""
    yield from _bench(tmp_path, 0)


@pytest.fixture(scope="module")
def module_bench(tmp_path_factory, untrained_model):
    """A bench for all tests of a file."""
    for bench in _bench(tmp_path_factory.mktemp("bench"), 1):
        bench.model = untrained_model
        yield bench
