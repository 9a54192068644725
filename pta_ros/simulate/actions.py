"""The 27 actions of MM-Fi, left and right, and the 55 of XRF55: arrays of key times and poses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from pta_ros.errors import ConfigError
from pta_ros.simulate.key_poses import KEY_POSES, Key
from pta_ros.simulate.kinematics import CHANNELS, INDEX, Array
from pta_ros.simulate.xrf55_poses import XRF55_POSES


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


def build(name: str, period_s: float, keys: Sequence[Key]) -> Action:
    """An action of its key poses."""
    poses = np.zeros((len(keys), len(CHANNELS)))
    for row, (_, channels) in zip(poses, keys, strict=True):
        for channel, value in channels.items():
            row[INDEX[channel]] = value
    return Action(name, period_s, np.array([time for time, _ in keys]), poses)


def _mmfi(number: int) -> Action:
    act = build(*KEY_POSES[_MIRRORED.get(number, number)])
    if number not in _MIRRORED:
        return act
    return replace(act, name=act.name.replace("left", "right"), poses=mirror(act.poses))


ACTIONS: dict[int, Action] = {number: _mmfi(number) for number in range(1, 28)}


def action(number: int) -> Action:
    """The action of MM-Fi's number (1 to 27); ConfigError for any other."""
    if number not in ACTIONS:
        raise ConfigError(f"action {number!r} is unknown; MM-Fi's actions are 1 to 27")
    return ACTIONS[number]


#: XRF55's 55 actions.
XRF55_ACTIONS: dict[int, Action] = {n: build(*keys) for n, keys in XRF55_POSES.items()}


def xrf55_action(number: int) -> Action:
    """The action of XRF55's number (1 to 55); ConfigError for any other."""
    if number not in XRF55_ACTIONS:
        raise ConfigError(f"action {number!r} is unknown; XRF55's actions are 1 to 55")
    return XRF55_ACTIONS[number]
