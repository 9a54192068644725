"""The doctor on real frames, where they are beside the repository."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from pta_ros.bags.bag import header, message
from pta_ros.doctor.recording import examine

REAL = Path(__file__).resolve().parents[3] / "shared" / "real"
pytestmark = pytest.mark.skipif(not REAL.is_dir(), reason="no real recordings beside it")


def scan(path):
    """Count, step and bytes of a PCD file whose first fields are x, y, z as floats."""
    head, _, body = path.read_bytes().partition(b"DATA binary\n")
    words = {line.split()[0]: line.split()[1:] for line in head.decode().splitlines() if line}
    return int(words["POINTS"][0]), sum(map(int, words["SIZE"])), body


def test_kinect_images_and_hesai_scans_pass(record, sensors):
    images = sorted((REAL / "kinect_upper_body").glob("*.png"))
    count, step, body = scan(REAL / "lidar" / "qt64.pcd")

    def image(n, now):
        pixels = cv2.imread(str(images[n % len(images)]), cv2.IMREAD_UNCHANGED).astype("<u2")
        height, width = pixels.shape
        fields = {"height": height, "width": width, "encoding": "16UC1", "step": 2 * width}
        data = pixels.reshape(-1).view(np.uint8)
        head = header(now, "kinect")
        return message("sensor_msgs/msg/Image", header=head, data=data, **fields)

    def cloud(n, now):
        fields = [
            {"name": name, "offset": 4 * i, "datatype": 7, "count": 1}
            for i, name in enumerate("xyz")
        ]
        data = np.frombuffer(body[: step * count], np.uint8)
        layout = {"height": 1, "width": count, "point_step": step, "row_step": step * count}
        head = header(now, "qt64")
        return message(
            "sensor_msgs/msg/PointCloud2", header=head, fields=fields, data=data, **layout
        )

    found = examine([record({"/kinect/depth": image, "/qt64": cloud})], sensors)
    depth, lidar, csi = found.choices
    assert (depth.trial.tried, depth.trial.passed) == (4, 4)
    assert (lidar.trial.tried, lidar.trial.passed) == (4, 4)
    assert csi.trial is None
