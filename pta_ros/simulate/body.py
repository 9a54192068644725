"""A synthetic person: size, proportions, posture and way of moving, drawn from a seed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

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
