"""What the simulated sensors send: clean readings, and corrupt ones that every decoder refuses."""

from types import SimpleNamespace

import numpy as np
import pytest

from pta_ros.errors import DecodeError
from pta_ros.sensors import SENSORS
from pta_ros.simulate.outbox import KINDS, corrupt, pack
from pta_ros.simulate.recording import Recording
from pta_ros.simulate.script import Fault, Phase


@pytest.fixture(scope="module")
def frame():
    return Recording(5, 41, 3).frame(7)


def message(fields):
    """A message of plain fields, nested ones included."""
    if isinstance(fields, dict):
        return SimpleNamespace(**{name: message(value) for name, value in fields.items()})
    return [message(each) for each in fields] if isinstance(fields, list) else fields


def received(modality, fields):
    msg = message({"phase": [], **fields})
    return SENSORS[modality]().process(msg, modality)


def test_clean_contents_are_what_the_sensors_take(frame):
    sent = pack(frame, Phase("p", 0, 1), 1, seed=3)
    assert set(sent.fields) == set(KINDS)
    assert sent.repeat == ()
    for modality, fields in sent.fields.items():
        sensor = SENSORS[modality]()
        decoded = sensor.decode(message({"phase": [], **fields}), modality)
        expected = frame.readings[modality] * (0.001 if modality == "depth" else 1)
        np.testing.assert_allclose(decoded, expected, rtol=1e-6)
        assert received(modality, fields).shape == sensor.shape


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    ("modality", "turn"), [(m, k) for m in KINDS for k in range(len(KINDS[m]))]
)
def test_every_corrupt_kind_is_refused(frame, modality, turn, seed):
    fields = corrupt(modality, turn, frame.readings[modality], np.random.default_rng(seed))
    with pytest.raises(DecodeError):
        received(modality, fields)


def test_pack_sends_what_the_phase_lets_through(frame):
    faults = {"lidar": Fault.SILENT, "depth": Fault.FROZEN, "csi": Fault.CORRUPT}
    out = pack(frame, Phase("p", 0, 1, faults), 1, seed=3)
    assert set(out.fields) == {"csi"}
    assert out.repeat == ("depth",)
    assert out.fields["csi"]["antennas"] == 2


def test_the_same_tick_gives_the_same_corrupt_message(frame):
    phase = Phase("p", 0, 1, {"csi": Fault.CORRUPT})
    noise = KINDS["csi"].index("noise")
    ticks = (noise, noise, noise + len(KINDS["csi"]))
    a, b, other = (pack(frame, phase, i, seed=3).fields["csi"]["amplitude"] for i in ticks)
    np.testing.assert_array_equal(a, b)
    assert not np.array_equal(a, other)
