"""Small recordings: a wall, somebody before it, a Wi-Fi channel; and the truth in many forms."""

from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("rosbags")

from pta_ros.bags.bag import BagWriter
from pta_ros.bags.messages import header, message, reading, transforms, true_pose
from pta_ros.recordings.convert import convert
from pta_ros.recordings.setup import Setup
from pta_ros.recordings.told import Wishes
from pta_ros.sensors import SENSORS
from pta_ros.sensors.camera import CAMERA_INFO, Intrinsics, info_fields

T0 = 1_700_000_000 * 10**9
LENS = Intrinsics(96, 64, 80.0, 80.0, 47.5, 31.5)
#: Somebody 3 m ahead in the camera's frame (x right, y down, z ahead).
BODY = np.stack(
    [np.linspace(-0.3, 0.3, 17), np.linspace(0.8, -0.7, 17), np.full(17, 3.0)], axis=1
).astype(np.float32)


def body(n):
    """The joints of frame n: a step to the side each time."""
    return BODY + np.float32([0.01 * n, 0, 0])


def depth_of(n):
    """Millimetres (64, 96): a wall at 4 m, and a board before it where the person is."""
    rng = np.random.default_rng(n)
    image = np.full((LENS.height, LENS.width), 4000)
    v, u = np.mgrid[: LENS.height, : LENS.width]
    x, y = (u - LENS.cx) / LENS.fx * 3, (v - LENS.cy) / LENS.fy * 3
    image[(np.abs(x - 0.01 * n) < 0.4) & (y > -0.8) & (y < 0.9)] = 2900
    return (image + rng.integers(0, 9, image.shape)).astype(np.uint16)


def points_of(n):
    """A cloud (N, 3), x ahead: the same board, and the wall."""
    rng = np.random.default_rng([n, 1])
    board = np.stack([np.full(200, 2.9), *rng.uniform(-0.5, 0.5, (2, 200))], axis=1)
    wall = np.stack([np.full(200, 4.0), *rng.uniform(-2, 2, (2, 200))], axis=1)
    return (np.concatenate([board, wall]) + rng.normal(0, 0.01, (400, 3))).astype(np.float32)


def csi_of(n):
    rng = np.random.default_rng([n, 2])
    fading = 30 + 8 * np.sin(np.arange(114) / 12 + rng.uniform(0, 6, (3, 1)))
    return (fading[:, :, None] + rng.normal(0, 0.3, (3, 114, 10))).astype(np.float32)


def sensor_messages(n, stamp_ns):
    """Topic -> message of all sensors at frame n."""
    arrays = {"depth": depth_of(n), "lidar": points_of(n), "csi": csi_of(n)}
    found = {f"/{SENSORS[m].topic}": reading(SENSORS[m](), a, stamp_ns) for m, a in arrays.items()}
    head = header(stamp_ns, "depth_optical_frame")
    found["/depth/camera_info"] = message(CAMERA_INFO, header=head, **info_fields(LENS))
    return found


def truth_message(n, stamp_ns):
    return {"/ground_truth": true_pose(body(n), stamp_ns, "synthetic")}


#: Where camera and LiDAR stand in base_link: the camera looks ahead from 1 m.
STATIC = {
    "depth_optical_frame": ((0.0, 0.0, 1.0), (-0.5, 0.5, -0.5, 0.5)),
    "lidar_frame": ((0.0, 0.0, 1.2), (0.0, 0.0, 0.0, 1.0)),
}


@pytest.fixture
def write(tmp_path):
    """Write a recording: `skip(topic, n)` leaves one out, `truth(n, stamp)` gives what is true."""

    def write(
        name="bag", count=20, step=10**8, skip=lambda topic, n: False, truth=truth_message,
        static=STATIC, start=T0, more=(),
    ):  # fmt: skip
        path = tmp_path / name
        with BagWriter(path) as bag:
            if static:
                bag.write("/tf_static", start, transforms("base_link", static, start))
            for n in range(count):
                stamp = start + n * step
                for topic, msg in {**sensor_messages(n, stamp), **truth(n, stamp)}.items():
                    if not skip(topic, n):
                        bag.write(topic, stamp, msg)
            for topic, stamp, msg in more:
                bag.write(topic, stamp, msg)
        return path

    return write


@pytest.fixture
def tree(tmp_path):
    """Convert recordings into tmp_path/tree; gives its root, the marker and the first report."""

    def tree(*bags, out="tree", left_out=(), params=None, config=None, **wishes):
        setup = Setup.read(params, config, left_out)
        root = tmp_path / out
        told = []
        marker = convert(
            [(bag,) for bag in bags], root, setup, Wishes(**wishes), lambda *each: told.append(each)
        )
        report = marker.recordings[0]["report"]
        return SimpleNamespace(root=root, marker=marker, report=report, told=told)

    return tree


@pytest.fixture(scope="session")
def scene():
    """What the recordings hold: arrays and joints by frame, the camera, the first stamp."""
    return SimpleNamespace(
        body=body, depth=depth_of, points=points_of, csi=csi_of, lens=LENS, t0=T0, static=STATIC,
        truth=truth_message,
    )  # fmt: skip
