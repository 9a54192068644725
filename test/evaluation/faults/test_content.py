import copy

import cv2
import numpy as np
import pytest

from pta_ros.bags.messages import header, message
from pta_ros.errors import ConfigError, DecodeError
from pta_ros.evaluation.faults.plan import KINDS
from pta_ros.sensors import SENSORS, Sensor, sensors_of

TOPICS = sensors_of("mmfi")


@pytest.mark.parametrize("modality", list(TOPICS))
def test_frozen_content_repeats_the_last_good_one_and_stamps_go_on(kit, modality):
    injector = kit.an_injector(kit.a_fault("freeze", modality))
    made = [kit.MAKERS[modality](n, stamp_ns=kit.at(n / 10)) for n in range(30)]
    kept = copy.deepcopy(made)
    found = [injector.content(modality, kit.at(n / 10), msg) for n, msg in enumerate(made)]
    for n, msg in enumerate(found):
        shown = 9 if 10 <= n < 20 else n
        assert (kit.decoded(modality, msg) == kit.decoded(modality, made[shown])).all()
        assert msg.header == made[n].header
    assert all(kit.same(a, b) for a, b in zip(made, kept, strict=True))


def test_a_sensor_frozen_from_the_begin_shows_its_first_message(kit):
    injector = kit.an_injector(kit.a_fault("freeze", start_s=0.0))
    made = [kit.image(n) for n in range(3)]
    found = [injector.content("depth", kit.at(n / 10), msg) for n, msg in enumerate(made)]
    assert all((msg.data == made[0].data).all() for msg in found)


def test_a_sensor_that_stutters_repeats_what_it_showed_last(kit):
    injector = kit.an_injector(kit.a_fault("freeze", strength=0.5, end_s=11.0))
    made = [kit.image(n) for n in range(100)]
    found = [injector.content("depth", kit.at(1 + n / 10), msg) for n, msg in enumerate(made)]
    repeats = [n for n in range(1, 100) if (found[n].data == found[n - 1].data).all()]
    assert 35 <= len(repeats) <= 65
    assert all((found[n].data == made[n].data).all() for n in range(100) if n not in repeats)


def test_a_frozen_sensor_stays_frozen_under_noise(kit):
    faults = [kit.a_fault("freeze"), kit.a_fault("noise")]
    injector = kit.an_injector(*faults)
    found = [injector.content("depth", kit.at(0.9 + n / 10), kit.image(n)) for n in range(4)]
    assert all((msg.data == found[0].data).all() for msg in found)


@pytest.mark.parametrize("jump_s", [-0.25, 0.75, 86_400.0, -999_999.0])
@pytest.mark.parametrize("modality", list(TOPICS))
def test_a_clock_jump_shifts_the_stamp_alone(kit, modality, jump_s):
    clean = kit.MAKERS[modality](stamp_ns=kit.at(1.5))
    found = kit.damaged(clean, "clock_jump", modality, strength=jump_s)
    stamp = found.header.stamp
    assert stamp.sec * 10**9 + stamp.nanosec == kit.at(1.5 + jump_s)
    assert 0 <= stamp.nanosec < 10**9
    assert found.header.frame_id == clean.header.frame_id
    found.header = clean.header
    assert kit.same(found, clean)


def test_a_jump_before_the_epoch_is_a_legal_stamp(kit):
    found = kit.damaged(kit.image(stamp_ns=0), "clock_jump", "depth", strength=-0.25)
    assert (found.header.stamp.sec, found.header.stamp.nanosec) == (-1, 750_000_000)
    kit.same(found, found)  # can be serialised


@pytest.mark.parametrize("strength", [0.001, 0.5, 1.0])
@pytest.mark.parametrize("modality", list(TOPICS))
def test_short_data_is_refused(kit, modality, strength):
    found = kit.damaged(kit.MAKERS[modality](), "short_data", modality, strength=strength)
    with pytest.raises(DecodeError, match=r"bytes|amplitudes"):
        kit.decoded(modality, found)


@pytest.mark.parametrize("modality", list(TOPICS))
def test_a_wrong_encoding_is_refused(kit, modality):
    found = kit.damaged(kit.MAKERS[modality](), "wrong_encoding", modality)
    with pytest.raises(DecodeError, match=r"encoding|datatype|subcarriers"):
        kit.decoded(modality, found)


def test_a_wrong_encoding_strikes_a_share_of_the_messages(kit):
    injector = kit.an_injector(kit.a_fault("wrong_encoding", strength=0.3))
    msg = kit.image()
    found = [injector.content("depth", kit.at(1 + n / 200), msg) for n in range(200)]
    assert 40 <= sum(m.encoding == "rgb8" for m in found) <= 80


@pytest.mark.parametrize("kind", ["noise", "dropout", "nan", "wrong_encoding"])
def test_a_cloud_that_cannot_be_read_passes_as_it_is(kit, kind):
    short = kit.cloud()
    short.data = short.data[:100]
    for msg in (kit.image(), short):
        with pytest.raises(DecodeError):
            kit.decoded("lidar", kit.damaged(msg, kind, "lidar"))


@pytest.mark.parametrize("kind", ["noise", "dropout", "dead_rows"])
def test_an_image_that_cannot_be_read_passes_as_it_is(kit, kind):
    short, coloured = kit.image(), kit.image()
    short.data, coloured.encoding = short.data[:-1], "yuv422"
    for msg in (short, coloured, kit.csi()):
        assert kit.damaged(msg, kind, "depth") is msg


@pytest.mark.parametrize("kind", ["noise", "nan", "dead_antenna", "wrong_encoding"])
def test_a_frame_of_another_kind_passes_as_it_is(kit, kind):
    msg = kit.image()
    assert kit.damaged(msg, kind, "csi") is msg


def compressed(kit):
    """The image of `kit.image()` as CompressedImage."""
    pixels = np.rint(kit.decoded("depth", kit.image()) * 1000).astype(np.uint16)
    data = cv2.imencode(".png", pixels)[1].reshape(-1)
    head = header(kit.BEGIN_NS, "camera")
    return message("sensor_msgs/msg/CompressedImage", header=head, format="16UC1", data=data)


@pytest.mark.parametrize("kind", ["noise", "dropout", "dead_rows"])
def test_a_compressed_image_has_the_faults_of_a_plain_one(kit, kind):
    clean = compressed(kit)
    found = kit.damaged(clean, kind, "depth", strength=0.4)
    plain = kit.damaged(kit.image(), kind, "depth", strength=0.4)
    # a plain image rounds noise to millimetres and ends it at one
    assert kit.decoded("depth", found) == pytest.approx(kit.decoded("depth", plain), abs=1.1e-3)
    assert (kit.decoded("depth", found) != kit.decoded("depth", clean)).any()
    assert found.header == clean.header


@pytest.mark.parametrize("kind", ["wrong_encoding", "short_data"])
def test_a_compressed_image_that_lies_is_refused(kit, kind):
    with pytest.raises(DecodeError):
        kit.decoded("depth", kit.damaged(compressed(kit), kind, "depth"))


class Tuner(Sensor):
    """A sensor of another kind, which says no more than where its values are."""

    values_field = "power"
    axes = ("rows", "columns")


@pytest.mark.parametrize("positive", [False, True])
def test_a_new_sensor_needs_no_code_for_its_faults(kit, positive, monkeypatch):
    kind = type("Tuner", (Tuner,), {"positive": positive})
    kind.__abstractmethods__ = frozenset()
    monkeypatch.setitem(SENSORS, "tuner", kind)
    msg = kit.MAKERS["radar"]()
    mean = msg.power.mean()
    noisy = kit.damaged(msg, "noise", "tuner", strength=3.0).power
    assert (noisy.min() >= 0) == positive
    assert np.abs(noisy - msg.power).mean() > mean
    lost = np.isnan(kit.damaged(msg, "nan", "tuner", strength=0.3).power)
    assert lost.mean() == pytest.approx(0.3, abs=0.02)
    assert kit.damaged(msg, "short_data", "tuner").power.size == msg.power.size // 2
    with pytest.raises(ConfigError, match="dropout makes no sense for tuner"):
        kit.a_fault("dropout", "tuner")


def test_what_a_sensor_can_have_is_known():
    own = {kind.name for kind in KINDS.values() if kind.own}
    assert own == set().union(*(sensor.own_faults for sensor in SENSORS.values()))
