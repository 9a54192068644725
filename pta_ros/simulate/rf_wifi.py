"""Nine Wi-Fi links around a person: one transmitter, three receivers of three antennas each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pta_ros.simulate.csi import body_points
from pta_ros.simulate.kinematics import Array

_LIGHT = 299_792_458.0


@dataclass(frozen=True)
class WifiModel:
    """5.64 GHz, 20 MHz in 30 groups of subcarriers; amplitudes in a receiver's linear units.

    `echo` is the body's reflectivity against the direct path, `shadow` the share of that path that
    a body in it removes; `gain_jitter` the gain control's relative error, per packet and receiver.
    """

    frequency_hz: float = 5.64e9
    spacing_hz: float = 20e6 / 30
    subcarriers: int = 30
    antenna_step_m: float = 0.027
    echo: float = 0.32
    shadow: float = 0.6
    snr_db: float = 21.0
    gain_jitter: float = 0.05
    level: float = 20.0


class Wifi:
    """The links in one scene: where the devices stand and what the walls return is the scene's."""

    def __init__(self, scene: int, model: WifiModel | None = None) -> None:
        self.model = m = model or WifiModel()
        rng = np.random.default_rng([56, scene])
        moved = rng.uniform(-0.15, 0.15, (4, 3))
        self._sender = (np.array([-1.9, -0.1, 3.0]) + moved[0]).astype(np.float32)
        places = np.array([[1.9, -0.1, 3.0], [0.9, -0.2, 4.7], [-0.7, 0.1, 1.2]]) + moved[1:]
        steps = (np.arange(3) - 1.0) * m.antenna_step_m
        antennas = places[:, None] + steps[:, None] * np.array([0.6, 0.0, 0.8])
        self._antennas = antennas.reshape(9, 3).astype(np.float32)
        self._places = places.astype(np.float32)
        offsets = (np.arange(m.subcarriers) - 0.5 * (m.subcarriers - 1)) * m.spacing_hz
        self._shift = -2j * np.pi * offsets / _LIGHT
        self._direct = np.exp(np.linalg.norm(self._antennas - self._sender, axis=1)[:, None]
                              * self._shift) * np.exp(2j * np.pi * rng.random((9, 1)))  # fmt: skip
        walls = rng.uniform(0.1, 0.35, (9, 5)) * np.exp(2j * np.pi * rng.random((9, 5)))
        lengths = rng.uniform(5.0, 14.0, (9, 5, 1))
        self._walls = np.einsum("lp,lpk->lk", walls, np.exp(lengths * self._shift))
        self._weights, self._radius, self._echo = body_points(1)

    def amplitude(self, joints: Array, rng: np.random.Generator) -> NDArray[np.float32]:
        """Amplitudes (T, 270), links then subcarriers, of packets with the body at (T, 17, 3)."""
        m = self.model
        points = np.einsum("sj,tjc->tsc", self._weights, joints).astype(np.float32)
        through = np.repeat(self._through(points), 3, axis=1)  # (T, 9)
        response = through[..., None] * self._direct + self._walls + self._echoes(points)
        power = np.mean(np.abs(response) ** 2)
        sigma = np.sqrt(0.5 * power * 10.0 ** (-m.snr_db / 10.0)).astype(np.float32)
        noise = rng.standard_normal((2, *response.shape), np.float32) * sigma
        noisy = np.hypot(response.real + noise[0], response.imag + noise[1])
        gain = 1.0 + m.gain_jitter * rng.standard_normal((len(joints), 3))
        noisy *= np.repeat(gain, 3, axis=1)[..., None] * (m.level / np.sqrt(power))
        return noisy.reshape(len(joints), -1).astype(np.float32)

    def _through(self, points: Array) -> Array:
        """What the body leaves of each receiver's direct path, (T, 3)."""
        step = self._places - self._sender
        offset = points[:, :, None] - self._sender
        share = np.clip(np.einsum("tsrc,rc->tsr", offset, step) / np.sum(step**2, axis=1), 0, 1)
        gap = np.sum((offset - share[..., None] * step) ** 2, axis=-1)
        width = self._radius[:, None] ** 2 + 0.2**2
        opaque = np.sum(np.exp(-gap / (2 * width)) * (self._radius[:, None] / 0.12), axis=1)
        return np.asarray(1.0 - self.model.shadow * (1.0 - np.exp(-opaque)))

    def _echoes(self, points: Array) -> NDArray[np.complex64]:
        """Echoes off the body's points (T, 9, subcarriers)."""
        out = np.linalg.norm(points - self._sender, axis=-1)  # (T, S)
        back = np.linalg.norm(points[:, :, None] - self._antennas, axis=-1)  # (T, S, 9)
        path = out[..., None] + back
        turns = (path * (self.model.frequency_hz / _LIGHT)) % 1.0
        angle = (-2 * np.pi * turns).astype(np.float32)
        size = (self.model.echo * 4.0 * self._echo / out)[..., None] / back
        carrier = (size * (np.cos(angle) + 1j * np.sin(angle))).astype(np.complex64)
        middle = path.mean(axis=0)  # over the band, centimetres do not count
        band = np.exp(middle[..., None] * self._shift).astype(np.complex64)  # (S, 9, K)
        return np.matmul(carrier.transpose(2, 0, 1), band.transpose(1, 0, 2)).transpose(1, 0, 2)
