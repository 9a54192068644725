"""A synthetic person, drawn from a seed: size, proportions, posture, tempo; and its surface."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_STREAM = 101  # keeps the subject's draws apart from every other use of the same seed


@dataclass(frozen=True)
class Subject:
    """One person. Lengths in metres between joint centres, angles in degrees.

    `girth` scales every radius of the surface, `amplitude` the size and `tempo` the speed of all
    movements (both near 1), `posture` holds habitual offsets of motion channels.
    """

    seed: int
    index: int
    height: float
    thigh: float
    shin: float
    ankle_height: float
    hip_half: float
    hip_drop: float
    stance_half: float
    spine_low: float
    spine_high: float
    neck: float
    head: float
    shoulder_half: float
    shoulder_drop: float
    upper_arm: float
    forearm: float
    hand: float
    foot: float
    girth: float
    amplitude: float
    tempo: float
    posture: tuple[tuple[str, float], ...]

    @property
    def leg(self) -> float:
        """Thigh and shin together, metres: the unit of the motion's distances."""
        return self.thigh + self.shin

    @classmethod
    def from_seed(cls, seed: int, index: int) -> Subject:
        """Draw person `index` (any number from 1) of the population `seed`.

        Proportions vary by a few per cent around Drillis and Contini's shares of body height.
        """
        rng = np.random.default_rng([seed, index, _STREAM])
        height = float(np.clip(rng.normal(1.71, 0.095), 1.50, 1.92))
        lengths = {name: _length(share, height, rng) for name, share in _SHARES.items()}
        return cls(
            seed=seed,
            index=index,
            height=height,
            girth=float(np.clip(rng.normal(1.0, 0.09), 0.82, 1.25)),
            amplitude=float(rng.uniform(0.84, 1.12)),
            tempo=float(rng.uniform(0.82, 1.2)),
            posture=_posture(rng),
            **lengths,
        )


#: Share of body height of each length, and its relative standard deviation between people.
_SHARES: dict[str, tuple[float, float]] = {
    "thigh": (0.245, 0.025),
    "shin": (0.240, 0.025),
    "ankle_height": (0.042, 0.04),
    "hip_half": (0.065, 0.06),
    "hip_drop": (0.004, 0.2),
    "stance_half": (0.072, 0.18),
    "spine_low": (0.135, 0.03),
    "spine_high": (0.152, 0.03),
    "neck": (0.070, 0.05),
    "head": (0.068, 0.05),
    "shoulder_half": (0.098, 0.05),
    "shoulder_drop": (0.012, 0.3),
    "upper_arm": (0.170, 0.03),
    "forearm": (0.150, 0.03),
    "hand": (0.080, 0.04),
    "foot": (0.110, 0.04),
}


def _length(share: tuple[float, float], height: float, rng: np.random.Generator) -> float:
    factor = 1.0 + share[1] * float(np.clip(rng.standard_normal(), -2.0, 2.0))
    return share[0] * height * factor


def _posture(rng: np.random.Generator) -> tuple[tuple[str, float], ...]:
    """Habitual offsets: how the arms hang, how the back is held, how the feet stand."""
    abd, elb = rng.uniform(3.0, 14.0), rng.uniform(6.0, 24.0)
    flex, bend = rng.normal(0.0, 4.0), rng.normal(2.0, 3.0)
    offsets = {
        "l_abd": abd + rng.normal(0.0, 1.5),
        "r_abd": abd + rng.normal(0.0, 1.5),
        "l_elb": elb + rng.normal(0.0, 2.0),
        "r_elb": elb + rng.normal(0.0, 2.0),
        "l_flex": flex,
        "r_flex": flex,
        "bend": bend,
        "side": rng.normal(0.0, 1.2),
        "nod": rng.normal(4.0, 4.0),
        "l_knee": rng.uniform(0.0, 15.0),
        "r_knee": rng.uniform(0.0, 15.0),
        "l_fz": rng.normal(0.0, 0.02),
    }
    return tuple((name, float(value)) for name, value in offsets.items())


# -- the surface: stretched spheres around the bones as one triangle mesh --

_AROUND = 12
_LATITUDES = np.deg2rad([-50.0, 0.0, 0.0, 50.0])
_REFERENCE_HEIGHT = 1.71

# Radii in metres of a person of the reference height: (lateral, along the bone, front-back) at
# either end. The order is that of `_ends`.
RADII = np.array(
    [
        [[0.165, 0.09, 0.115], [0.140, 0.08, 0.100]],  # hips to waist
        [[0.140, 0.08, 0.100], [0.160, 0.07, 0.110]],  # waist to chest
        [[0.062, 0.05, 0.062], [0.062, 0.05, 0.062]],  # shoulder to shoulder
        [[0.056, 0.03, 0.056], [0.052, 0.03, 0.052]],  # neck
        [[0.076, 0.09, 0.088], [0.076, 0.08, 0.090]],  # head
        *([[[0.050, 0.05, 0.050], [0.041, 0.041, 0.041]]] * 2),  # upper arms
        *([[[0.041, 0.041, 0.041], [0.028, 0.028, 0.028]]] * 2),  # forearms
        *([[[0.036, 0.03, 0.025], [0.036, 0.03, 0.022]]] * 2),  # hands
        *([[[0.083, 0.08, 0.083], [0.056, 0.056, 0.056]]] * 2),  # thighs
        *([[[0.056, 0.056, 0.056], [0.038, 0.038, 0.038]]] * 2),  # shins
        *([[[0.040, 0.035, 0.035], [0.045, 0.035, 0.028]]] * 2),  # feet
    ]
)


def _template() -> tuple[Array, Array, NDArray[np.uint32]]:
    """Unit sphere (V, 3), each vertex' end of the bone (V,) as 0 or 1, and triangles (F, 3)."""
    turn = 2.0 * np.pi * np.arange(_AROUND) / _AROUND
    rings = [
        np.stack([np.cos(a) * np.cos(turn), np.full(_AROUND, np.sin(a)), np.cos(a) * np.sin(turn)])
        for a in _LATITUDES
    ]
    points = np.concatenate([[[0.0, -1.0, 0.0]], *(r.T for r in rings), [[0.0, 1.0, 0.0]]])
    end = (np.arange(len(points)) > 2 * _AROUND).astype(float)
    i, j = np.arange(_AROUND), (np.arange(_AROUND) + 1) % _AROUND
    faces = [np.stack([np.zeros_like(i), 1 + j, 1 + i], 1)]
    for ring in range(len(_LATITUDES) - 1):
        a, b = 1 + ring * _AROUND, 1 + (ring + 1) * _AROUND
        faces += [np.stack([a + i, a + j, b + i], 1), np.stack([a + j, b + j, b + i], 1)]
    last = 1 + (len(_LATITUDES) - 1) * _AROUND
    faces.append(np.stack([last + i, last + j, np.full_like(i, len(points) - 1)], 1))
    return points, end, np.concatenate(faces).astype(np.uint32)


_POINTS, _END, _FACES = _template()

#: Triangles (F, 3) of every body's mesh: they never change.
FACES: NDArray[np.uint32] = (
    _FACES[None] + (np.arange(len(RADII)) * len(_POINTS))[:, None, None].astype(np.uint32)
).reshape(-1, 3)


def vertices(subject: Subject, joints: Array, shape: Array | float = 1.0) -> NDArray[np.float32]:
    """Surface points (V, 3), in the frame and unit of `joints` (17, 3), metres.

    `shape` holds factors of RADII: clothes and hair.
    """
    start, stop, lateral = _ends(subject, joints)
    along = _unit(stop - start)
    front = _unit(np.cross(lateral, along))
    frame = np.stack([np.cross(along, front), along, front], axis=1)  # (P, 3 axes, 3)
    radii = RADII * shape * (subject.girth * subject.height / _REFERENCE_HEIGHT)
    scale = radii[:, 0, None] * (1.0 - _END[:, None]) + radii[:, 1, None] * _END[:, None]
    centre = start[:, None] + _END[None, :, None] * (stop - start)[:, None]
    return (centre + (scale * _POINTS) @ frame).reshape(-1, 3).astype(np.float32)


def _ends(subject: Subject, joints: Array) -> tuple[Array, Array, Array]:
    """Start, end and lateral axis (P, 3) each of the parts listed in `RADII`."""
    j = joints
    across, shoulders = j[4] - j[1], j[11] - j[14]
    hands = [_unit(j[w] - j[e]) * subject.hand for e, w in ((12, 13), (15, 16))]
    heels, toes = _feet(subject, j)
    head = j[10] - j[9]
    start = [j[0], j[7], j[11], j[8], j[9] + 0.1 * head, j[11], j[14], j[12], j[15], j[13], j[16]]
    start += [j[4], j[1], j[5], j[2], *heels]
    chest = j[8] + 0.18 * (j[7] - j[8])
    stop = [j[7], chest, j[14], j[9], j[9] + 0.6 * head, j[12], j[15], j[13], j[16]]
    stop += [j[13] + hands[0], j[16] + hands[1], j[5], j[2], j[6], j[3], *toes]
    lateral = [across, shoulders, j[8] - j[7], *([shoulders] * 2), *([_unsymmetric(j)] * 6)]
    lateral += [across] * 6
    return np.array(start), np.array(stop), np.array(lateral)


def _unsymmetric(joints: Array) -> Array:
    """An axis that no arm lies along for long: arms are round, only the hands notice."""
    side, up = joints[11] - joints[14], joints[8] - joints[7]
    return np.asarray(np.cross(side, up) + 0.31 * side + 0.17 * up)


def _feet(subject: Subject, j: Array) -> tuple[list[Array], list[Array]]:
    """Heels and toes: a foot stands square to its shin, pointing the way the pelvis faces."""
    forward = np.cross(j[4] - j[1], j[7] - j[0])
    heels, toes = [], []
    for knee, ankle in ((5, 6), (2, 3)):
        shin = _unit(j[ankle] - j[knee])
        ahead = _unit(forward - 0.8 * np.dot(forward, shin) * shin)
        sole = j[ankle] + 0.5 * subject.ankle_height * shin
        heels.append(sole - 0.25 * subject.foot * ahead)
        toes.append(sole + 0.9 * subject.foot * ahead)
    return heels, toes


def _unit(vectors: Array) -> Array:
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9))
