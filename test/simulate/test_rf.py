"""The radio models: repeatable, of the real sizes, and moved by the body."""

import numpy as np
import pytest

from pta_ros.errors import ConfigError
from pta_ros.simulate.rf import RfLab, RfRecording
from pta_ros.simulate.rf_session import BURST, RfSession, with_fault
from pta_ros.simulate.script import Fault, Phase

STILL, WALK = RfRecording(5, 3, 3), RfRecording(5, 3, 39)


def test_packets_depend_on_what_names_them_alone():
    first, again = (RfRecording(5, 3, 39).packets().contents for _ in range(2))
    other = RfRecording(5, 3, 39, repeat=2).packets().contents
    shapes = {"radar": (17, 256, 128), "wifi": (1000, 270), "rfid": (148, 23)}
    for name, shape in shapes.items():
        assert first[name].shape == shape
        np.testing.assert_array_equal(first[name], again[name])
        assert not np.array_equal(first[name], other[name])


def test_every_sensor_sees_more_when_more_moves():
    spread = {}
    for name, recording in (("still", STILL), ("walk", WALK)):
        contents = recording.packets().contents
        speeds = contents["radar"][:, :, :64].astype(float).mean(axis=(0, 1))
        wifi = contents["wifi"].reshape(100, 10, -1).mean(axis=1)
        fast = np.abs(np.diff(wifi, axis=0)).mean() / wifi.mean()
        rfid = np.unwrap(contents["rfid"], axis=0).std(axis=0).mean()
        spread[name] = speeds[:26].sum() + speeds[38:].sum(), fast, rfid
    assert all(np.array(spread["walk"]) > np.array(spread["still"]))


def test_scenes_differ_and_unknown_ones_are_refused():
    a, b = (RfRecording(5, 3, 39, scene=scene).packets().contents["wifi"] for scene in (1, 2))
    assert abs(np.corrcoef(a.mean(axis=0), b.mean(axis=0))[0, 1]) < 0.9
    with pytest.raises(ConfigError, match="scene 5"):
        RfLab.of(5)
    with pytest.raises(ConfigError, match="1 to 55"):
        RfRecording(5, 3, 56)


def test_a_session_gives_every_message_once_however_it_is_asked():
    session = RfSession(1, 41)
    try:
        whole = list(session.between(-1.0, 10.0))
        parts = [p for k in range(110) for p in session.between(0.1 * k - 1, 0.1 * (k + 1) - 1)]
        assert sorted((p.modality, p.time_s) for p in whole) == sorted(
            (p.modality, p.time_s) for p in parts
        )
        counts = {m: sum(p.modality == m for p in whole) for m in ("radar", "wifi", "rfid")}
        assert counts["wifi"] == pytest.approx(2000 / BURST, abs=2)
        assert counts["radar"] == pytest.approx(34, abs=1)
        assert session.action(8.9) != session.action(9.1)
        assert session.whole(9.0)
        assert not session.whole(4.0)
        assert not session.whole(10.0)
    finally:
        session.close()


def test_faults_of_the_script_reach_the_packets():
    session = RfSession(1, 41)
    packet = next(p for p in session.between(0.0, 1.0) if p.modality == "rfid")
    session.close()
    rng = np.random.default_rng(0)
    for fault, kept in ((Fault.NONE, True), (Fault.SILENT, False), (Fault.FROZEN, False)):
        phase = Phase("p", 0, 1, {"rfid": fault})
        assert (with_fault(packet, phase, rng) is packet) == kept
    broken = with_fault(packet, Phase("p", 0, 1, {"rfid": Fault.CORRUPT}), rng)
    assert broken.content.shape != packet.content.shape or not np.array_equal(
        broken.content, packet.content
    )
