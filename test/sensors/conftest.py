"""Messages as plain attribute bags, shaped like rclpy's: decoders read attributes only."""

import array
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

# A busy machine must not fail a property.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")


def make_image(pixels, encoding="16UC1", padding=0, big=False):
    dtype = {"16UC1": "u2", "mono16": "u2", "16SC1": "i2", "32FC1": "f4", "64FC1": "f8"}[encoding]
    wire = np.ascontiguousarray(pixels).astype(np.dtype(dtype).newbyteorder(">" if big else "<"))
    rows = [row.tobytes() + b"\xaa" * padding for row in wire]
    step = wire.shape[1] * wire.itemsize + padding
    return SimpleNamespace(
        height=wire.shape[0],
        width=wire.shape[1],
        encoding=encoding,
        is_bigendian=int(big),
        step=step,
        data=array.array("B", b"".join(rows)),
    )


def make_cloud(points):
    points = np.asarray(points, "<f4").reshape(-1, 3)
    fields = [
        SimpleNamespace(name=name, offset=4 * i, datatype=7, count=1)
        for i, name in enumerate("xyz")
    ]
    return SimpleNamespace(
        height=1,
        width=len(points),
        fields=fields,
        is_bigendian=False,
        point_step=12,
        row_step=12 * len(points),
        data=array.array("B", points.tobytes()),
        is_dense=True,
    )


def make_csi(amplitude, phase=()):
    antennas, subcarriers, packets = np.shape(amplitude)
    return SimpleNamespace(
        antennas=antennas,
        subcarriers=subcarriers,
        packets=packets,
        amplitude=array.array("f", np.asarray(amplitude, np.float32).ravel().tolist()),
        phase=array.array("f", np.asarray(phase, np.float32).ravel().tolist()),
    )


@pytest.fixture(scope="session")
def image_message():
    return make_image


@pytest.fixture(scope="session")
def cloud_message():
    return make_cloud


@pytest.fixture(scope="session")
def csi_message():
    return make_csi


@pytest.fixture(scope="session")
def room_mm():
    """A wall at 4 m, a person-sized box at 3 m, a strip without return: uint16 (480, 640)."""
    image = np.full((480, 640), 4000, np.uint16)
    image[100:400, 250:390] = 3000
    image[:, :20] = 0
    return image


@pytest.fixture(scope="session")
def channel():
    """A smooth channel over subcarriers with little noise: float32 (3, 114, 10)."""
    rng = np.random.default_rng(5)
    ripple = 30 + 5 * np.sin(np.arange(114) / 9)[None, :, None] + np.arange(3)[:, None, None]
    return (ripple + rng.normal(0, 0.3, (3, 114, 10))).astype(np.float32)
