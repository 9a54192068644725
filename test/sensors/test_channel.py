"""CSI of other receivers: units, tones by frequency, and gaps with words of their own."""

from types import SimpleNamespace

import numpy as np
import pytest

from pta_ros.errors import DecodeError
from pta_ros.sensors import CsiSensor, WifiSensor
from pta_ros.sensors.channel import from_db, levelled, to_db
from pta_ros.sensors.tones import carrying, layout

SENSOR = CsiSensor()
GRID = layout(114, 40)


def curve(tones, seed=0):
    """A smooth channel at tone indexes, (3 antennas, tones, 10 packets)."""
    phase = np.random.default_rng(seed).uniform(0, 6, (3, 1, 1))
    ripple = 30 + 8 * np.sin(np.asarray(tones)[None, :, None] / 15 + phase)
    return np.repeat(ripple, 10, axis=2).astype(np.float32)


def message(array, mhz=40, unit=0):
    antennas, subcarriers, packets = array.shape
    return SimpleNamespace(
        antennas=antennas,
        subcarriers=subcarriers,
        packets=packets,
        amplitude=np.ascontiguousarray(array, np.float32).reshape(-1),
        phase=[],
        unit=unit,
        center_frequency_hz=5.32e9,
        bandwidth_hz=mhz * 1e6,
    )


@pytest.mark.parametrize(
    ("count", "mhz"), [(30, 40), (114, 40), (117, 40), (128, 40), (242, 80), (256, 80), (512, 160)]
)
def test_other_receivers_are_resampled_by_frequency(count, mhz):
    tones = layout(count, mhz)
    array = curve(tones)
    array[:, ~carrying(tones, mhz)] = 0  # guard and null tones hold zeros
    decoded = SENSOR.decode(message(array, mhz), "t")
    error = np.abs(decoded - curve(GRID))
    assert np.nanmax(error) < 0.25  # of 22 to 38; the widest gap is interpolated over
    assert np.isfinite(decoded).mean() > 0.94  # 160 MHz has no tones at the centre
    SENSOR.process(message(array, mhz), "t")


@pytest.mark.parametrize("count", [30, 52, 56, 64])
def test_a_narrower_channel_is_half_a_frame_and_is_told(count):
    tones = layout(count, 20)
    decoded = SENSOR.decode(message(curve(tones), 20), "t")
    inside = np.abs(GRID) <= 25
    assert np.isfinite(decoded[:, inside]).all()
    assert np.isnan(decoded[:, np.abs(GRID) > 30]).all()
    with pytest.raises(DecodeError, match=r"of 114 tones \(0-\d+, \d+-113\) were not measured"):
        SENSOR.process(message(curve(tones), 20), "t")


def test_56_of_114_tones_padded_with_zeros_are_no_frame():
    array = curve(GRID)
    array[:, 56:] = 0
    with pytest.raises(DecodeError, match=r"58 of 114 tones \(56-113\) were not measured"):
        SENSOR.process(message(array), "t")


def test_tones_that_hold_only_the_receivers_noise_are_told():
    array = curve(GRID)
    array[:, :60] *= 0.005
    with pytest.raises(DecodeError, match=r"60 of 114 tones \(0-59\) hold nothing"):
        SENSOR.process(message(array), "t")


def test_a_few_null_tones_are_repaired_and_not_taken_as_zeros():
    array = curve(GRID)
    array[:, 20:23] = 0
    reduced = SENSOR.process(message(array), "t")
    assert reduced[:, 20:23].min() > 0.2


def test_db_becomes_linear():
    array = curve(GRID)
    decoded = SENSOR.decode(message(to_db(array), unit=1), "t")
    np.testing.assert_allclose(decoded, array, rtol=1e-6)
    lost = np.array([-np.inf, np.nan, np.inf, 20.0])
    np.testing.assert_array_equal(from_db(lost), np.float32([-np.inf, np.nan, np.inf, 10.0]))
    with pytest.raises(DecodeError, match="unit = 7"):
        SENSOR.decode(message(array, unit=7), "t")


def test_a_model_of_db_gets_db():
    array = curve(GRID)
    linear, db = SENSOR.prepare(array, "t"), CsiSensor(unit="db").prepare(array, "t")
    level = to_db(array)
    expected = (level - level.min()) / (level.max() - level.min())
    np.testing.assert_allclose(db, expected, atol=1e-5)
    assert np.abs(linear - db).max() > 0.05


@pytest.mark.parametrize(
    ("array", "mhz", "match"),
    [
        (curve(GRID)[:1], 40, "1 antennas.*expected 3, as .*antennas: 1$"),
        (curve(GRID)[:, :, :4], 40, "4 packets a message.*10"),
        (curve(GRID)[:, :30], 0, "30 subcarriers and no bandwidth_hz"),
        (curve(GRID)[:, :31], 40, "31 subcarriers in a channel of 40 MHz"),
        (curve(GRID)[:, :30], 33, "30 subcarriers in a channel of 33 MHz"),
    ],
)
def test_what_a_model_cannot_use_is_told_with_what_to_do(array, mhz, match):
    with pytest.raises(DecodeError, match=match):
        SENSOR.decode(message(array, mhz), "t")


def test_an_absent_antenna_and_absent_packets_have_their_own_words():
    array = curve(GRID)
    array[1] = np.nan
    with pytest.raises(DecodeError, match="antennas 1 of 3 were not measured"):
        SENSOR.process(message(array), "t")
    array = curve(GRID)
    array[:, :, 6:] = np.nan
    with pytest.raises(DecodeError, match="4 of 10 packets were not measured"):
        SENSOR.process(message(array), "t")


def test_tones_in_the_order_of_the_fft_are_told():
    tones = layout(128, 40)
    array = curve(tones)
    array[:, ~carrying(tones, 40)] = 0.01
    with pytest.raises(DecodeError, match="order of the FFT"):
        SENSOR.decode(message(np.fft.ifftshift(array, axes=1)), "t")
    SENSOR.process(message(array), "t")


def test_shuffled_tones_are_not_called_noise():
    rng = np.random.default_rng(3)
    array = curve(GRID)[:, rng.permutation(114)]
    with pytest.raises(DecodeError, match="another order than by frequency"):
        SENSOR.process(message(array + rng.normal(0, 0.1, array.shape)), "t")
    with pytest.raises(DecodeError, match=r"\(noise\)"):
        SENSOR.process(message(rng.uniform(1, 9, (3, 114, 10))), "t")


def test_wifi_links_are_antennas_of_any_known_layout():
    sensor = WifiSensor()
    nine = np.concatenate([curve(layout(56, 20), seed) for seed in range(3)])
    decoded = sensor.decode(message(nine, 20), "t")
    grid = np.concatenate([curve(layout(30, 20), seed) for seed in range(3)])
    np.testing.assert_allclose(decoded.T.reshape(9, 30, 10), grid, atol=0.05)
    with pytest.raises(DecodeError, match=r"expected 9.*links: 3$"):
        sensor.decode(message(nine[:3], 20), "t")


def test_gain_steps_are_evened_out_and_people_are_not():
    array = curve(GRID) * (1 + 0.05 * np.sin(np.arange(10)))[None, None].astype(np.float32)
    assert levelled(array, SENSOR.gain_steps) is array
    steps = np.exp(np.random.default_rng(0).normal(0, 0.4, (3, 1, 10))).astype(np.float32)
    even = levelled(array * steps, SENSOR.gain_steps)
    means = even.mean(axis=1)
    np.testing.assert_allclose(means, np.broadcast_to(means[:, :1], means.shape), rtol=1e-5)
    np.testing.assert_allclose(even / even[:, :1], array / array[:, :1], rtol=1e-5)
    steps[1] = 0  # an antenna that is off stays off
    array[0, :, 3] = np.nan
    assert not levelled(array * steps, SENSOR.gain_steps)[1].any()
