"""Real depth frames, where this machine has them: every one is accepted and seen as it is."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from pta_ros.sensors import DepthSensor
from pta_ros.sensors.depth_device import DepthDevice

REAL = Path(os.environ.get("PTA_REAL", Path(__file__).resolve().parents[3] / "shared/real"))
FILES = [*sorted(REAL.glob("depth/*.png")), *sorted(REAL.glob("kinect_upper_body/*.png"))]
pytestmark = pytest.mark.skipif(not FILES, reason="no recordings of real sensors here")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
@pytest.mark.parametrize("turn", [0, 90, 180, 270])
def test_a_real_frame_reads_alike_in_every_mount(path, turn, image_message):
    cv2 = pytest.importorskip("cv2")
    assert json.loads(path.with_suffix(".json").read_text())
    pixels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    given = {"fx": 525.0, "cx": 319.5, "cy": 239.5}
    if turn in (90, 270):
        given.update(cx=239.5, cy=319.5)
    camera = DepthSensor().installed(DepthDevice(rotation=turn, **given))
    reduced = camera.process(image_message(np.rot90(pixels, turn // 90)), "t")
    upright = DepthSensor().installed(DepthDevice(fx=525.0)).process(image_message(pixels), "t")
    image = image_message(np.rot90(pixels, turn // 90))
    assert camera.remark(image, camera.decode(image, "t"), "t") == ""
    both = (reduced > 0) & (upright > 0)
    assert both.sum() > 0.9 * (upright > 0).sum()
    assert np.median(np.abs(reduced - upright)[both]) < 0.02
