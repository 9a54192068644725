"""XRF55's sensors around a person: a 62 GHz radar, nine Wi-Fi links, 23 RFID tags.

The radar's heat maps are range over radial speed beside range over angle. One Wi-Fi transmitter
sends to three receivers of three antennas each. The tags hang behind and beside the person and are
read by one antenna.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pta_ros.simulate.csi import body_points
from pta_ros.simulate.kinematics import Array

RADAR = np.array([0.0, -0.15, 0.0])  # the radar: beside the camera, looking along z
_LIGHT = 299_792_458.0


@dataclass(frozen=True)
class RadarModel:
    """Bins and resolutions; the two maps stand side by side, `columns` wide each.

    `speckle`: exponential fading of every body point from frame to frame. `floor` and `span_db`
    set the 0 and 255 of the logarithmic counts.
    """

    rows: int = 256
    columns: int = 64
    range_step_m: float = 0.02
    speed_max: float = 3.2
    angle_max_deg: float = 60.0
    range_spread_m: float = 0.045
    speed_spread: float = 0.13
    angle_spread_deg: float = 7.0
    noise: float = 0.02
    floor: float = 1e-3
    span_db: float = 40.0


class Radar:
    """The radar in one scene: its clutter is the scene's."""

    def __init__(self, scene: int, model: RadarModel | None = None) -> None:
        self.model = model or RadarModel()
        self._weights, _, self._echo = body_points()
        rng = np.random.default_rng([62, scene])
        where = rng.uniform([0.6, -50.0, 0.5], [5.0, 50.0, 4.0], (7, 3))
        self._clutter = self._draw(where[:, 0], np.zeros(7), where[:, 1], where[:, 2])

    def maps(self, joints: Array, step_s: float, rng: np.random.Generator) -> NDArray[np.uint8]:
        """Counts (N, 256, 128) of N instants; `joints` (N, 2, 17, 3) are `step_s` apart each."""
        seen = np.einsum("sj,ntjc->ntsc", self._weights, joints) - RADAR
        distance = np.linalg.norm(seen, axis=-1)
        speed = (distance[:, 1] - distance[:, 0]) / step_s
        angle = np.rad2deg(np.arctan2(seen[:, 0, :, 0], seen[:, 0, :, 2]))
        power = 60.0 * self._echo**2 * (3.0 / distance[:, 0]) ** 4
        power = power * rng.standard_exponential(power.shape)
        out = np.empty((len(joints), self.model.rows, 2 * self.model.columns), np.float32)
        for k in range(len(joints)):
            out[k] = self._draw(distance[k, 0], speed[k], angle[k], power[k])
        out += self._clutter * rng.uniform(0.9, 1.1)
        out *= rng.standard_exponential(out.shape, np.float32) * 0.3 + 0.7
        out += self.model.noise * rng.standard_exponential(out.shape, np.float32)
        decibels = 10.0 * np.log10(np.maximum(out, self.model.floor) / self.model.floor)
        return np.clip(decibels * (255.0 / self.model.span_db), 0, 255).astype(np.uint8)

    def _draw(
        self, distance: Array, speed: Array, angle: Array, power: Array
    ) -> NDArray[np.float32]:
        """Power (256, 128) of points: both maps."""
        m = self.model
        rows = np.arange(m.rows) * m.range_step_m
        speeds = np.linspace(-m.speed_max, m.speed_max, m.columns)
        angles = np.linspace(-m.angle_max_deg, m.angle_max_deg, m.columns)
        along = _bumps(rows, distance, m.range_spread_m) * power[:, None].astype(np.float32)
        across = [_bumps(speeds, speed, m.speed_spread), _bumps(angles, angle, m.angle_spread_deg)]
        return np.concatenate([along.T @ part for part in across], axis=1)


def _bumps(axis: NDArray[np.floating], at: Array, spread: float) -> NDArray[np.float32]:
    """One bump per point over the bins: (points, bins)."""
    away = ((axis - at[:, None]) / spread).astype(np.float32)
    return np.exp(-0.5 * away * away)


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


@dataclass(frozen=True)
class RfidModel:
    """922.38 MHz; `noise_rad` of one phase reading, `miss` the share of readings that fail.

    A reading that fails repeats the tag's last one, as the data set's resampling does.
    """

    wavelength_m: float = 0.325
    tags: int = 23
    echo: float = 0.3
    noise_rad: float = 0.4
    miss: float = 0.3


class Rfid:
    """Antenna and tags in one scene."""

    def __init__(self, scene: int, model: RfidModel | None = None) -> None:
        self.model = m = model or RfidModel()
        rng = np.random.default_rng([92, scene])
        self._antenna = np.array([0.3, -0.4, 0.9]) + rng.uniform(-0.1, 0.1, 3)
        along = np.linspace(-1.3, 1.3, m.tags)
        rows = np.array([-0.5, 0.0, 0.5])[np.arange(m.tags) % 3]
        self._tags = np.stack([along, rows, 4.2 - 0.3 * along**2], axis=1)
        self._tags += rng.uniform(-0.05, 0.05, self._tags.shape)
        self._offsets = 2 * np.pi * rng.random(m.tags)
        self._weights, _, self._echo = body_points(1)

    def phase(self, joints: Array, rng: np.random.Generator) -> NDArray[np.float32]:
        """Phases (T, 23) in [0, 2 pi) with the body at (T, 17, 3)."""
        m = self.model
        points = np.einsum("sj,tjc->tsc", self._weights, joints)
        out = np.linalg.norm(points - self._antenna, axis=-1)
        back = np.linalg.norm(points[:, :, None] - self._tags, axis=-1)
        direct = np.linalg.norm(self._tags - self._antenna, axis=-1)
        size = m.echo * direct * self._echo[:, None] / (out[..., None] * back)
        turns = (out[..., None] + back - direct) / m.wavelength_m
        one_way = 1.0 + np.sum(3.0 * size * np.exp(-2j * np.pi * turns), axis=1)  # (T, tags)
        phase = np.angle(one_way * one_way) + self._offsets - 4 * np.pi * direct / m.wavelength_m
        phase = phase + m.noise_rad * rng.standard_normal(phase.shape)
        return np.mod(_held(phase, rng.random(phase.shape) < m.miss), 2 * np.pi).astype(np.float32)


def _held(values: Array, missed: NDArray[np.bool_]) -> Array:
    """Values (T, tags) with each missed one replaced by the last that was not."""
    missed[0] = False
    rows = np.where(missed, 0, np.arange(len(values))[:, None])
    return np.asarray(np.take_along_axis(values, np.maximum.accumulate(rows, axis=0), axis=0))
