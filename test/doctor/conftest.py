"""A robot's recordings: sensors of many makers, made of a synthetic clip's two frames."""

import cv2
import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("rosbags")

from pta_ros.bags.bag import BagWriter, header, message
from pta_ros.bags.messages import reading
from pta_ros.checkpoint import load
from pta_ros.datasets.mmfi import MmfiTree
from pta_ros.datasets.mmfi_files import FOLDERS
from pta_ros.home import model_folder
from pta_ros.sensors import SENSORS

T0 = 1_700_000_000 * 10**9
STEP = 10**8


@pytest.fixture(scope="session")
def sensors():
    """Those of the shipped model."""
    return load(model_folder("")).sensors


class Robot:
    """Messages of frame n by kind, stamped as told."""

    def __init__(self, tree):
        clip = MmfiTree(tree).clips[0]
        self._read = [{m: clip.read(m, 1 + n) for m in FOLDERS} for n in range(2)]

    def depth(self, n, stamp_ns, frame="camera_depth_optical_frame"):
        """As a RealSense sends it: 16UC1 millimetres."""
        sensor = SENSORS["depth"]()
        msg = reading(sensor, sensor.compact(self._read[n % 2]["depth"]), stamp_ns)
        msg.header.frame_id = frame
        return msg

    def colour(self, n, stamp_ns):
        fields = {"height": 48, "width": 64, "encoding": "rgb8", "step": 192}
        data = np.full(48 * 192, 90 + n, np.uint8)
        return message("sensor_msgs/msg/Image", header=header(stamp_ns), data=data, **fields)

    def png(self, n, stamp_ns):
        depth = self.depth(n, stamp_ns)
        pixels = np.frombuffer(depth.data, "<u2").reshape(depth.height, depth.width)
        data = np.frombuffer(cv2.imencode(".png", pixels)[1], np.uint8)
        fields = {"format": "16UC1; png compressed ", "data": data, "header": depth.header}
        return message("sensor_msgs/msg/CompressedImage", **fields)

    def info(self, stamp_ns, frame="camera_depth_optical_frame"):
        k = [570.0, 0, 319.5, 0, 570.0, 239.5, 0, 0, 1]
        p = [570.0, 0, 319.5, 0, 0, 570.0, 239.5, 0, 0, 0, 1, 0]
        fields = {"width": 640, "height": 480, "k": k, "p": p, "distortion_model": "plumb_bob"}
        head = header(stamp_ns, frame)
        return message("sensor_msgs/msg/CameraInfo", header=head, d=[0.0] * 5, **fields)

    def lidar(self, n, stamp_ns):
        return reading(SENSORS["lidar"](), self._read[n % 2]["lidar"], stamp_ns)

    def csi(self, n, stamp_ns):
        return reading(SENSORS["csi"](), self._read[n % 2]["csi"], stamp_ns)


@pytest.fixture(scope="session")
def robot(synthetic_tree):
    return Robot(synthetic_tree)


@pytest.fixture
def record(tmp_path):
    """Write a recording; `topics` name -> maker of message n for a time (ns), at 10 Hz."""

    def write(topics, count=12, name="robot"):
        with BagWriter(tmp_path / name) as bag:
            for n in range(count):
                for late, (topic, make) in enumerate(topics.items()):
                    now = T0 + n * STEP
                    bag.write(topic, now + late * 10**6, make(n, now))
        return tmp_path / name

    return write
