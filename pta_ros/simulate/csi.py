"""Wi-Fi channel state of a body in the lab: static paths that it shadows, and its own echoes.

Static paths are the line of sight, the mirror images in walls, floor and ceiling, and a few
reflectors. A body part near a path attenuates it over the width of the first Fresnel zone, so that
amplitudes vary smoothly with where the person stands and how; the echoes off the body interfere.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pta_ros.simulate.kinematics import Array
from pta_ros.simulate.room import ROOM, Arrangement
from pta_ros.skeleton import BONES

_LIGHT = 299_792_458.0


@dataclass(frozen=True)
class RadioModel:
    """An 802.11n card at 5 GHz, 40 MHz: three receive antennas, ten packets in 100 ms.

    `shadow` is the amplitude share a fully blocking body removes; `echo` the body's amplitude
    reflectivity in metres; `mirror` a wall's reflection coefficient; `snr_db` of one packet.
    `gain_jitter` is the relative error of the gain control per packet; `corrupt_frames` the share
    of frames in which a few values are infinite (as in recorded data).
    """

    frequency_hz: float = 5.32e9
    spacing_hz: float = 312.5e3
    antennas: int = 3
    antenna_step_m: float = 0.058
    subcarriers: int = 114
    packets: int = 10
    packet_s: float = 0.01
    shadow: float = 0.88
    echo: float = 0.11
    mirror: float = 0.45
    snr_db: float = 28.0
    gain_jitter: float = 0.02
    corrupt_frames: float = 0.03
    level: float = 40.0

    @property
    def wavelength(self) -> float:
        """Metres."""
        return _LIGHT / self.frequency_hz

    def packet_times(self) -> Array:
        """Times (packets,) in seconds around the frame's own time."""
        return np.asarray((np.arange(self.packets) - 0.5 * (self.packets - 1)) * self.packet_s)

    def offsets_hz(self) -> Array:
        """Subcarriers' distances (subcarriers,) from the carrier."""
        steps = np.arange(self.subcarriers) - 0.5 * (self.subcarriers - 1)
        return np.asarray(steps * self.spacing_hz)


class RadioChannel:
    """The channel between the transmitter and the receiver of one arrangement."""

    def __init__(self, where: Arrangement, model: RadioModel | None = None) -> None:
        self.model, self._where = model or RadioModel(), where
        steps = np.arange(self.model.antennas) - 0.5 * (self.model.antennas - 1)
        self._antennas = where.receiver + self.model.antenna_step_m * steps[:, None] * where.axis
        self._legs, self._strength = _static_paths(where, self.model.mirror)
        self._static = self._static_response()
        self._weights, self._radius, self._echo = body_points()
        self._card = _card_response(self.model)

    def amplitude(self, joints: Array, seed: list[int]) -> NDArray[np.float64]:
        """CSI amplitude (antennas, subcarriers, packets), linear units, with a few ±inf.

        `joints` (packets, 17, 3) metres in the camera frame at `RadioModel.packet_times`.
        """
        rng = np.random.default_rng(seed)
        response = self.response(joints) * self._card[:, :, None]
        return _receive(response, self.model, rng)

    def response(self, joints: Array) -> NDArray[np.complex128]:
        """Noise-free channel (antennas, subcarriers, packets) with the body present."""
        points = np.einsum("sj,tjc->tsc", self._weights, joints)
        through = self._transmission(points)  # (T, paths)
        out = np.einsum("tp,apk->akt", through, self._static)
        return np.asarray(out + self._echoes(points))

    def _static_response(self) -> NDArray[np.complex128]:
        """Undisturbed response (antennas, paths, subcarriers) of every static path."""
        shift = self._antennas - self._where.receiver
        lengths = np.linalg.norm(np.diff(self._legs, axis=1), axis=2).sum(axis=1)
        arrival = self._legs[:, 3] - self._legs[:, 2]
        arrival = arrival / np.linalg.norm(arrival, axis=1, keepdims=True)
        path = lengths[None] + shift @ arrival.T  # plane wave over the small array
        carrier = np.exp(-2j * np.pi * path / self.model.wavelength) * self._strength
        band = np.exp(-2j * np.pi * np.outer(lengths, self.model.offsets_hz()) / _LIGHT)
        return np.asarray(carrier[:, :, None] * band)

    def _transmission(self, points: Array) -> Array:
        """Amplitude (T, paths) that the body leaves of each static path."""
        start, stop = self._legs[:, :-1], self._legs[:, 1:]  # (P, 3 legs, 3)
        step = stop - start
        square = np.maximum(np.sum(step**2, axis=-1), 1e-9)
        offset = points[:, :, None, None] - start  # (T, S, P, legs, 3)
        share = np.clip(np.einsum("tsplc,plc->tspl", offset, step) / square, 0.0, 1.0)
        gap = np.sum((offset - share[..., None] * step) ** 2, axis=-1)
        zone = self.model.wavelength * np.sqrt(square) * share * (1.0 - share)
        width = self._radius[:, None, None] ** 2 + 0.5 * zone + 0.05**2
        blocked = np.exp(-gap / (2.0 * width)) * (self._radius[:, None, None] / 0.12)
        opaque = blocked.sum(axis=(1, 3))
        return np.asarray(1.0 - self.model.shadow * (1.0 - np.exp(-opaque)))

    def _echoes(self, points: Array) -> NDArray[np.complex128]:
        """Bistatic scattering (antennas, subcarriers, T) off the body's points."""
        out = np.linalg.norm(points - self._where.transmitter, axis=-1)  # (T, S)
        back = np.linalg.norm(points[:, :, None] - self._antennas, axis=-1)  # (T, S, A)
        path = out[..., None] + back
        strength = self.model.echo * self._echo / out
        carrier = strength[..., None] / back * np.exp(-2j * np.pi * path / self.model.wavelength)
        middle = path.mean(axis=(0, 2))  # over the band, centimetres do not count
        band = np.exp(-2j * np.pi * np.outer(middle, self.model.offsets_hz()) / _LIGHT)
        return np.asarray(np.einsum("tsa,sk->akt", carrier, band, optimize=True))


def _static_paths(where: Arrangement, mirror: float) -> tuple[Array, Array]:
    """Corner points (P, 4, 3) from transmitter to receiver, and amplitudes (P,)."""
    tx, rx = where.transmitter, where.receiver
    paths, strength = [[tx, tx, tx, rx]], [float(1.0 / np.linalg.norm(rx - tx))]
    walls = [(axis, float(ROOM[side, axis])) for axis in range(3) for side in range(2)]
    for axis, wall in walls:
        hit, length = _bounce(tx, rx, axis, wall)
        paths.append([tx, tx, hit, rx])
        strength.append(mirror / length)
    for *position, gain in where.reflectors:
        point = np.array(position)
        paths.append([tx, tx, point, rx])
        length = float(np.linalg.norm(point - tx) + np.linalg.norm(rx - point))
        strength.append(gain / length)
    return np.array(paths), np.array(strength)


def _bounce(tx: Array, rx: Array, axis: int, wall: float) -> tuple[Array, float]:
    """Point of reflection on a wall and the path's length, by the image of the transmitter."""
    image = tx.copy()
    image[axis] = 2.0 * wall - tx[axis]
    share = (wall - image[axis]) / (rx[axis] - image[axis])
    return image + share * (rx - image), float(np.linalg.norm(rx - image))


def body_points(per_bone: int = 3) -> tuple[Array, Array, Array]:
    """Weights (S, 17) that make S points of 17 joints, their radii (S,) and echo shares (S,)."""
    weights, radius = [], []
    for parent, child in BONES:
        size = _BONE_RADIUS.get((parent, child), 0.05)
        for k in range(per_bone):
            row = np.zeros(17)
            row[child] = (k + 0.5) / per_bone
            row[parent] = 1.0 - row[child]
            weights.append(row)
            radius.append(size)
    radii = np.array(radius)
    return np.array(weights), radii, radii / np.sqrt(np.sum(radii**2))


_BONE_RADIUS = {
    **{(0, 7): 0.14, (7, 8): 0.15, (8, 9): 0.07, (9, 10): 0.09},
    **{(0, 1): 0.10, (0, 4): 0.10, (8, 11): 0.08, (8, 14): 0.08},
    **{(1, 2): 0.08, (4, 5): 0.08, (2, 3): 0.055, (5, 6): 0.055},
    **{(11, 12): 0.05, (14, 15): 0.05, (12, 13): 0.045, (15, 16): 0.045},
}


def _card_response(model: RadioModel) -> NDArray[np.complex128]:
    """The card's own smooth filter (antennas, subcarriers); the same card everywhere."""
    rng = np.random.default_rng(5320)
    x = np.linspace(-1.0, 1.0, model.subcarriers)
    ripple = sum(
        rng.uniform(-0.04, 0.04, (model.antennas, 1)) * np.cos(np.pi * k * x) for k in (1, 2, 3)
    )
    edge = 1.0 - 0.18 * np.abs(x) ** 8
    return np.asarray((1.0 + ripple) * edge * rng.uniform(0.85, 1.15, (model.antennas, 1)) + 0j)


def _receive(
    response: NDArray[np.complex128], model: RadioModel, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Thermal noise, gain control and the occasional infinite value of a real card."""
    power = float(np.mean(np.abs(response) ** 2))
    sigma = np.sqrt(0.5 * power * 10.0 ** (-model.snr_db / 10.0))
    noise = rng.standard_normal((2, *response.shape))
    noisy = np.abs(response + sigma * (noise[0] + 1j * noise[1]))
    gain = 1.0 + model.gain_jitter * rng.standard_normal(response.shape[2])
    out = np.asarray(noisy * gain * (model.level / np.sqrt(power)))
    if rng.random() < model.corrupt_frames:
        count = int(rng.integers(1, 40))
        out.reshape(-1)[rng.integers(0, out.size, count)] = rng.choice([np.inf, -np.inf], count)
    return out
