"""A recorded CameraInfo counts for the images after it, in whatever namespace."""

import numpy as np
import pytest

from pta_ros.bags.bag import Bag, BagWriter
from pta_ros.bags.messages import header, message, reading
from pta_ros.evaluation.faults.injector import FaultPlan, Injector
from pta_ros.evaluation.replay.decode import Decoder
from pta_ros.evaluation.replay.truth import truth_of
from pta_ros.fusion.config import StreamParams
from pta_ros.fusion.intake import Intake
from pta_ros.fusion.transforms import Transforms
from pta_ros.sensors import DepthSensor

T0 = 1_700_000_000 * 10**9
IMAGE = "/robot/depth/image"


@pytest.mark.parametrize("info", ["/robot/depth/camera_info", "/robot/elsewhere/info", ""])
def test_images_after_it_are_resampled_by_it(info, tmp_path):
    room = np.full((480, 848), 4000, np.uint16)
    room[200:300, 300:600] = 2000
    k = np.array([425.0, 0, 423.5, 0, 425, 239.5, 0, 0, 1])
    told = message(
        "sensor_msgs/msg/CameraInfo", header=header(T0), width=848, height=480,
        distortion_model="plumb_bob", d=np.zeros(5), k=k,
    )  # fmt: skip
    with BagWriter(tmp_path / "bag") as bag:
        for n in range(3):
            time_ns = T0 + n * 10**8
            bag.write(IMAGE, time_ns, reading(DepthSensor(), room, time_ns))
            if info and n == 0:
                bag.write(info, time_ns + 1, told)
    kind = DepthSensor.installation
    device = kind(camera_info="elsewhere/info" if "elsewhere" in info else "")
    intake = Intake(DepthSensor(), StreamParams(topic="depth/image", device=device), None, IMAGE)
    with Bag([tmp_path / "bag"]) as bag:
        faults = Injector(FaultPlan("none"), bag.begin_ns)
        decoder = Decoder(bag, {"depth": intake}, {IMAGE: "depth"}, faults, Transforms(), truth_of)
        widths = [int((a.content.array[48] == 2).sum()) for a in decoder.arrivals()]
    assert widths == ([60, 80, 80] if info else [60, 60, 60])
    assert bool(decoder.remarks()) == (not info)
