"""XRF55's actions with objects and with other people, as key poses (see key_poses.py)."""

from __future__ import annotations

from pta_ros.simulate.key_poses import Key, both


def lf(**values: float) -> dict[str, float]:
    """Channels of the left arm or leg."""
    return {f"l_{name}": value for name, value in values.items()}


def rt(**values: float) -> dict[str, float]:
    """Channels of the right arm or leg."""
    return {f"r_{name}": value for name, value in values.items()}


_CARRY = both(flex=20.0, elb=80.0)
_MOP = {"bend": 24.0, "nod": 12.0, **both(flex=48.0, elb=28.0)}
_BOARD = {"bend": 14.0, "nod": 22.0, **both(flex=26.0, elb=72.0)}
_FACE = rt(flex=58.0, elb=132.0)
_REACH = rt(flex=72.0, elb=12.0)

#: Number -> name, seconds per cycle and keys.
DAILY: dict[int, tuple[str, float, list[Key]]] = {
    1: ("carrying weight", 2.6, [
        (0.0, {**_CARRY, "l_fy": 0.2, "l_fz": 0.12, "px": -0.05, "bend": -6.0}),
        (0.25, {**_CARRY, "bend": -4.0}),
        (0.5, {**_CARRY, "r_fy": 0.2, "r_fz": 0.12, "px": 0.05, "bend": -6.0}),
        (0.75, {**_CARRY, "bend": -4.0}),
    ]),
    2: ("mopping the floor", 2.0, [
        (0.0, {**_MOP, "twist": 18.0, "pz": 0.06}),
        (0.5, {**_MOP, **both(flex=18.0, elb=55.0), "twist": -18.0, "pz": -0.06}),
    ]),
    3: ("using a phone", 5.0, [
        (0.0, {**rt(flex=34.0, elb=98.0), "nod": 24.0}),
        (0.3, {**rt(flex=36.0, elb=100.0, rot=8.0), "nod": 26.0}),
        (0.6, {**rt(flex=33.0, elb=97.0, rot=-6.0), "nod": 24.0, "px": 0.02}),
    ]),
    4: ("throwing something", 2.6, [
        (0.0, {}),
        (0.35, {**rt(abd=92.0, rot=60.0, hor=-25.0, elb=90.0), "twist": -28.0, "pz": -0.05}),
        (0.55, {**rt(abd=92.0, rot=20.0, hor=60.0, elb=8.0), "twist": 26.0, "bend": 12.0}),
        (0.8, {**rt(flex=30.0), "bend": 8.0}),
    ]),
    5: ("picking something up", 3.4, [
        (0.0, {}),
        (0.4, {**rt(flex=78.0, elb=6.0), "py": 0.24, "pz": -0.12, "pitch": 46.0, "bend": 38.0}),
        (0.55, {**rt(flex=70.0, elb=16.0), "py": 0.2, "pz": -0.1, "pitch": 42.0, "bend": 34.0}),
    ]),
    6: ("putting something on a table", 3.0, [
        (0.0, {**rt(elb=85.0)}),
        (0.45, {**rt(flex=62.0, elb=18.0), "bend": 22.0, "pz": 0.05, "nod": 12.0}),
        (0.65, {**rt(flex=48.0, elb=40.0), "bend": 12.0}),
    ]),
    7: ("cutting something", 0.9, [
        (0.0, {**_BOARD}),
        (0.5, {**_BOARD, **rt(flex=40.0, elb=96.0)}),
    ]),
    8: ("wearing a hat", 3.6, [
        (0.0, {}),
        (0.4, {**both(flex=128.0, elb=112.0, abd=24.0), "nod": 10.0}),
        (0.65, {**both(flex=122.0, elb=120.0, abd=26.0), "nod": 14.0}),
    ]),
    9: ("putting on clothing", 4.4, [
        (0.0, {}),
        (0.25, {**rt(abd=70.0, elb=60.0, hor=-20.0), "twist": -16.0}),
        (0.5, {**lf(abd=75.0, elb=70.0, hor=-25.0), "twist": 18.0}),
        (0.75, {**both(flex=40.0, elb=110.0), "bend": 6.0}),
    ]),
    10: ("blow-drying hair", 1.6, [
        (0.0, {**rt(abd=88.0, elb=118.0, rot=62.0), "tilt": 8.0}),
        (0.5, {**rt(abd=74.0, elb=106.0, rot=84.0), "tilt": -8.0}),
    ]),
    11: ("combing hair", 1.8, [
        (0.0, {**rt(abd=96.0, elb=124.0, rot=76.0), "tilt": 6.0}),
        (0.55, {**rt(abd=58.0, elb=132.0, rot=44.0), "tilt": 2.0}),
    ]),
    12: ("brushing teeth", 0.7, [
        (0.0, {**_FACE, **rt(abd=32.0, hor=6.0)}),
        (0.5, {**_FACE, **rt(abd=32.0, hor=26.0, elb=124.0)}),
    ]),
    13: ("drinking", 3.8, [
        (0.0, {**rt(flex=12.0, elb=70.0)}),
        (0.35, {**_FACE, "nod": -10.0}),
        (0.6, {**_FACE, **rt(flex=72.0), "nod": -24.0, "bend": -4.0}),
    ]),
    14: ("eating", 2.2, [
        (0.0, {**_BOARD, **rt(flex=30.0, elb=64.0)}),
        (0.5, {**_BOARD, **rt(flex=52.0, elb=128.0), "bend": 8.0}),
    ]),
    15: ("smoking", 4.8, [
        (0.0, {}),
        (0.3, {**_FACE, **rt(abd=18.0)}),
        (0.5, {**_FACE, **rt(abd=20.0), "nod": -6.0}),
        (0.7, {**rt(abd=28.0, elb=40.0), "nod": -12.0}),
    ]),
    16: ("shaking hands", 1.2, [
        (0.0, {**rt(flex=52.0, elb=40.0), "bend": 6.0}),
        (0.5, {**rt(flex=66.0, elb=34.0), "bend": 6.0}),
    ]),
    17: ("hugging", 4.0, [
        (0.0, both(abd=40.0, flex=30.0)),
        (0.4, {**both(abd=70.0, hor=72.0, elb=48.0), "bend": 12.0, "pz": 0.12}),
        (0.7, {**both(abd=66.0, hor=78.0, elb=56.0), "bend": 14.0, "pz": 0.12, "px": 0.03}),
    ]),
    18: ("handing something over", 3.2, [
        (0.0, {**both(elb=80.0)}),
        (0.4, {**both(flex=66.0, elb=20.0), "bend": 10.0, "pz": 0.06}),
        (0.6, {**both(flex=62.0, elb=24.0), "bend": 9.0, "pz": 0.05}),
    ]),
    19: ("kicking someone", 2.2, [
        (0.0, {}),
        (0.3, {"r_fz": -0.26, "r_fy": 0.14, "px": 0.06, **both(elb=70.0)}),
        (0.52, {"r_fz": 0.66, "r_fy": 0.46, "px": 0.06, "bend": -10.0, **both(elb=80.0)}),
        (0.75, {"r_fz": 0.16, "r_fy": 0.12, "px": 0.05}),
    ]),
    20: ("hitting someone with something", 1.5, [
        (0.0, {**rt(flex=150.0, elb=70.0), "bend": -8.0, "twist": -12.0}),
        (0.45, {**rt(flex=58.0, elb=14.0), "bend": 18.0, "twist": 12.0, "pz": 0.08}),
    ]),
    21: ("choking someone's neck", 2.4, [
        (0.0, {**both(flex=84.0, hor=20.0, elb=16.0), "bend": 8.0, "pz": 0.06}),
        (0.4, {**both(flex=90.0, hor=26.0, elb=30.0), "bend": 12.0, "px": 0.04, "pz": 0.1}),
        (0.7, {**both(flex=86.0, hor=22.0, elb=24.0), "bend": 6.0, "px": -0.04, "pz": 0.04}),
    ]),
    22: ("pushing someone", 2.0, [
        (0.0, {**both(flex=50.0, elb=110.0), "pz": -0.06}),
        (0.45, {**both(flex=82.0, elb=8.0), "bend": 16.0, "pz": 0.2, "l_fz": 0.3}),
        (0.65, {**both(flex=76.0, elb=22.0), "bend": 10.0, "pz": 0.12, "l_fz": 0.3}),
    ]),
}  # fmt: skip
