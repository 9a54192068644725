"""The door to cv_bridge: images that the plain numpy path does not read.

cv_bridge comes with a ROS distribution and not from PyPI, so it is imported late and only here.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pta_ros.errors import DecodeError


def image_to_array(msg: Any, known: tuple[str, ...], source: str) -> NDArray[Any]:
    """Convert an Image to (height, width) uint16 millimetres or float metres.

    `known` are the encodings that need no cv_bridge, for the error text.
    """
    form = getattr(msg, "encoding", None)
    try:
        from cv_bridge import CvBridge
    except ImportError:
        expected = f"one of {', '.join(known)} (others need cv_bridge from a ROS distribution)"
        raise DecodeError(source, f"encoding {form!r}", expected) from None
    try:
        pixels = np.asarray(CvBridge().imgmsg_to_cv2(msg, desired_encoding="passthrough"))
    except Exception as error:  # its errors are OpenCV's, numpy's and its own
        raise DecodeError(source, f"cv_bridge: {error}", "a readable image") from error
    if pixels.ndim != 2 or (pixels.dtype != np.uint16 and pixels.dtype.kind != "f"):
        reason = f"encoding {form!r} is {pixels.dtype} of shape {pixels.shape}"
        raise DecodeError(source, reason, "one channel, uint16 millimetres or float metres")
    return pixels
