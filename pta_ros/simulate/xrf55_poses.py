"""XRF55's 55 actions as key poses (see key_poses.py)."""

from __future__ import annotations

from pta_ros.simulate.key_poses import Key, both, lf, rt

_CARRY = both(flex=20.0, elb=80.0)
_MOP = {"bend": 24.0, "nod": 12.0, **both(flex=48.0, elb=28.0)}
_BOARD = {"bend": 14.0, "nod": 22.0, **both(flex=26.0, elb=72.0)}
_FACE = rt(flex=58.0, elb=132.0)
_REACH = rt(flex=72.0, elb=12.0)
_GUARD = both(flex=48.0, elb=122.0)
_HIPS = both(abd=38.0, elb=75.0, rot=-55.0)
_SEAT = {"py": 0.44, "pz": -0.3, "pitch": 8.0, "bend": 6.0, **both(flex=26.0, elb=24.0)}
_DOWN = {"py": 0.5, "pz": -0.34, "pitch": 48.0, "bend": 30.0, **both(flex=60.0)}
_POINT = rt(flex=86.0, elb=16.0)
_PALM = rt(flex=76.0, elb=30.0)


def _legs(height: float, reach: float, arm: float) -> list[Key]:
    """Left and right leg in turn, the arms in opposition: walking to running in place."""
    swing = {**lf(flex=-arm), **rt(flex=arm)}, {**lf(flex=arm), **rt(flex=-arm)}
    return [
        (0.0, {**swing[0], **both(elb=arm), "l_fy": height, "l_fz": reach, "px": -0.03}),
        (0.25, both(elb=arm)),
        (0.5, {**swing[1], **both(elb=arm), "r_fy": height, "r_fz": reach, "px": 0.03}),
        (0.75, both(elb=arm)),
    ]


def _circle(base: dict[str, float], first: str, second: str, size: float) -> list[Key]:
    """Two channels a quarter of a cycle apart."""
    ways = ((1.0, 0.0), (0.0, 1.0), (-1.0, 0.0), (0.0, -1.0))
    return [
        (k / 4, {**base, first: base.get(first, 0.0) + size * a,
                 second: base.get(second, 0.0) + size * b})
        for k, (a, b) in enumerate(ways)
    ]  # fmt: skip


#: Number -> name, seconds per cycle and keys: with objects, with others, sport, gestures.
XRF55_POSES: dict[int, tuple[str, float, list[Key]]] = {
    1: ("carrying weight", 2.6, [
        (0.0, {**_CARRY, "l_fy": 0.2, "l_fz": 0.12, "px": -0.05, "bend": -6.0}),
        (0.25, {**_CARRY, "bend": -4.0}),
        (0.5, {**_CARRY, "r_fy": 0.2, "r_fz": 0.12, "px": 0.05, "bend": -6.0}),
        (0.75, {**_CARRY, "bend": -4.0})]),
    2: ("mopping the floor", 2.0, [
        (0.0, {**_MOP, "twist": 18.0, "pz": 0.06}),
        (0.5, {**_MOP, **both(flex=18.0, elb=55.0), "twist": -18.0, "pz": -0.06})]),
    3: ("using a phone", 5.0, [
        (0.0, {**rt(flex=34.0, elb=98.0), "nod": 24.0}),
        (0.3, {**rt(flex=36.0, elb=100.0, rot=8.0), "nod": 26.0}),
        (0.6, {**rt(flex=33.0, elb=97.0, rot=-6.0), "nod": 24.0, "px": 0.02})]),
    4: ("throwing something", 2.6, [
        (0.0, {}),
        (0.35, {**rt(abd=92.0, rot=60.0, hor=-25.0, elb=90.0), "twist": -28.0, "pz": -0.05}),
        (0.55, {**rt(abd=92.0, rot=20.0, hor=60.0, elb=8.0), "twist": 26.0, "bend": 12.0}),
        (0.8, {**rt(flex=30.0), "bend": 8.0})]),
    5: ("picking something up", 3.4, [
        (0.0, {}),
        (0.4, {**rt(flex=78.0, elb=6.0), "py": 0.24, "pz": -0.12, "pitch": 46.0, "bend": 38.0}),
        (0.55, {**rt(flex=70.0, elb=16.0), "py": 0.2, "pz": -0.1, "pitch": 42.0, "bend": 34.0})]),
    6: ("putting something on a table", 3.0, [
        (0.0, {**rt(elb=85.0)}),
        (0.45, {**rt(flex=62.0, elb=18.0), "bend": 22.0, "pz": 0.05, "nod": 12.0}),
        (0.65, {**rt(flex=48.0, elb=40.0), "bend": 12.0})]),
    7: ("cutting something", 0.9, [
        (0.0, {**_BOARD}),
        (0.5, {**_BOARD, **rt(flex=40.0, elb=96.0)})]),
    8: ("wearing a hat", 3.6, [
        (0.0, {}),
        (0.4, {**both(flex=128.0, elb=112.0, abd=24.0), "nod": 10.0}),
        (0.65, {**both(flex=122.0, elb=120.0, abd=26.0), "nod": 14.0})]),
    9: ("putting on clothing", 4.4, [
        (0.0, {}),
        (0.25, {**rt(abd=70.0, elb=60.0, hor=-20.0), "twist": -16.0}),
        (0.5, {**lf(abd=75.0, elb=70.0, hor=-25.0), "twist": 18.0}),
        (0.75, {**both(flex=40.0, elb=110.0), "bend": 6.0})]),
    10: ("blow-drying hair", 1.6, [
        (0.0, {**rt(abd=88.0, elb=118.0, rot=62.0), "tilt": 8.0}),
        (0.5, {**rt(abd=74.0, elb=106.0, rot=84.0), "tilt": -8.0})]),
    11: ("combing hair", 1.8, [
        (0.0, {**rt(abd=96.0, elb=124.0, rot=76.0), "tilt": 6.0}),
        (0.55, {**rt(abd=58.0, elb=132.0, rot=44.0), "tilt": 2.0})]),
    12: ("brushing teeth", 0.7, [
        (0.0, {**_FACE, **rt(abd=32.0, hor=6.0)}),
        (0.5, {**_FACE, **rt(abd=32.0, hor=26.0, elb=124.0)})]),
    13: ("drinking", 3.8, [
        (0.0, {**rt(flex=12.0, elb=70.0)}),
        (0.35, {**_FACE, "nod": -10.0}),
        (0.6, {**_FACE, **rt(flex=72.0), "nod": -24.0, "bend": -4.0})]),
    14: ("eating", 2.2, [
        (0.0, {**_BOARD, **rt(flex=30.0, elb=64.0)}),
        (0.5, {**_BOARD, **rt(flex=52.0, elb=128.0), "bend": 8.0})]),
    15: ("smoking", 4.8, [
        (0.0, {}),
        (0.3, {**_FACE, **rt(abd=18.0)}),
        (0.5, {**_FACE, **rt(abd=20.0), "nod": -6.0}),
        (0.7, {**rt(abd=28.0, elb=40.0), "nod": -12.0})]),
    16: ("shaking hands", 1.2, [
        (0.0, {**rt(flex=52.0, elb=40.0), "bend": 6.0}),
        (0.5, {**rt(flex=66.0, elb=34.0), "bend": 6.0})]),
    17: ("hugging", 4.0, [
        (0.0, both(abd=40.0, flex=30.0)),
        (0.4, {**both(abd=70.0, hor=72.0, elb=48.0), "bend": 12.0, "pz": 0.12}),
        (0.7, {**both(abd=66.0, hor=78.0, elb=56.0), "bend": 14.0, "pz": 0.12, "px": 0.03})]),
    18: ("handing something over", 3.2, [
        (0.0, {**both(elb=80.0)}),
        (0.4, {**both(flex=66.0, elb=20.0), "bend": 10.0, "pz": 0.06}),
        (0.6, {**both(flex=62.0, elb=24.0), "bend": 9.0, "pz": 0.05})]),
    19: ("kicking someone", 2.2, [
        (0.0, {}),
        (0.3, {"r_fz": -0.26, "r_fy": 0.14, "px": 0.06, **both(elb=70.0)}),
        (0.52, {"r_fz": 0.66, "r_fy": 0.46, "px": 0.06, "bend": -10.0, **both(elb=80.0)}),
        (0.75, {"r_fz": 0.16, "r_fy": 0.12, "px": 0.05})]),
    20: ("hitting someone with something", 1.5, [
        (0.0, {**rt(flex=150.0, elb=70.0), "bend": -8.0, "twist": -12.0}),
        (0.45, {**rt(flex=58.0, elb=14.0), "bend": 18.0, "twist": 12.0, "pz": 0.08})]),
    21: ("choking someone's neck", 2.4, [
        (0.0, {**both(flex=84.0, hor=20.0, elb=16.0), "bend": 8.0, "pz": 0.06}),
        (0.4, {**both(flex=90.0, hor=26.0, elb=30.0), "bend": 12.0, "px": 0.04, "pz": 0.1}),
        (0.7, {**both(flex=86.0, hor=22.0, elb=24.0), "bend": 6.0, "px": -0.04, "pz": 0.04})]),
    22: ("pushing someone", 2.0, [
        (0.0, {**both(flex=50.0, elb=110.0), "pz": -0.06}),
        (0.45, {**both(flex=82.0, elb=8.0), "bend": 16.0, "pz": 0.2, "l_fz": 0.3}),
        (0.65, {**both(flex=76.0, elb=22.0), "bend": 10.0, "pz": 0.12, "l_fz": 0.3})]),
    23: ("body-weight squats", 2.8, [
        (0.0, {}),
        (0.5, {**both(flex=84.0, knee=22.0, fx=0.04), "py": 0.44, "pz": -0.12, "pitch": 24.0})]),
    24: ("tai chi", 5.0, [
        (0.0, {**lf(flex=60.0, elb=40.0), **rt(elb=90.0), "py": 0.12, "px": -0.14, "l_fx": 0.2}),
        (0.35, {**both(flex=70.0, hor=30.0, elb=50.0), "py": 0.16, "px": 0.02, "l_fx": 0.2}),
        (0.65, {**rt(flex=60.0, elb=40.0), **lf(elb=90.0), "py": 0.12, "px": 0.18, "l_fx": 0.2})]),
    25: ("boxing", 1.0, [
        (0.0, {**_GUARD, **lf(flex=86.0, elb=6.0), "twist": -22.0}),
        (0.25, {**_GUARD}),
        (0.5, {**_GUARD, **rt(flex=86.0, elb=6.0), "twist": 22.0}),
        (0.75, {**_GUARD})]),
    26: ("weightlifting", 3.2, [
        (0.0, {**both(flex=40.0), "py": 0.3, "pitch": 34.0, "bend": 18.0, "pz": -0.12}),
        (0.35, both(flex=40.0, elb=125.0)),
        (0.65, {**both(flex=165.0, elb=10.0), "bend": -4.0})]),
    27: ("hula hooping", 1.1, _circle({**both(abd=70.0, elb=60.0)}, "px", "pz", 0.09)),
    28: ("jumping rope", 0.75, [
        (0.0, {**both(abd=26.0, elb=60.0, rot=-20.0), "py": 0.08}),
        (0.5, {**both(abd=30.0, elb=64.0, rot=14.0), "jump": 0.12})]),
    29: ("jumping jack", 1.2, [
        (0.0, {"py": 0.06}),
        (0.5, {**both(abd=158.0, fx=0.3), "jump": 0.06})]),
    30: ("high leg lifting", 1.2, _legs(0.42, 0.22, 36.0)),
    31: ("waving", 1.1, [
        (0.0, {**rt(abd=88.0, rot=84.0, elb=46.0)}),
        (0.5, {**rt(abd=88.0, rot=84.0, elb=112.0)})]),
    32: ("clapping hands", 0.7, [
        (0.0, both(flex=58.0, elb=62.0, hor=-8.0)),
        (0.5, both(flex=58.0, elb=62.0, hor=30.0))]),
    33: ("falling on the floor", 5.2, [
        (0.0, {}),
        (0.3, {"py": 0.3, "roll": 20.0, **both(abd=50.0)}),
        (0.45, {"py": 0.66, "roll": 66.0, "px": 0.5, **both(abd=70.0)}),
        (0.75, {"py": 0.68, "roll": 72.0, "px": 0.54, **both(abd=60.0)})]),
    34: ("jumping", 1.7, [
        (0.0, {}),
        (0.3, {**both(flex=-32.0), "py": 0.26, "pz": -0.07, "pitch": 20.0}),
        (0.5, {**both(flex=100.0), "jump": 0.26}),
        (0.7, {**both(flex=30.0), "py": 0.18, "pitch": 14.0})]),
    35: ("running", 0.75, _legs(0.3, 0.26, 46.0)),
    36: ("sitting down", 5.0, [
        (0.0, {}), (0.2, _DOWN), (0.4, _SEAT), (0.75, {**_SEAT, "bend": -4.0})]),
    37: ("standing up", 5.0, [
        (0.0, _SEAT), (0.2, _DOWN), (0.4, {}), (0.75, {"bend": -3.0})]),
    38: ("turning", 3.2, [
        (0.0, {"yaw": 80.0, "turn": 24.0, "l_fy": 0.06}),
        (0.5, {"yaw": -80.0, "turn": -24.0, "r_fy": 0.06})]),
    39: ("walking", 1.3, _legs(0.12, 0.26, 26.0)),
    40: ("stretching oneself", 4.6, [
        (0.0, {}),
        (0.4, {**both(abd=165.0, elb=12.0), "bend": -12.0, "nod": -18.0}),
        (0.7, {**both(abd=140.0, elb=30.0), "bend": -10.0, "side": 10.0})]),
    41: ("patting a shoulder", 1.3, [
        (0.0, {**rt(flex=62.0, hor=62.0, elb=108.0)}),
        (0.5, {**rt(flex=82.0, hor=70.0, elb=88.0)})]),
    42: ("playing erhu", 1.9, [
        (0.0, {**_SEAT, **lf(flex=48.0, elb=108.0), **rt(abd=20.0, hor=46.0, elb=80.0)}),
        (0.5, {**_SEAT, **lf(flex=48.0, elb=108.0), **rt(abd=46.0, hor=-6.0, elb=44.0)})]),
    43: ("playing ukulele", 0.8, [
        (0.0, {**lf(abd=34.0, elb=92.0), **rt(flex=24.0, hor=44.0, elb=94.0)}),
        (0.5, {**lf(abd=34.0, elb=92.0), **rt(flex=34.0, hor=52.0, elb=76.0)})]),
    44: ("playing drums", 0.8, [
        (0.0, {**_SEAT, **lf(flex=44.0, elb=46.0), **rt(flex=64.0, elb=96.0)}),
        (0.5, {**_SEAT, **lf(flex=64.0, elb=96.0), **rt(flex=44.0, elb=46.0)})]),
    45: ("stomping", 1.5, [
        (0.0, {}), (0.35, {"r_fy": 0.3, "r_fz": 0.1, "px": 0.05}), (0.55, {"py": 0.04})]),
    46: ("shaking the head", 1.1, [(0.0, {"turn": 44.0}), (0.5, {"turn": -44.0})]),
    47: ("nodding", 1.2, [(0.0, {"nod": -10.0}), (0.5, {"nod": 34.0, "bend": 3.0})]),
    48: ("drawing a circle", 2.0, _circle(_POINT, "r_flex", "r_hor", 26.0)),
    49: ("drawing a cross", 2.6, [
        (0.0, {**_POINT, **rt(flex=112.0, hor=-20.0)}),
        (0.3, {**_POINT, **rt(flex=58.0, hor=34.0)}),
        (0.55, {**_POINT, **rt(flex=112.0, hor=34.0)}),
        (0.8, {**_POINT, **rt(flex=58.0, hor=-20.0)})]),
    50: ("pushing with the hand", 2.0, [
        (0.0, rt(flex=24.0, elb=118.0)), (0.4, _PALM), (0.55, {**_PALM, **rt(elb=10.0)})]),
    51: ("pulling with the hand", 2.0, [
        (0.0, {**_PALM, **rt(elb=10.0)}), (0.2, _PALM), (0.5, rt(flex=10.0, elb=124.0))]),
    52: ("swiping left", 1.7, [
        (0.0, {**_PALM, **rt(hor=-34.0)}), (0.35, {**_PALM, **rt(hor=64.0)}), (0.6, rt(elb=60.0))]),
    53: ("swiping right", 1.7, [
        (0.0, {**_PALM, **rt(hor=64.0)}), (0.35, {**_PALM, **rt(hor=-34.0)}), (0.6, rt(elb=60.0))]),
    54: ("swiping up", 1.7, [
        (0.0, {**_PALM, **rt(flex=30.0)}),
        (0.35, {**_PALM, **rt(flex=128.0)}),
        (0.6, rt(elb=60.0))]),
    55: ("swiping down", 1.7, [
        (0.0, {**_PALM, **rt(flex=128.0)}),
        (0.35, {**_PALM, **rt(flex=30.0)}),
        (0.6, rt(elb=60.0))]),
}  # fmt: skip
