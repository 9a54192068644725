"""Scenes of late, lost, slow and broken sensors, on synthetic people."""

import numpy as np
import pytest

from pta_ros.bench import film, over_time
from pta_ros.bench.film import T0, Film, Take
from pta_ros.bench.over_time import Stage, subset
from pta_ros.cli import bench_over_time
from pta_ros.clock import NS
from pta_ros.errors import DecodeError
from pta_ros.fusion.params import fusion_from, fusion_specs

PERSON = Film(41)


@pytest.fixture(scope="module")
def given():
    return fusion_from({spec.name: spec.default for spec in fusion_specs()})


def told(given, take, modality="depth", seconds=2.0):
    return film.arrivals(PERSON, {modality: take}, given[1], seconds)


def test_a_take_s_frames_come_at_its_rate_and_some_late(given):
    plain, late = told(given, Take()), told(given, Take(late_every=5, late_s=0.03))
    stamps = [(a.content.stamp_ns - T0) / NS for a in plain]
    assert stamps == pytest.approx(np.arange(0.1, 1.95, 0.1).tolist())
    put_off = [a.time_ns - a.content.stamp_ns for a in late]
    assert sorted(put_off)[-3:] == [30_000_000] * 3
    assert put_off.count(0) == len(plain) - 3
    assert [a.time_ns for a in late] == sorted(a.time_ns for a in late)


def test_a_take_breaks_only_between_its_times(given):
    fault = film.displaced("lidar", 0.3)
    plain, moved = (
        told(given, Take(fault=f, from_s=0.55, to_s=1.05), "lidar") for f in (None, fault)
    )
    for one, other in zip(plain, moved, strict=True):
        time_s = (one.content.stamp_ns - T0) / NS
        same = np.array_equal(one.content.array, other.content.array)
        assert same != (0.55 <= time_s < 1.05)


def test_frozen_and_old_readings_are_those_of_before(given):
    frozen = told(given, Take(shift_s=-1.0, from_s=0.5, to_s=2.0))
    assert np.array_equal(frozen[6].content.array, frozen[9].content.array)
    plain, old = told(given, Take()), told(given, Take(shift_s=0.3, from_s=0.5, to_s=2.0))
    np.testing.assert_array_equal(old[10].content.array, plain[7].content.array)


def test_a_silent_sensor_sends_nothing(given):
    silent = told(given, Take(from_s=0.55, to_s=1.05, silent=True))
    assert len(silent) == len(told(given, Take())) - 5


@pytest.mark.parametrize("modality", film.NAMES)
def test_faults_change_what_is_seen_and_keep_its_kind(modality):
    reading = PERSON.reading(modality, 1.0)
    for name, take in over_time.faults(modality).items():
        if take.fault is None:
            continue
        other = take.fault(reading, np.random.default_rng(0))
        assert other.dtype == reading.dtype, name
        assert other.shape == reading.shape, name
        assert not np.array_equal(other, reading), name


def test_a_slow_sensor_beside_a_fast_one_is_replayed_to_the_end(given):
    """A prediction that is due while an estimate waits for the slow one once held a replay up."""
    from pta_ros.fusion.engine import Engine

    engine = Engine.load(*given)
    engine.start()
    takes = {"depth": Take(rate_hz=5.0), "csi": Take(rate_hz=100.0)}
    estimates = film.play(engine.pipeline(), film.arrivals(PERSON, takes, given[1], 1.0), 1.0)
    assert len(estimates) > 20


def test_what_the_checks_refuse_arrives_as_such(given):
    noise = Take(fault=film.noisy("depth"), from_s=0.55, to_s=1.05)
    kinds = [isinstance(arrival.content, DecodeError) for arrival in told(given, noise)]
    assert sum(kinds) == 5


def test_a_part_that_does_not_exist_is_named(capsys):
    assert bench_over_time.main(["--parts", "weather"]) == 1
    assert "['weather'] are unknown; expected some of ['subsets'" in capsys.readouterr().err


def test_a_model_of_people_is_refused(capsys):
    assert bench_over_time.main(["--model", "people_lite"]) == 1
    assert "people_lite does not tell one person's skeleton" in capsys.readouterr().err


def test_a_stage_tells_what_was_published(given, monkeypatch):
    from pta_ros.fusion.engine import Engine

    monkeypatch.setattr(over_time, "SECONDS", 3.0)
    engine = Engine.load(*given)
    engine.start()
    stage = Stage(engine, [41])
    (run,) = stage.play("depth", subset(["depth"]))
    assert stage.play("depth", subset(["lidar"])) == [run]  # by name, once
    assert len(run.stamp_s) >= 13
    assert run.truth.shape == run.joints.shape == (len(run.stamp_s), 17, 3)
    assert 5 < over_time.mean_mm([run]) < 150
    assert over_time.worst_mm([run]) >= over_time.mean_mm([run])
