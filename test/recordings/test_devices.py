"""Devices as people have them: a camera on its side, few antennas, Wi-Fi on another machine."""

import numpy as np
import pytest
import yaml

from pta_ros.bags.bag import BagWriter
from pta_ros.bags.messages import header, message, reading, true_pose
from pta_ros.datasets.mmfi import MmfiTree
from pta_ros.datasets.wide import Clip
from pta_ros.errors import DatasetError
from pta_ros.recordings.convert import convert
from pta_ros.recordings.setup import Setup
from pta_ros.recordings.told import Wishes
from pta_ros.sensors import CsiSensor, DepthSensor
from pta_ros.sensors.camera import CAMERA_INFO, Intrinsics, info_fields

ONLY = "E01/S00001/A01"


def robot(path, **sensors):
    path.write_text(yaml.safe_dump({"/**/fusion": {"ros__parameters": sensors}}))
    return path


def test_a_camera_on_its_side_is_upright_in_the_tree(write, tree, scene, tmp_path):
    """Turned clockwise by 90 degrees its image stands upright: its right is down."""
    lens = Intrinsics(64, 96, 80.0, 80.0, 31.5, 47.5)

    def truth(n, stamp):
        x, y, z = scene.body(n).T
        own = np.stack([y, -x, z], axis=1).astype(np.float32)  # of the camera as it is held
        image = np.ascontiguousarray(np.rot90(scene.depth(n)))
        head = header(stamp, "depth_optical_frame")
        return {
            "/depth/image": reading(DepthSensor(), image, stamp),
            "/depth/camera_info": message(CAMERA_INFO, header=head, **info_fields(lens)),
            "/ground_truth": true_pose(own, stamp, "synthetic"),
        }

    own = {"extrinsic": "0 0 1 0 0 0", "rotation": 90}
    params = robot(tmp_path / "robot.yaml", depth=own, lidar={"extrinsic": "0 0 1.2 0 0 0"})
    made = tree(write(truth=truth, static={}), params=params, part="train")
    (clip,) = MmfiTree(made.root).clips
    np.testing.assert_allclose(clip.joints(3), scene.body(2), atol=1e-6)
    view = clip.read("depth", 3)
    for joint in (5, 8, 11):  # the trunk, where MM-Fi's camera sees it
        x, y, z = clip.joints(3)[joint]
        u, v = round(570 * x / z + 319.5), round(570 * y / z + 239.5)
        assert abs(view[v, u] - 2.9) < 0.02
    wide = Clip.open(made.root / ONLY)
    x, y, z = scene.body(2).T
    np.testing.assert_allclose(wide.people[2, 0], np.stack([z, -x, 1 - y], axis=1), atol=1e-5)
    assert wide.sight[2, 0, 0, 5:12].all()


def narrow(n, stamp):
    """A frame of one antenna, 52 tones of a 20 MHz channel."""
    rng = np.random.default_rng(n)
    fading = 30 + 8 * np.sin(np.arange(52) / 9 + rng.uniform(0, 6))
    array = fading[None, :, None] + rng.normal(0, 0.3, (1, 52, 10))
    head = header(stamp, "wifi_frame")
    fields = CsiSensor().fields(array.astype(np.float32))
    return message(CsiSensor.message_type, header=head, bandwidth_hz=20e6, **fields)


def test_antennas_and_tones_are_those_of_the_training(write, tree, scene, tmp_path):
    def truth(n, stamp):
        return {**scene.truth(n, stamp), "/wifi/csi": narrow(n, stamp)}

    bag = write(truth=truth)
    made = tree(bag, part="train", out="other")
    assert made.report["with"]["csi"] == 0
    (why,) = made.report["unusable_messages"]["csi"]
    assert "train with sensors: csi: antennas: 1" in why
    config = tmp_path / "mine.yaml"
    own = {"antennas": 1, "subcarriers": 52, "bandwidth_mhz": 20}
    config.write_text(yaml.safe_dump({"sensors": {"csi": own}}))
    made = tree(bag, part="train", config=config)
    assert made.report["with"]["csi"] == 20
    (clip,) = MmfiTree(made.root).clips
    array = clip.read("csi", 1)
    assert array.shape == (1, 52, 10)
    assert CsiSensor(**own).prepare(array, "csi").shape == (1, 52, 10)


def test_wifi_of_another_machine_is_part_of_the_recording(write, tmp_path, scene):
    robots = write("robot", skip=lambda topic, n: topic == "/wifi/csi")
    with BagWriter(tmp_path / "router") as bag:
        for n in range(5, 20):
            stamp = scene.t0 + n * 10**8 + 3 * 10**6
            bag.write("/wifi/csi", stamp, reading(CsiSensor(), scene.csi(n), stamp))
    setup, wishes = Setup.read(None, None, ()), Wishes(part="train")
    parts = [(robots, tmp_path / "router")]
    marker = convert(parts, tmp_path / "tree", setup, wishes, lambda *each: None)
    (one,) = marker.recordings
    assert one["name"] == "robot+router"
    assert one["report"]["with"] == {"depth": 20, "lidar": 20, "csi": 15}
    (clip,) = MmfiTree(tmp_path / "tree").clips
    assert clip.read("csi", 5) is None
    np.testing.assert_array_equal(clip.read("csi", 6), scene.csi(5))


def test_sensors_of_different_times_are_one_error(write, tmp_path, scene):
    robots = write("robot", skip=lambda topic, n: topic == "/wifi/csi")
    with BagWriter(tmp_path / "router") as bag:
        for n in range(20):
            stamp = scene.t0 + n * 10**8 + 3600 * 10**9
            bag.write("/wifi/csi", stamp, reading(CsiSensor(), scene.csi(n), stamp))
    setup, wishes = Setup.read(None, None, ()), Wishes(part="train")
    parts = [(robots, tmp_path / "router")]
    with pytest.raises(DatasetError, match=r"no overlap in time: depth from .* csi from"):
        convert(parts, tmp_path / "tree", setup, wishes, lambda *each: None)
    assert not (tmp_path / "tree").exists()
