from itertools import pairwise

import pytest

from pta_ros.evaluation.faults.injector import KINDS, read_faults
from pta_ros.home import shipped
from pta_ros.sensors import sensors_of

SUITE = sorted(shipped("config/faults").glob("*.yaml"))
PLANS = {path.stem: read_faults(path) for path in SUITE}
SHORT = [name for name in PLANS if name != "long_random"]
WINDOWED = sorted(shipped("config/faults_xrf55").glob("*.yaml"))


def every(sensors):
    """Every kind with every sensor of a set that can have it."""
    return {(kind, m) for kind, known in KINDS.items() for m in known.modalities if m in sensors}


def pairs(name):
    return {(fault.kind, fault.modality) for fault in PLANS[name].faults}


def test_every_kind_strikes_every_sensor_that_can_have_it():
    assert set().union(*map(pairs, SHORT)) == every(sensors_of("mmfi"))
    assert pairs("long_random") == every(sensors_of("mmfi"))


def test_so_does_the_suite_of_the_windowed_sensors():
    faults = [fault for path in WINDOWED for fault in read_faults(path).faults]
    assert {(fault.kind, fault.modality) for fault in faults} == every(sensors_of("xrf55"))
    # A window before, and one after the last that a fault touches, in a bag of two minutes.
    assert min(fault.start_s for fault in faults) >= 10
    assert max(fault.end_s for fault in faults) <= 110


@pytest.mark.parametrize("name", SHORT)
def test_a_minute_begins_and_ends_healthy(name):
    faults = PLANS[name].faults
    assert min(fault.start_s for fault in faults) >= 5
    assert max(fault.end_s for fault in faults) <= 55


@pytest.mark.parametrize("name", SHORT)
def test_one_sensor_fails_at_a_time_and_in_one_way(name):
    faults = sorted(PLANS[name].faults, key=lambda fault: fault.start_s)
    assert len({fault.kind for fault in faults}) == 1
    assert name.startswith(faults[0].kind)
    pauses = [b.start_s - a.end_s for a, b in pairwise(faults)]
    assert all(pause >= 5 for pause in pauses)


def test_the_long_one_is_long_and_overlaps():
    faults = PLANS["long_random"].faults
    assert max(fault.end_s for fault in faults) > 240
    overlapping = {
        (a.modality, b.modality) for a in faults for b in faults if a.start_s < b.start_s < a.end_s
    }
    assert any(a == b for a, b in overlapping)
    assert any(a != b for a, b in overlapping)


@pytest.mark.parametrize("path", [*SUITE, *WINDOWED], ids=lambda p: f"{p.parent.name}-{p.stem}")
def test_every_file_begins_with_what_it_shows(path):
    first = path.read_text().splitlines()[0]
    assert first.startswith("# ")
    assert first.endswith(".")
