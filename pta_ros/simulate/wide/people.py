"""People of the wide world: any heading and place; walking, sitting, reaching, the 27 actions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pta_ros.simulate import kinematics
from pta_ros.simulate.actions import ACTIONS, Action
from pta_ros.simulate.body import RADII, Subject, vertices
from pta_ros.simulate.kinematics import CHANNELS, INDEX
from pta_ros.simulate.motion import Variation, channels
from pta_ros.simulate.wide.furniture import draw_chair
from pta_ros.simulate.wide.meshes import Mesh, Rng, box, turned

Array = NDArray[np.float64]

_LEGS = [i for n, i in INDEX.items() if n.endswith(("fx", "fy", "fz", "knee")) or n[0] in "pj"]
_ARMS = ("l", "r")
_KEYS = 6  # random key poses of one cycle
_FOLDS_M = 0.006
#: Height of a seat as it is drawn; and of a sitting person's pelvis above it.
SEAT_M, _PELVIS_M = 0.45, 0.12


@dataclass(frozen=True, eq=False)
class Person:
    """Somebody in a scene: `place` (x, y) metres and `heading` (rad, 0: away from the camera) at
    time 0, `speed` forward (m/s), `shape` factors of the surface's radii, what the person does.
    `dark_m`: so far around the top of the head hair swallows most of a camera's light. `seat`: what
    the person sits on, SEAT_M high, at the origin and looking along x."""

    subject: Subject
    action: Action
    variation: Variation
    place: Array
    heading: float
    speed: float
    shape: Array
    carries: str
    dark_m: float
    seat: Mesh | None = None

    def joints(self, time_s: float) -> Array:
        """Joints (17, 3) in the level frame."""
        return self.path(np.array([time_s]))[0]

    def path(self, time_s: Array) -> Array:
        """Joints (T, 17, 3) in the level frame at times (T,)."""
        moves = channels(self.subject, self.action, time_s, self.variation)
        return self._to_level(kinematics.solve(self.subject, moves), time_s)

    def surface(self, joints: Array, rng: Rng) -> NDArray[np.float32]:
        """Vertices (V, 3) around `joints`, creased like clothes; triangles are body.FACES."""
        mesh = vertices(self.subject, joints, self.shape)
        return mesh + rng.normal(0.0, _FOLDS_M, mesh.shape).astype(np.float32)

    def thing(self, joints: Array) -> Mesh | None:
        """What the person carries: a box in both hands, or a backpack; None for nothing."""
        if not self.carries:
            return None
        forward = np.array([np.cos(self.heading), np.sin(self.heading), 0.0])
        middle = (joints[13] + joints[16]) / 2 + 0.1 * forward
        if self.carries == "backpack":
            middle = (joints[7] + joints[8]) / 2 - 0.2 * forward
        corners, faces = box((-0.12, -0.15, -0.15), (0.12, 0.15, 0.2))
        c, s = forward[:2]
        return corners @ np.array([[c, s, 0.0], [-s, c, 0.0], [0.0, 0.0, 1.0]]) + middle, faces

    def seated_on(self, joints: Array) -> Mesh | None:
        """The seat under `joints` (17, 3); None for somebody who stands."""
        if self.seat is None:
            return None
        (x, y, z), (vertices, faces) = joints[0], self.seat
        top = max(z - _PELVIS_M, 0.1)
        up = vertices[:, 2]
        high = np.where(up > SEAT_M, up - SEAT_M + top, up * (top / SEAT_M))
        back = 0.04 * np.array([np.cos(self.heading), np.sin(self.heading)])
        local = np.column_stack([vertices[:, :2], high])
        return turned(local, self.heading, (x - back[0], y - back[1])), faces

    def _to_level(self, body: Array, time_s: Array) -> Array:
        c, s = np.cos(self.heading), np.sin(self.heading)
        left, up, forward = np.moveaxis(body, -1, 0)
        place = self.place + self.speed * time_s[:, None] * np.array([c, s])
        out = np.stack([forward * c - left * s, forward * s + left * c, up], axis=-1)
        out[..., :2] += place[:, None]
        return np.asarray(out)


def draw_person(rng: Rng, seed: int, index: int, place: Array) -> Person:
    """Person `index` of the population `seed`, somewhere at something."""
    subject = Subject.from_seed(seed, index)
    what = rng.choice(["acts", "gestures", "walks", "sits"], p=[0.22, 0.42, 0.2, 0.16])
    speed = 0.0
    if what == "acts":
        action = _mixed(rng)
    elif what == "walks":
        speed = float(rng.uniform(0.4, 1.5))
        action = _walking(rng, speed / subject.leg)
    else:
        action = _random_keys(rng, sits=what == "sits")
    action = _leaning(action, rng)
    carries = str(rng.choice(["", "box", "backpack"], p=[0.88, 0.06, 0.06]))
    variation = Variation.draw(seed, index, int(rng.integers(1 << 30)))
    return Person(
        subject, action, variation, place, float(rng.uniform(0, 2 * np.pi)), speed,
        _shape(rng), carries, float(rng.choice([0.0, 0.09, 0.13], p=[0.6, 0.2, 0.2])),
        _seat(rng) if what == "sits" else None,
    )  # fmt: skip


def draw_walker(rng: Rng, seed: int, index: int, speed_m_s: float) -> Person:
    """Person `index` of the population `seed`, who walks at `speed_m_s` wherever one is put."""
    subject = Subject.from_seed(seed, index)
    variation = Variation.draw(seed, index, int(rng.integers(1 << 30)))
    walking = _walking(rng, speed_m_s / subject.leg)
    return Person(subject, walking, variation, np.zeros(2), 0.0, 0.0, _shape(rng), "", 0.0)


def _seat(rng: Rng) -> Mesh:
    """A chair or, for one of three, a stool."""
    if rng.random() < 0.35:
        return box((-0.2, -0.2, SEAT_M - 0.08), (0.2, 0.2, SEAT_M))
    return draw_chair(rng, SEAT_M)


def _shape(rng: Rng) -> Array:
    """Factors of the parts' radii (P, 1, 3): clothes, hair, thin and heavy people."""
    parts = np.ones((len(RADII), 1, 3))
    heavy = float(rng.uniform(0.85, 1.25))
    parts[:2] *= heavy * rng.uniform(0.9, 1.15, (2, 1, 3))
    parts[2:4] *= rng.uniform(0.85, 1.5, (2, 1, 1))
    parts[4] *= rng.uniform(0.95, 1.3)
    for first, last, low, high in ((5, 7, 0.85, 1.45), (7, 9, 0.85, 1.45), (9, 11, 0.8, 1.3),
                                   (11, 13, 0.85, 1.35), (13, 15, 0.85, 1.5),
                                   (15, 17, 0.9, 1.3)):  # fmt: skip
        parts[first:last] *= rng.uniform(low, high)
    if rng.random() < 0.08:  # a skirt or a coat
        parts[11:13] *= np.array([1.7, 1.0, 1.5])
    return parts


def _mixed(rng: Rng) -> Action:
    """One of the 27 actions; every second time the legs do another one."""
    one, other = (ACTIONS[int(n)] for n in rng.integers(1, 28, 2))
    if rng.random() < 0.5 or len(one.poses) != len(other.poses):
        return one
    poses = one.poses.copy()
    poses[:, _LEGS] = other.poses[:, _LEGS]
    return Action("mixed", one.period_s, one.times, poses)


def _random_keys(rng: Rng, sits: bool) -> Action:
    """A cycle of random gestures, standing or sitting."""
    poses = np.zeros((_KEYS, len(CHANNELS)))
    legs = _sitting(rng) if sits else _standing(rng)
    for pose in poses:
        pose[:] = legs
        for name, value in _upper_body(rng).items():
            pose[INDEX[name]] += value
    times = np.arange(_KEYS) / _KEYS
    return Action("sitting" if sits else "gestures", float(rng.uniform(5.0, 9.0)), times, poses)


def _upper_body(rng: Rng) -> dict[str, float]:
    """Arms within wide human limits, most of the time; trunk and head within a little less."""
    out = {
        "bend": float(rng.normal(4.0, 8.0)), "side": float(rng.normal(0.0, 6.0)),
        "twist": float(rng.normal(0.0, 14.0)), "nod": float(rng.normal(4.0, 14.0)),
        "turn": float(rng.normal(0.0, 25.0)), "tilt": float(rng.normal(0.0, 6.0)),
    }  # fmt: skip
    for side in _ARMS:
        if rng.random() < 0.3:  # hangs, or rests on something
            out |= {f"{side}_flex": float(rng.normal(10, 18)), f"{side}_elb": float(
                rng.uniform(0, 100)), f"{side}_rot": float(rng.normal(0, 30))}  # fmt: skip
            continue
        elevation = float(rng.uniform(-80.0, 80.0))
        out[f"{side}_abd"] = 90.0 + elevation
        out[f"{side}_hor"] = float(rng.uniform(-40.0, 110.0))
        out[f"{side}_rot"] = float(rng.uniform(-75.0, 100.0))
        out[f"{side}_elb"] = float(rng.uniform(0.0, 145.0) * rng.choice([1.0, 0.3]))
    return out


def _standing(rng: Rng) -> Array:
    pose = np.zeros(len(CHANNELS))
    stance = {"l_fx": 0.0, "r_fx": 0.0, "l_fz": 0.0, "r_fz": 0.0}
    if rng.random() < 0.5:
        stance = {name: float(rng.uniform(-0.05, 0.2)) for name in stance}
        stance["py"] = float(rng.uniform(0.0, 0.12))
    for name, value in stance.items():
        pose[INDEX[name]] = value
    return pose


def _sitting(rng: Rng) -> Array:
    """Seat height and how far the feet are out vary; knees point forward and a little outward."""
    pose = np.zeros(len(CHANNELS))
    out = float(rng.uniform(0.3, 0.55))
    values = {"py": rng.uniform(0.38, 0.55), "pz": -out, "bend": rng.normal(-2.0, 8.0)}
    for side in _ARMS:
        values |= {f"{side}_fx": rng.uniform(-0.05, 0.2), f"{side}_knee": rng.uniform(0.0, 30.0)}
        values[f"{side}_fz"] = rng.uniform(-0.1, 0.2)
    for name, value in values.items():
        pose[INDEX[name]] = float(value)
    return pose


def _walking(rng: Rng, speed: float) -> Action:
    """A gait at `speed` leg lengths per second: each foot swings forward while the other carries.

    Stride and cadence grow with the root of the speed (Grieve and Gear 1966).
    """
    period = float(np.clip(1.1 / np.sqrt(max(speed, 0.2)), 0.8, 2.2))
    half = speed * period / 4
    lift = float(rng.uniform(0.08, 0.2))
    poses = np.zeros((4, len(CHANNELS)))
    swing = float(rng.uniform(0.0, 30.0))
    forward = (half, 0.0, -half, 0.0)
    for key in range(4):
        for side, phase in (("l", key), ("r", (key + 2) % 4)):
            poses[key, INDEX[f"{side}_fz"]] = forward[phase]
            poses[key, INDEX[f"{side}_fy"]] = lift if phase == 3 else 0.0
            poses[key, INDEX[f"{side}_flex"]] = -swing * forward[phase] / max(half, 1e-6)
    arms = _upper_body(rng)
    if rng.random() < 0.35:  # carries or gestures on the way
        for name, value in arms.items():
            poses[:, INDEX[name]] += value
    return Action("walking", period, np.arange(4) / 4, poses)


def _leaning(action: Action, rng: Rng) -> Action:
    """Sometimes the whole trunk leans or bends low."""
    if rng.random() > 0.15:
        return action
    poses = action.poses.copy()
    poses[:, INDEX["pitch"]] += float(rng.uniform(0.0, 45.0))
    poses[:, INDEX["bend"]] += float(rng.uniform(-10.0, 40.0))
    poses[:, INDEX["pz"]] -= 0.08
    return Action(action.name, action.period_s, action.times, poses)
