"""Corrupted windows of XRF55's sensors: what each kind changes, and what it leaves."""

import pytest
import torch

from pta_ros.sensors import SENSORS
from pta_ros.training.corrupt import CORRUPTIONS, FROZEN, kinds

NAMES = ("radar", "wifi", "rfid")
KINDS = [(m, kind) for m in NAMES for kind in kinds(m)]


def window(modality, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(SENSORS[modality]().shape, generator=generator)


def seen(modality, kind, seeds=range(12)):
    change = CORRUPTIONS[modality][kind]
    return [change(window(modality), torch.Generator().manual_seed(s)) for s in seeds]


@pytest.mark.parametrize(("modality", "kind"), KINDS)
def test_a_changed_window_has_its_shape_is_finite_and_depends_on_the_generator_alone(
    modality, kind
):
    clean = window(modality)
    first, again = seen(modality, kind), seen(modality, kind)
    for one, other in zip(first, again, strict=True):
        assert one.shape == clean.shape
        assert bool(one.isfinite().all())
        assert torch.equal(one, other)
        assert not torch.equal(one, clean)
    assert not torch.equal(first[0], first[1])
    assert torch.equal(clean, window(modality))


def test_windows_do_not_freeze_as_their_packets_would_be_seen_not_to_change():
    assert all(FROZEN not in kinds(m) for m in NAMES)


@pytest.mark.parametrize("kind", kinds("radar"))
def test_radar_windows_are_standardised_as_the_sensor_gives_them(kind):
    for maps in seen("radar", kind):
        assert float(maps.mean()) == pytest.approx(0, abs=1e-4)
        assert float(maps.std()) == pytest.approx(1, abs=1e-3)


def test_dead_links_are_three_to_eight_and_the_others_as_they_were():
    counts = set()
    for change in seen("wifi", "dead_links", range(60)):
        links, clean = (x.unflatten(0, (9, 3)) for x in (change, window("wifi")))
        dead = (links == 0).flatten(1).all(dim=1)
        assert torch.equal(links[~dead], clean[~dead])
        counts.add(int(dead.sum()))
    assert counts == {3, 4, 5, 6, 7, 8}


def test_bursts_are_alike_on_all_links_and_spare_part_of_the_time():
    for change in seen("wifi", "bursts"):
        jumps = change - window("wifi")
        torch.testing.assert_close(jumps, jumps[:1].expand_as(jumps), atol=1e-5, rtol=0)
        assert int((jumps[0] != 0).sum()) in {100, 200, 300, 400, 500}


def test_lost_tags_are_still_and_the_others_as_they_were():
    shares = []
    for phases in seen("rfid", "lost_tags"):
        lost = (phases == 0).all(dim=1)
        assert torch.equal(phases[~lost], window("rfid")[~lost])
        shares.append(float(lost.float().mean()))
    assert 0.1 < min(shares) < max(shares) <= 1
    assert max(shares) > 0.7


@pytest.mark.parametrize(
    ("modality", "low", "high"), [("wifi", 1.0, 4.0), ("rfid", 0.5, 1.5)]
)  # of a window of deviation 1
def test_noise_has_the_strength_that_is_said(modality, low, high):
    strengths = [float((x - window(modality)).std()) for x in seen(modality, "noise", range(30))]
    assert 0.95 * low < min(strengths) < 1.6 * low
    assert 0.75 * high < max(strengths) < 1.05 * high


@pytest.mark.parametrize("channels", [6, 12, 30])
def test_links_of_other_cards_die_too(channels):
    change = torch.randn(channels, 40)
    for seed in range(5):
        dead = CORRUPTIONS["wifi"]["dead_links"](change, torch.Generator().manual_seed(seed))
        assert dead.shape == change.shape
