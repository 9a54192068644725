"""The 27 actions of MM-Fi, left and right, as arrays of key times and poses."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pta_ros.errors import ConfigError
from pta_ros.simulate.key_poses import KEY_POSES
from pta_ros.simulate.kinematics import CHANNELS, INDEX, Array


@dataclass(frozen=True, eq=False)
class Action:
    """One action: name, seconds per cycle, key times (K,) in [0, 1) and poses (K, C)."""

    name: str
    period_s: float
    times: Array
    poses: Array


_SWAP = [INDEX[{"l_": "r_", "r_": "l_"}.get(n[:2], n[:2]) + n[2:]] for n in CHANNELS]
_FLIP = np.array(
    [-1.0 if n in ("px", "yaw", "roll", "side", "twist", "turn", "tilt") else 1.0 for n in CHANNELS]
)


def mirror(poses: Array) -> Array:
    """Exchange left and right in channel vectors (..., C)."""
    return np.asarray(poses[..., _SWAP] * _FLIP)


_MIRRORED = {5: 4, 8: 7, 10: 9, 14: 13, 16: 15, 18: 17, 21: 20, 23: 22, 25: 24}


def _build(number: int) -> Action:
    name, period, keys = KEY_POSES[_MIRRORED.get(number, number)]
    poses = np.zeros((len(keys), len(CHANNELS)))
    for row, (_, channels) in zip(poses, keys, strict=True):
        for channel, value in channels.items():
            row[INDEX[channel]] = value
    if number in _MIRRORED:
        poses, name = mirror(poses), name.replace("left", "right")
    return Action(name, period, np.array([time for time, _ in keys]), poses)


ACTIONS: dict[int, Action] = {number: _build(number) for number in range(1, 28)}


def action(number: int) -> Action:
    """The action of MM-Fi's number (1 to 27); ConfigError for any other."""
    if number not in ACTIONS:
        raise ConfigError(f"action {number!r} is unknown; MM-Fi's actions are 1 to 27")
    return ACTIONS[number]
