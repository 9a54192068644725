from types import SimpleNamespace

import numpy as np
import pytest

from pta_ros.errors import DecodeError
from pta_ros.sensors import SENSORS
from pta_ros.simulate import garbage
from pta_ros.simulate.outbox import pack
from pta_ros.simulate.recording import Recording
from pta_ros.simulate.script import Fault, Phase


@pytest.fixture(scope="module")
def frame():
    return Recording(5, 41, 3).frame(7)


def csi_message(raw):
    antennas, subcarriers, packets = raw.shape
    return SimpleNamespace(
        antennas=antennas,
        subcarriers=subcarriers,
        packets=packets,
        amplitude=raw.amplitude,
        phase=[],
    )


def image_message(raw):
    return SimpleNamespace(
        height=raw.height,
        width=raw.width,
        encoding=raw.encoding,
        is_bigendian=0,
        step=2 * raw.width,
        data=raw.data,
    )


def cloud_message(raw):
    fields = [
        SimpleNamespace(name=n, offset=4 * i, datatype=7, count=1) for i, n in enumerate("xyz")
    ]
    return SimpleNamespace(
        height=1,
        width=raw.points,
        fields=fields,
        is_bigendian=False,
        point_step=12,
        row_step=12 * raw.points,
        is_dense=True,
        data=raw.data,
    )


def test_clean_contents_are_what_the_sensors_take(frame):
    assert SENSORS["csi"]().process(csi_message(garbage.clean_csi(frame.csi)), "csi").shape
    depth = SENSORS["depth"]().decode(image_message(garbage.clean_depth(frame.depth_mm)), "depth")
    np.testing.assert_allclose(depth, frame.depth_mm / 1000.0, atol=1e-6)
    cloud = SENSORS["lidar"]().decode(cloud_message(garbage.clean_cloud(frame.lidar_m)), "lidar")
    np.testing.assert_array_equal(cloud, frame.lidar_m)


@pytest.mark.parametrize("turn", range(len(garbage.CSI_KINDS)), ids=garbage.CSI_KINDS)
@pytest.mark.parametrize("seed", range(4))
def test_every_kind_of_csi_garbage_is_refused(frame, turn, seed):
    raw = garbage.garble_csi(turn, frame.csi, np.random.default_rng(seed))
    with pytest.raises(DecodeError):
        SENSORS["csi"]().process(csi_message(raw), "wifi/csi")


@pytest.mark.parametrize("turn", range(len(garbage.DEPTH_KINDS)), ids=garbage.DEPTH_KINDS)
def test_every_kind_of_depth_garbage_is_refused(frame, turn):
    raw = garbage.garble_depth(turn, frame.depth_mm)
    with pytest.raises(DecodeError):
        SENSORS["depth"]().process(image_message(raw), "depth/image")


@pytest.mark.parametrize("turn", range(len(garbage.LIDAR_KINDS)), ids=garbage.LIDAR_KINDS)
def test_every_kind_of_lidar_garbage_is_refused(frame, turn):
    raw = garbage.garble_cloud(turn, frame.lidar_m)
    with pytest.raises(DecodeError):
        SENSORS["lidar"]().process(cloud_message(raw), "lidar/points")


def test_pack_sends_what_the_phase_lets_through(frame):
    faults = {"lidar": Fault.SILENT, "depth": Fault.FROZEN, "csi": Fault.GARBAGE}
    out = pack(frame, Phase("p", 0, 1, faults), 1, seed=3)
    assert out.cloud is None
    assert out.depth is None
    assert out.repeat == ("depth",)
    assert out.csi.shape == (2, 114, 10)
    clean = pack(frame, Phase("p", 0, 1), 1, seed=3)
    assert (clean.depth.encoding, clean.cloud.points, clean.csi.shape) == (
        "16UC1",
        len(frame.lidar_m),
        (3, 114, 10),
    )
    assert clean.repeat == ()


def test_the_same_tick_gives_the_same_garbage(frame):
    phase = Phase("p", 0, 1, {"csi": Fault.GARBAGE})
    noise = garbage.CSI_KINDS.index("noise")
    a, b, other = (pack(frame, phase, i, seed=3).csi.amplitude for i in (noise, noise, noise + 5))
    np.testing.assert_array_equal(a, b)
    assert not np.array_equal(a, other)
