import importlib.util

import numpy as np
import pytest

from pta_ros.errors import DecodeError
from pta_ros.sensors import DepthSensor

HAS_CV_BRIDGE = importlib.util.find_spec("cv_bridge") is not None


@pytest.mark.skipif(HAS_CV_BRIDGE, reason="cv_bridge is installed")
def test_without_cv_bridge_the_error_says_what_works_and_what_would_help(image_message, room_mm):
    msg = image_message(room_mm)
    msg.encoding = "32SC1"
    with pytest.raises(DecodeError) as caught:
        DepthSensor().decode(msg, "depth/image")
    assert "32SC1" in caught.value.reason
    assert "16UC1, mono16, 16SC1, 32FC1, 64FC1" in caught.value.expected
    assert "cv_bridge" in caught.value.expected


@pytest.mark.skipif(not HAS_CV_BRIDGE, reason="needs cv_bridge from a ROS distribution")
@pytest.mark.parametrize("encoding", ["16UC1", "mono16", "32FC1"])
def test_with_cv_bridge_both_paths_agree(encoding, image_message, room_mm):
    from sensor_msgs.msg import Image

    from pta_ros.sensors.depth_map import to_metres
    from pta_ros.sensors.image import image_to_array

    plain = image_message(room_mm, encoding)
    msg = Image()
    for name in ("height", "width", "encoding", "is_bigendian", "step", "data"):
        setattr(msg, name, getattr(plain, name))
    bridged = to_metres(image_to_array(msg, (), "t"))
    np.testing.assert_array_equal(bridged, DepthSensor().decode(msg, "t"))


@pytest.mark.skipif(not HAS_CV_BRIDGE, reason="needs cv_bridge from a ROS distribution")
def test_with_cv_bridge_a_colour_image_is_no_depth(image_message, room_mm):
    msg = image_message(room_mm)
    msg.encoding, msg.width = "rgb8", 426
    with pytest.raises(DecodeError):
        DepthSensor().decode(msg, "t")
