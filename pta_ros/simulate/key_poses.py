"""MM-Fi's actions as key poses: a share of the cycle and the channels set at it.

Channels not named are zero (the habitual posture is added later). Right-sided actions are missing:
they are the mirrored left ones. Angles in degrees, distances in leg lengths (see
kinematics.CHANNELS).
"""

from __future__ import annotations

Key = tuple[float, dict[str, float]]


def both(**values: float) -> dict[str, float]:
    """The same channel values on the left and on the right."""
    return {f"{side}_{name}": value for name, value in values.items() for side in "lr"}


def lf(**values: float) -> dict[str, float]:
    """Channels of the left arm or leg."""
    return {f"l_{name}": value for name, value in values.items()}


def rt(**values: float) -> dict[str, float]:
    """Channels of the right arm or leg."""
    return {f"r_{name}": value for name, value in values.items()}


_FRONT = both(abd=80.0, hor=70.0, elb=85.0)
_UP_WAVE = {"l_abd": 85.0, "l_rot": 85.0, "side": -2.0}
_OUT = {"px": -0.08, "side": -6.0}
_HIPS = both(abd=38.0, elb=75.0, rot=-55.0)

#: Name, seconds per cycle and keys of each action.
KEY_POSES: dict[int, tuple[str, float, list[Key]]] = {
    1: ("stretching and relaxing", 4.0, [
        (0.0, {}),
        (0.3, {**both(abd=165.0, elb=10.0), "bend": -9.0, "nod": -18.0}),
        (0.5, {**both(abd=150.0, elb=25.0), "bend": -11.0, "nod": -22.0}),
        (0.8, {**both(flex=12.0), "bend": 6.0, "py": 0.02})]),
    2: ("chest expansion (horizontal)", 3.2, [
        (0.0, _FRONT),
        (0.25, {**both(abd=84.0, hor=-18.0, elb=95.0), "bend": -4.0}),
        (0.5, _FRONT),
        (0.75, {**both(abd=88.0, hor=-12.0, elb=4.0), "bend": -6.0})]),
    3: ("chest expansion (vertical)", 3.0, [
        (0.0, both(flex=-28.0, elb=4.0)),
        (0.3, {**both(flex=168.0, elb=6.0), "bend": -8.0, "nod": -8.0}),
        (0.5, {**both(flex=155.0, elb=12.0), "bend": -6.0})]),
    4: ("twist (left)", 3.0, [
        (0.0, _FRONT),
        (0.4, {**_FRONT, "twist": 52.0, "yaw": 14.0, "turn": 14.0}),
        (0.6, {**_FRONT, "twist": 46.0, "yaw": 12.0, "turn": 12.0})]),
    6: ("mark time", 2.0, [
        (0.0, {"l_flex": -28.0, "r_flex": 32.0, "l_fy": 0.27, "l_fz": 0.14, "px": -0.03}),
        (0.25, {"l_elb": 6.0, "r_elb": 6.0}),
        (0.5, {"r_flex": -28.0, "l_flex": 32.0, "r_fy": 0.27, "r_fz": 0.14, "px": 0.03}),
        (0.75, {"l_elb": 6.0, "r_elb": 6.0})]),
    7: ("limb extension (left)", 3.4, [
        (0.0, {}),
        (0.4, {**_OUT, "l_abd": 92.0, "l_fx": 0.42, "l_fy": 0.16, "r_abd": 20.0}),
        (0.55, {**_OUT, "l_abd": 88.0, "l_fx": 0.38, "l_fy": 0.14})]),
    9: ("lunge (left-front)", 3.6, [
        (0.0, _HIPS),
        (0.22, {**_HIPS, "l_fz": 0.42, "l_fy": 0.12, "pz": 0.12}),
        (0.42, {**_HIPS, "l_fz": 0.72, "pz": 0.36, "py": 0.27, "bend": 6.0}),
        (0.58, {**_HIPS, "l_fz": 0.72, "pz": 0.36, "py": 0.25, "bend": 5.0}),
        (0.78, {**_HIPS, "l_fz": 0.42, "l_fy": 0.12, "pz": 0.12})]),
    11: ("limb extension (both)", 3.2, [
        (0.0, {}),
        (0.25, {**both(abd=95.0), "l_fx": 0.38, "l_fy": 0.15, "px": -0.07, "side": -4.0}),
        (0.5, both(abd=25.0)),
        (0.75, {**both(abd=95.0), "r_fx": 0.38, "r_fy": 0.15, "px": 0.07, "side": 4.0})]),
    12: ("squat", 3.2, [
        (0.0, {}),
        (
            0.42,
            {
                **both(flex=82.0, knee=22.0, fx=0.04),
                **{"py": 0.42, "pz": -0.12, "pitch": 26.0, "bend": 14.0, "nod": -18.0},
            },
        ),
        (
            0.58,
            {
                **both(flex=80.0, knee=22.0, fx=0.04),
                **{"py": 0.38, "pz": -0.11, "pitch": 24.0, "bend": 14.0, "nod": -16.0},
            },
        )]),
    13: (
        "raising hand (left)",
        2.8,
        [(0.0, {}), (0.38, {"l_flex": 166.0, "side": -3.0}), (0.58, {"l_flex": 160.0})],
    ),
    15: ("lunge (left side)", 3.6, [
        (0.0, _HIPS),
        (0.22, {**_HIPS, "l_fx": 0.38, "l_fy": 0.1, "px": 0.1}),
        (0.42, {**_HIPS, "l_fx": 0.66, "px": 0.46, "py": 0.25, "pitch": 10.0, "l_knee": 40.0}),
        (0.58, {**_HIPS, "l_fx": 0.66, "px": 0.45, "py": 0.22, "pitch": 9.0, "l_knee": 40.0}),
        (0.78, {**_HIPS, "l_fx": 0.38, "l_fy": 0.1, "px": 0.1})]),
    17: ("waving hand (left)", 3.2, [
        (0.0, {**_UP_WAVE, "l_elb": 50.0}),
        (0.17, {**_UP_WAVE, "l_elb": 112.0}),
        (0.34, {**_UP_WAVE, "l_elb": 48.0, "l_abd": 92.0}),
        (0.51, {**_UP_WAVE, "l_elb": 110.0, "l_abd": 90.0}),
        (0.68, {**_UP_WAVE, "l_elb": 50.0}),
        (0.84, {**_UP_WAVE, "l_elb": 112.0})]),
    19: ("picking up things", 3.8, [
        (0.0, {}),
        (
            0.36,
            {
                **both(flex=72.0, elb=4.0),
                **{"py": 0.26, "pz": -0.14, "pitch": 52.0, "bend": 36.0, "nod": 8.0},
            },
        ),
        (
            0.5,
            {
                **both(flex=66.0, elb=25.0),
                **{"py": 0.22, "pz": -0.13, "pitch": 46.0, "bend": 34.0},
            },
        ),
        (0.8, {**both(flex=28.0, elb=75.0), "bend": 3.0})]),
    20: ("throwing (left side)", 2.8, [
        (0.0, {}),
        (
            0.3,
            {
                **{"l_abd": 92.0, "l_rot": 70.0, "l_hor": -28.0, "l_elb": 92.0, "twist": 34.0},
                **{"yaw": 10.0, "pz": -0.06, "r_flex": 40.0, "bend": -6.0},
            },
        ),
        (
            0.52,
            {
                **{"l_abd": 92.0, "l_rot": 25.0, "l_hor": 62.0, "l_elb": 8.0, "twist": -30.0},
                **{"yaw": -10.0, "pz": 0.08, "bend": 16.0, "r_flex": -15.0},
            },
        ),
        (0.72, {"l_flex": 38.0, "l_hor": 20.0, "twist": -22.0, "bend": 12.0, "pz": 0.05})]),
    22: ("kicking (left side)", 2.6, [
        (0.0, {}),
        (
            0.28,
            {
                **{"l_fz": -0.32, "l_fy": 0.14, "bend": 6.0, "px": -0.06},
                **{"l_flex": 24.0, "r_flex": -22.0},
            },
        ),
        (
            0.52,
            {
                **{"l_fz": 0.72, "l_fy": 0.42, "bend": -8.0, "px": -0.06, "pz": -0.04},
                **{"l_flex": -26.0, "r_flex": 36.0, "pitch": -6.0},
            },
        ),
        (0.75, {"l_fz": 0.2, "l_fy": 0.14, "px": -0.05})]),
    24: ("body extension (left)", 3.6, [
        (0.0, {}),
        (0.4, {"side": 32.0, "roll": -6.0, "r_abd": 158.0, "tilt": 12.0, "px": -0.05}),
        (0.58, {"side": 29.0, "roll": -6.0, "r_abd": 155.0, "tilt": 12.0, "px": -0.05})]),
    26: ("jumping up", 2.4, [
        (0.0, {}),
        (0.3, {**both(flex=-32.0), "py": 0.26, "pz": -0.07, "pitch": 20.0, "bend": 14.0}),
        (0.5, {**both(flex=105.0), "jump": 0.24, "bend": -3.0}),
        (0.7, {**both(flex=35.0), "py": 0.2, "pz": -0.05, "pitch": 16.0, "bend": 10.0})]),
    27: ("bowing", 3.6, [
        (0.0, {}),
        (0.4, {"pitch": 34.0, "bend": 28.0, "nod": 14.0, "pz": -0.13, **both(flex=16.0)}),
        (0.58, {"pitch": 33.0, "bend": 27.0, "nod": 14.0, "pz": -0.13, **both(flex=16.0)})]),
}  # fmt: skip
