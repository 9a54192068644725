"""Radar, Wi-Fi and RFID: a window from a file and the same window from packets are one thing."""

import array
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pta_ros.errors import ConfigError, DecodeError
from pta_ros.sensors import RadarSensor, RfidSensor, WifiSensor
from pta_ros.sensors.rfid import coherence
from pta_ros.sensors.window import held
from pta_ros.simulate.rf import RfRecording

SENSORS = {"radar": RadarSensor(), "wifi": WifiSensor(), "rfid": RfidSensor()}
CONTENTS = RfRecording(3, 2, 23).packets().contents
WINDOWS = {m: np.asarray(c, np.float32) for m, c in CONTENTS.items()}


def floats(values):
    return array.array("f", np.asarray(values, np.float32).ravel().tolist())


def message(modality, packets):
    """A message of a few packets, as attributes."""
    if modality == "radar":
        rows, columns = packets[0].shape
        return SimpleNamespace(rows=rows, columns=columns, power=floats(packets[0]))
    if modality == "rfid":
        return SimpleNamespace(phase=floats(packets[0]))
    return SimpleNamespace(
        antennas=9,
        subcarriers=30,
        packets=len(packets),
        amplitude=floats(packets.T),
        phase=floats([]),
    )


@pytest.mark.parametrize("modality", list(SENSORS))
def test_packets_one_by_one_give_what_a_file_gives(modality):
    sensor, window = SENSORS[modality], WINDOWS[modality]
    at_once = 10 if modality == "wifi" else 1
    parts = [
        sensor.process(message(modality, window[k : k + at_once]), "topic")
        for k in range(0, len(window), at_once)
    ]
    from_file = sensor.prepare(window, "file")
    assert from_file.shape == sensor.shape
    assert from_file.dtype == np.float32
    np.testing.assert_allclose(
        sensor.complete(np.concatenate(parts), "topic"), from_file, atol=1e-5
    )


@pytest.mark.parametrize("modality", list(SENSORS))
def test_a_window_of_one_packet_repeated_is_no_live_sensor(modality):
    sensor, window = SENSORS[modality], WINDOWS[modality]
    one = sensor.receive(window[:1], "topic")
    with pytest.raises(DecodeError, match="all alike"):
        sensor.complete(np.repeat(one, sensor.packets, axis=0), "topic")


@pytest.mark.parametrize("modality", list(SENSORS))
@pytest.mark.parametrize("change", [lambda x: x * np.nan, lambda x: x * 1e20, lambda x: x[:, :5]])
def test_nonsense_is_named(modality, change):
    with pytest.raises(DecodeError, match="topic"):
        SENSORS[modality].prepare(change(WINDOWS[modality]), "topic")


@pytest.mark.parametrize("modality", list(SENSORS))
@settings(max_examples=40)
@given(data=st.data())
def test_a_broken_message_is_right_or_a_decode_error(modality, data):
    msg = message(modality, WINDOWS[modality][:1])
    odd = st.one_of(st.integers(-2, 400), st.none(), st.text(max_size=3), st.lists(st.floats()))
    setattr(msg, data.draw(st.sampled_from(sorted(vars(msg)))), data.draw(odd))
    try:
        packets = SENSORS[modality].process(msg, "topic")
    except DecodeError:
        return
    assert packets.shape[1:] == SENSORS[modality].packet_shape


def test_noise_is_no_wifi_channel():
    rng = np.random.default_rng(0)
    shuffled = rng.permuted(WINDOWS["wifi"][:10], axis=1)
    with pytest.raises(DecodeError, match="noise"):
        SENSORS["wifi"].receive(shuffled, "topic")


def test_the_unit_of_radar_and_wifi_does_not_matter():
    for modality in ("radar", "wifi"):
        sensor, window = SENSORS[modality], WINDOWS[modality]
        np.testing.assert_allclose(
            sensor.reduce(window * np.float32(7)), sensor.reduce(window), atol=1e-4
        )


def test_unknown_tags_are_held_and_never_read_ones_are_still():
    window = np.array([[np.nan, 1, np.nan], [5, np.nan, np.nan], [np.nan, 3, np.nan]], np.float32)
    expected = [[5, 1, 0], [5, 1, 0], [5, 3, 0]]
    np.testing.assert_array_equal(held(window), expected)


def test_sizes_that_cannot_be_pooled_are_refused():
    for make in (
        lambda: RadarSensor(rows=33),
        lambda: WifiSensor(groups=7),
        lambda: WifiSensor(packets=1),
    ):
        with pytest.raises(ConfigError, match="expected"):
            make()


def test_rfid_phases_that_jump_at_random_are_refused_live_and_motion_is_not():
    rng, window = np.random.default_rng(0), WINDOWS["rfid"]
    sensor = SENSORS["rfid"]
    assert coherence(window) > 0.8
    assert sensor.complete(window, "rfid").shape == sensor.shape
    noise = window + rng.normal(0, 1.5, window.shape).astype(np.float32)
    with pytest.raises(DecodeError, match=r"jump at random \(coherence 0\.[01]"):
        sensor.complete(noise, "rfid")


@given(st.floats(0.05, 1.5), st.floats(-3, 3))
def test_coherence_tells_the_noise_and_not_the_offset(std, offset):
    noise = np.random.default_rng(1).normal(offset, std, (4000, 3))
    assert coherence(noise) == pytest.approx(np.exp(-(std**2)), abs=0.05)
