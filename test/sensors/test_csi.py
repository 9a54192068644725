import array

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pta_ros.errors import ConfigError, DecodeError
from pta_ros.sensors import CsiSensor
from pta_ros.sensors.csi import coherence_of, repair

SENSOR = CsiSensor()


def toolbox_cleanup(frame):
    """The clean-up of MM-Fi's users as datasets describe it, in their own steps."""
    frame = np.where(np.isinf(frame), np.nan, frame.astype(np.float64))
    for packet in range(frame.shape[2]):
        one = frame[:, :, packet]
        one[np.isnan(one)] = one[~np.isnan(one)].mean()
    return (frame - frame.min()) / (frame.max() - frame.min())


def test_process_equals_the_data_sets_clean_up(csi_message, channel):
    frame = channel.copy()
    frame[0, 3:9, 2] = -np.inf
    frame[1, :, 2] = np.nan
    frame[2, 50, 7] = np.inf
    reduced = SENSOR.process(csi_message(frame), "t")
    assert reduced.dtype == np.float32
    np.testing.assert_allclose(reduced, toolbox_cleanup(frame), atol=1e-5)


def test_decode_keeps_the_order_antenna_subcarrier_packet(csi_message):
    frame = np.arange(3420, dtype=np.float32).reshape(3, 114, 10)
    np.testing.assert_array_equal(SENSOR.decode(csi_message(frame, frame), "t"), frame)


@pytest.mark.parametrize("kind", [list, np.array, lambda a: np.array(a, np.float64), tuple])
def test_decode_takes_any_sequence(kind, csi_message, channel):
    msg = csi_message(channel)
    msg.amplitude = kind(msg.amplitude)
    np.testing.assert_array_equal(SENSOR.decode(msg, "t"), channel)


@settings(max_examples=100)
@given(data=st.data())
def test_a_broken_message_is_right_or_a_decode_error(data, csi_message, channel):
    msg = csi_message(channel, channel)
    odd = st.one_of(st.integers(-1, 200), st.none(), st.text(max_size=3), st.floats())
    name = data.draw(st.sampled_from(["antennas", "subcarriers", "packets", "amplitude", "phase"]))
    if name in ("amplitude", "phase"):
        length = data.draw(st.one_of(st.integers(0, 3421), odd, st.lists(odd, max_size=3)))
        whole = getattr(msg, name) + array.array("f", [1.0])
        setattr(msg, name, whole[:length] if isinstance(length, int) else length)
    else:
        setattr(msg, name, data.draw(odd))
    try:
        decoded = SENSOR.decode(msg, "t")
    except DecodeError:
        return
    np.testing.assert_array_equal(decoded, channel)


def test_decode_refuses_another_antenna_count(csi_message, channel):
    with pytest.raises(DecodeError, match=r"2 antennas.*\(2, 114, 10\).*expected 3.*antennas: 2$"):
        SENSOR.decode(csi_message(channel[:2]), "wifi/csi")
    four = np.concatenate([channel, channel[:1]])
    with pytest.raises(DecodeError, match=r"4 antennas.*antennas: 4, or choose 3 .*csi_node"):
        SENSOR.decode(csi_message(four), "wifi/csi")


@settings(max_examples=50)
@given(
    frame=hnp.arrays(
        np.float32, (3, 114, 10), elements=st.floats(width=32), fill=st.floats(width=32)
    )
)
def test_any_frame_is_refused_or_reduced_to_0_to_1(frame):
    try:
        reduced = SENSOR.prepare(frame, "t")
    except DecodeError:
        return
    assert reduced.min() == 0
    assert reduced.max() == 1


def test_prepare_scales_to_0_to_1_and_leaves_its_input_alone(channel):
    before = channel.copy()
    reduced = SENSOR.prepare(channel, "t")
    assert (reduced.min(), reduced.max()) == (0, 1)
    np.testing.assert_array_equal(channel, before)


def test_a_packet_without_any_finite_value_takes_the_frames_mean(channel):
    frame = channel.copy()
    frame[:, :, 4] = np.nan
    expected = np.delete(channel, 4, axis=2).mean()
    np.testing.assert_allclose(repair(frame)[:, :, 4], expected, rtol=1e-5)
    SENSOR.prepare(frame, "t")


def broken(channel, part, value):
    frame = channel.copy()
    frame[part] = value
    return frame


@pytest.mark.parametrize(
    ("part", "value", "reason"),
    [
        ((slice(None), slice(None), slice(0, 4)), np.nan, "40.0%"),
        ((...,), np.nan, "100.0%"),
        ((...,), np.inf, "100.0%"),
        ((...,), 7.0, "all amplitudes are 7"),
        ((0, 0, 0), 2e6, "2e\\+06"),
        ((0,), -5.0, "negative"),
    ],
)
def test_check_refuses(channel, part, value, reason):
    with pytest.raises(DecodeError, match=reason):
        SENSOR.check(broken(channel, part, value), "wifi/csi")


def test_check_refuses_another_shape(channel):
    with pytest.raises(DecodeError, match=r"\(3, 114, 9\)"):
        SENSOR.check(channel[:, :, :9], "wifi/csi")


@pytest.mark.parametrize("seed", range(20))
def test_noise_is_no_channel(seed):
    rng = np.random.default_rng(seed)
    for noise in (rng.uniform(0, 100, (3, 114, 10)), np.abs(rng.normal(0, 1e3, (3, 114, 10)))):
        with pytest.raises(DecodeError, match="correlate"):
            SENSOR.check(noise.astype(np.float32), "wifi/csi")


def test_coherence_is_high_for_a_channel_and_zero_without_variation(channel):
    assert coherence_of(channel) > 0.9
    assert coherence_of(np.ones((3, 114, 10), np.float32)) == 0


def test_settings_that_cannot_work_are_refused():
    with pytest.raises(ConfigError, match="csi"):
        CsiSensor(antennas=0)
