"""The 17 joints of MM-Fi's ground truth (Human3.6M order), their bones and limb groups."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: The convention's name in messages.
CONVENTION = "h36m17"

JOINT_NAMES: tuple[str, ...] = (
    "pelvis",
    "right_hip",
    "right_knee",
    "right_ankle",
    "left_hip",
    "left_knee",
    "left_ankle",
    "spine",
    "thorax",
    "neck",
    "head",
    "left_shoulder",
    "left_elbow",
    "left_wrist",
    "right_shoulder",
    "right_elbow",
    "right_wrist",
)

NUM_JOINTS = len(JOINT_NAMES)

#: Pairs (parent, child) of joint indices, parents before children.
BONES: tuple[tuple[int, int], ...] = (
    (0, 1),
    (1, 2),
    (2, 3),
    (0, 4),
    (4, 5),
    (5, 6),
    (0, 7),
    (7, 8),
    (8, 9),
    (9, 10),
    (8, 11),
    (11, 12),
    (12, 13),
    (8, 14),
    (14, 15),
    (15, 16),
)

LIMBS: dict[str, tuple[int, ...]] = {
    "torso": (0, 7, 8, 9, 10),
    "right_leg": (1, 2, 3),
    "left_leg": (4, 5, 6),
    "left_arm": (11, 12, 13),
    "right_arm": (14, 15, 16),
}


def skeleton_fields(
    joints_m: NDArray[Any], std_m: NDArray[Any], model: str, modalities: Sequence[Any] = ()
) -> dict[str, Any]:
    """The fields of a pta_msgs/Skeleton, without header and track, of joints (17, 3) in metres.

    `std_m` (17,) are their standard deviations; `modalities` the streams' messages.
    """
    return {
        "convention": CONVENTION,
        "joint_names": list(JOINT_NAMES),
        "positions": [{"x": x, "y": y, "z": z} for x, y, z in joints_m.tolist()],
        "std_dev": std_m.astype(np.float32, copy=False),
        "modalities": list(modalities),
        "model": model,
    }
