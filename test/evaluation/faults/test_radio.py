"""Content faults of radar, Wi-Fi and RFID packets."""

import numpy as np
import pytest

from pta_ros.errors import DecodeError
from pta_ros.evaluation.faults.injector import KINDS
from pta_ros.evaluation.faults.plan import CONTENT, strength_text
from pta_ros.sensors import sensors_of

OWN = [(k, m) for k in CONTENT for m in KINDS[k].modalities if m in sensors_of("xrf55")]


@pytest.fixture
def clean(kit):
    return lambda modality, seed=0: kit.MAKERS[modality](seed)


@pytest.mark.parametrize(("kind", "modality"), OWN)
def test_every_kind_changes_a_copy_or_is_refused_by_the_decoder(kit, clean, kind, modality):
    if kind == "freeze":
        injector = kit.an_injector(kit.a_fault(kind, modality))
        shown = [
            injector.content(modality, kit.at(t), clean(modality, int(10 * t))) for t in (0.9, 1.1)
        ]
        assert (kit.decoded(modality, shown[0]) == kit.decoded(modality, shown[1])).all()
        return
    found = kit.damaged(clean(modality), kind, modality)
    if kind in ("short_data", "wrong_encoding"):
        with pytest.raises(DecodeError):
            kit.decoded(modality, found)
    else:
        assert not kit.same(found, clean(modality))


@pytest.mark.parametrize("modality", list(sensors_of("xrf55")))
def test_noise_and_lost_values_are_as_strong_as_told(kit, clean, modality):
    before = kit.decoded(modality, clean(modality))
    noisy = kit.decoded(modality, kit.damaged(clean(modality), "noise", modality, strength=0.1))
    unit = 1.0 if modality == "rfid" else before.mean()
    assert (noisy - before).std() == pytest.approx(0.1 * unit, rel=0.5 if before.size < 99 else 0.1)
    lost = kit.decoded(modality, kit.damaged(clean(modality), "nan", modality, strength=0.5))
    assert np.isnan(lost).mean() == pytest.approx(0.5, abs=0.3 if before.size < 99 else 0.05)
    assert "m" not in strength_text("noise", modality, 0.1).replace("mean amplitude", "").split()


def test_a_dead_link_gives_zero_for_all_its_subcarriers(kit, clean):
    found = kit.decoded("wifi", kit.damaged(clean("wifi"), "dead_antenna", "wifi", strength=2))
    dead = (found.reshape(10, 9, 30) == 0).all(axis=(0, 2))
    assert dead.sum() == 2


@pytest.mark.parametrize("kind", ["noise", "nan", "wrong_encoding", "short_data"])
def test_a_message_of_another_kind_passes_as_it_is(kit, kind):
    msg = kit.csi()
    assert kit.damaged(msg, kind, "radar") is msg
