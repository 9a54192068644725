"""From motion channels to 17 joints: forward kinematics above, two-bone inverse below the hips.

Body frame: x to the person's left, y up from the floor, z the way the person faces; metres.
Bone lengths are exact; planted feet stay where they are put, because the legs follow the feet.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pta_ros.simulate.body import Subject

Array = NDArray[np.float64]

_ARM = ("abd", "flex", "hor", "rot", "elb")
_LEG = ("fx", "fy", "fz", "knee")

#: Motion channels. Angles in degrees; px, py (downwards), pz, jump and f* in leg lengths.
CHANNELS: tuple[str, ...] = (
    *("px", "py", "pz", "yaw", "pitch", "roll", "jump"),
    *("bend", "side", "twist", "nod", "turn", "tilt"),
    *(f"l_{name}" for name in _ARM),
    *(f"r_{name}" for name in _ARM),
    *(f"l_{name}" for name in _LEG),
    *(f"r_{name}" for name in _LEG),
)
INDEX = {name: i for i, name in enumerate(CHANNELS)}

_REACH = 0.993  # share of the leg's length that is ever used: a locked knee has no smooth inverse
_SOFT = 0.01  # softness of the pelvis height limit, in leg lengths
_MIRROR = np.diag([-1.0, 1.0, 1.0])


def rotation(axis: int, degrees: Array) -> Array:
    """Right-handed rotation matrices (T, 3, 3) about axis 0, 1 or 2 by angles (T,)."""
    angle = np.deg2rad(degrees)
    out = np.zeros((len(angle), 3, 3))
    i, j = (axis + 1) % 3, (axis + 2) % 3
    out[:, axis, axis] = 1.0
    out[:, i, i] = out[:, j, j] = np.cos(angle)
    out[:, j, i] = np.sin(angle)
    out[:, i, j] = -out[:, j, i]
    return out


def solve(subject: Subject, channels: Array) -> Array:
    """Joints (T, 17, 3) in the body frame of a person whose channels (T, C) are given."""
    joints = np.empty((len(channels), 17, 3))
    get = {name: channels[:, i] for name, i in INDEX.items()}
    base = rotation(1, get["yaw"]) @ rotation(0, get["pitch"]) @ rotation(2, get["roll"])
    joints[:, 0], hips, feet = _pelvis(subject, get, base)
    for side, (hip, knee, ankle) in enumerate(((4, 5, 6), (1, 2, 3))):
        joints[:, hip] = joints[:, 0] + hips[side]
        pole = _pole(base, get["l_knee" if side == 0 else "r_knee"], 1.0 - 2.0 * side)
        knee_ankle = _leg(subject, joints[:, hip], feet[side], pole)
        joints[:, knee], joints[:, ankle] = knee_ankle
    upper = _torso(subject, get, base, joints)
    for side, (shoulder, elbow, wrist) in enumerate(((11, 12, 13), (14, 15, 16))):
        sign = 1.0 - 2.0 * side
        offset = np.array([sign * subject.shoulder_half, -subject.shoulder_drop, 0.0])
        joints[:, shoulder] = joints[:, 8] + upper @ offset
        arm, fore = _arm(get, "lr"[side])
        joints[:, elbow] = joints[:, shoulder] - subject.upper_arm * (upper @ arm)[:, :, 1]
        joints[:, wrist] = joints[:, elbow] - subject.forearm * (upper @ fore)[:, :, 1]
    return joints


def _pelvis(subject: Subject, get: dict[str, Array], base: Array) -> tuple[Array, Array, Array]:
    """Pelvis (T, 3), hip offsets (2, T, 3) and ankles (2, T, 3): as high as both legs reach."""
    leg = subject.leg
    signs = np.array([1.0, -1.0])
    local = np.stack([signs * subject.hip_half, np.full(2, -subject.hip_drop), np.zeros(2)], 1)
    hips = np.einsum("tij,sj->sti", base, local)
    feet = np.stack([_foot(subject, get, side) for side in "lr"])
    pelvis = np.stack([get["px"] * leg, np.zeros_like(get["px"]), get["pz"] * leg], axis=1)
    ground = np.sum((pelvis + hips - feet)[:, :, [0, 2]] ** 2, axis=2)
    reach = np.sqrt(np.maximum((_REACH * leg) ** 2 - ground, (0.3 * leg) ** 2))
    stand = subject.ankle_height + _REACH * leg + subject.hip_drop
    wanted = stand + (get["jump"] - get["py"]) * leg
    limits = np.stack([wanted, *(feet[:, :, 1] + reach - hips[:, :, 1])])
    soft = _SOFT * leg
    lowest = limits.min(axis=0)
    pelvis[:, 1] = lowest - soft * np.log(np.exp(-(limits - lowest) / soft).sum(axis=0))
    return pelvis, hips, feet


def _foot(subject: Subject, get: dict[str, Array], side: str) -> Array:
    """Ankle target (T, 3) of side "l" or "r"."""
    sign = 1.0 if side == "l" else -1.0
    out = sign * (subject.stance_half + get[f"{side}_fx"] * subject.leg)
    up = subject.ankle_height + (get[f"{side}_fy"] + get["jump"]) * subject.leg
    return np.stack([out, up, get[f"{side}_fz"] * subject.leg], axis=1)


def _pole(base: Array, outward: Array, sign: float) -> Array:
    """The way the knee points (T, 3): forward, a little up, turned outward by degrees."""
    angle = np.deg2rad(outward)
    local = np.stack([sign * np.sin(angle), np.full_like(angle, 0.25), np.cos(angle)], axis=1)
    return np.asarray(np.einsum("tij,tj->ti", base, local))


def _leg(subject: Subject, hip: Array, foot: Array, pole: Array) -> tuple[Array, Array]:
    """Knee and ankle (T, 3) each by the law of cosines; a foot out of reach is drawn in."""
    line = foot - hip
    length = np.linalg.norm(line, axis=1, keepdims=True)
    line = line / length
    closest = abs(subject.thigh - subject.shin) + 0.05 * subject.leg
    length = np.clip(length, closest, _REACH * subject.leg)
    aside = pole - np.sum(pole * line, axis=1, keepdims=True) * line
    aside /= np.linalg.norm(aside, axis=1, keepdims=True)
    along = (subject.thigh**2 + length**2 - subject.shin**2) / (2.0 * length)
    away = np.sqrt(np.maximum(subject.thigh**2 - along**2, 0.0))
    return np.asarray(hip + along * line + away * aside), np.asarray(hip + length * line)


def _torso(subject: Subject, get: dict[str, Array], base: Array, joints: Array) -> Array:
    """Fill spine, thorax, neck and head; return the thorax' rotation (T, 3, 3)."""
    low, upper = (base @ _bend(get, share) for share in (0.5, 1.0))
    turn = rotation(1, get["turn"]) @ rotation(0, get["nod"]) @ rotation(2, -get["tilt"])
    half = rotation(1, get["turn"] / 2) @ rotation(0, 12.0 + get["nod"] / 2)
    joints[:, 7] = joints[:, 0] + subject.spine_low * low[:, :, 1]
    joints[:, 8] = joints[:, 7] + subject.spine_high * upper[:, :, 1]
    joints[:, 9] = joints[:, 8] + subject.neck * (upper @ half)[:, :, 1]
    joints[:, 10] = joints[:, 9] + subject.head * (upper @ turn)[:, :, 1]
    return upper


def _bend(get: dict[str, Array], share: float) -> Array:
    twist, bend = rotation(1, share * get["twist"]), rotation(0, share * get["bend"])
    return twist @ bend @ rotation(2, -share * get["side"])


def _arm(get: dict[str, Array], side: str) -> tuple[Array, Array]:
    """Rotations of the upper arm and the forearm against the thorax, (T, 3, 3) each."""
    abd, flex, hor, rot, elb = (get[f"{side}_{name}"] for name in _ARM)
    arm = rotation(1, -hor) @ rotation(0, -flex) @ rotation(2, abd)
    fore = arm @ rotation(1, rot) @ rotation(0, -elb)
    if side == "l":
        return arm, fore
    return _MIRROR @ arm @ _MIRROR, _MIRROR @ fore @ _MIRROR
