"""Weights for one's own models' outputs: the fit, its honest figures, files that do not fit."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from pta_ros.cli import fit_weights
from pta_ros.datasets.outputs import read_outputs
from pta_ros.errors import DatasetError
from pta_ros.evaluation.compare.own_outputs import fit_outputs

REAL = Path(os.environ.get("PTA_REAL", Path(__file__).resolve().parents[4] / "shared/real"))
REAL = REAL / "xrf55_logits.npz"


def logits(count=400, classes=5, seed=0):
    """A good and a poor model's logits of the same samples, and the labels."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, count)
    hits = 4.0 * np.eye(classes)[labels]
    good = hits + 1.2 * rng.standard_normal((count, classes))
    poor = hits + 6.0 * rng.standard_normal((count, classes))
    return {"good": good, "poor": poor, "labels": labels}


def poses(count=300, seed=0):
    """Two models' poses (N, 4, 3), metres, of 30 and 120 mm of noise per axis."""
    rng = np.random.default_rng(seed)
    truth = rng.standard_normal((count, 4, 3))
    return {
        "near": truth + 0.03 * rng.standard_normal(truth.shape),
        "far": truth + 0.12 * rng.standard_normal(truth.shape),
        "truth": truth,
    }


@pytest.fixture
def write(tmp_path):
    def write(arrays, name="own.npz"):
        np.savez(tmp_path / name, **arrays)
        return tmp_path / name

    return write


def test_the_better_model_weighs_more_and_both_are_better_than_either(write):
    found = fit_outputs(read_outputs(write(logits())), rounds=2)
    assert found.weights["good"] > 0.75
    assert sum(found.weights.values()) == pytest.approx(1.0)
    good, poor, both = found.subsets
    assert [s.name for s in found.subsets] == ["good", "poor", "good+poor"]
    assert good.mean == good.fitted > poor.fitted
    assert both.fitted > both.mean
    assert both.harm < 2.0
    assert 0 <= both.ece_percent < 20


def test_poses_are_weighed_by_their_noise(write):
    found = fit_outputs(read_outputs(write(poses())), rounds=2)
    assert found.weights["near"] == pytest.approx(16 / 17, abs=0.04)  # of the inverse variances
    near, far, both = found.subsets
    assert near.fitted == pytest.approx(48, abs=5)  # mean length of three normal errors of 30 mm
    assert far.fitted == pytest.approx(192, abs=12)
    assert found.gain(both) > 20
    assert both.ece_percent is None
    assert not found.has_labels


def test_rows_of_nan_are_absent_and_never_read(write):
    arrays = logits()
    arrays["poor"][:100] = np.nan
    found = fit_outputs(read_outputs(write(arrays)), rounds=1)
    assert [s.samples for s in found.subsets] == [200, 150, 150]


def test_the_same_seed_gives_the_same_figures(write):
    given = read_outputs(write(logits()))
    assert fit_outputs(given, rounds=1) == fit_outputs(given, rounds=1)
    assert fit_outputs(given, rounds=1).subsets != fit_outputs(given, rounds=1, seed=1).subsets


def changed(**arrays):
    kept = {**logits(), **arrays}
    return {name: array for name, array in kept.items() if array is not None}


@pytest.mark.parametrize(
    ("arrays", "told"),
    [
        (changed(labels=None), "either 'labels'"),
        (changed(truth=np.zeros((400, 5))), "either 'labels'"),
        (changed(poor=None), "expected two or more"),
        (changed(poor=np.zeros((400, 6))), "expected one for all"),
        (changed(labels=np.full(400, 5)), "labels are 5 to 5; expected 0 to 4"),
        (changed(labels=np.zeros(400)), "expected whole numbers"),
        (changed(labels=np.zeros(399, int)), "expected whole numbers"),
        (changed(poor=np.where(np.eye(400, 5), np.inf, 0.0)), "row 0 that is not finite"),
        (changed(poor=np.full((400, 5), "x")), "expected numbers"),
        (changed(poor=np.full((400, 5), np.nan)), "poor is absent from every row"),
        ({**poses(), "truth": np.zeros((300, 3, 3))}, "expected (N, J, 3) of both"),
        ({**poses(), "truth": np.full((300, 4, 3), np.nan)}, "truth is not finite"),
    ],
)
def test_what_does_not_fit_is_told(write, arrays, told):
    with pytest.raises(DatasetError, match=r"own\.npz") as error:
        read_outputs(write(arrays))
    assert told in str(error.value)


def test_the_command_says_what_it_found_and_writes_it(write, tmp_path, capsys):
    out = tmp_path / "new" / "own.json"
    assert fit_weights.main([str(write(logits())), "--rounds", "1", "--json", str(out)]) == 0
    told = capsys.readouterr().out
    assert told.startswith("weights: good 0.")
    assert "good + poor" in told
    assert json.loads(out.read_text())["subsets"][2]["name"] == "good+poor"


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("none.npz", None, "no such file"),
        ("text.npz", b"weights", "no NPZ of plain arrays"),
        ("short.npz", b"PK\x03\x04", "no NPZ of plain arrays"),
        ("empty.npz", b"", "no NPZ of plain arrays"),
    ],
)
def test_a_file_that_is_none_is_one_line(tmp_path, capsys, name, content, told):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    assert fit_weights.main([str(tmp_path / name)]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert told in line


def test_pickled_arrays_are_not_loaded(tmp_path, capsys):
    np.savez(tmp_path / "own.npz", **{**logits(), "poor": np.array([print] * 400, object)})
    assert fit_weights.main([str(tmp_path / "own.npz")]) == 1
    assert "no NPZ of plain arrays" in capsys.readouterr().err


def test_one_array_is_no_npz(tmp_path, capsys):
    np.save(tmp_path / "own.npy", np.zeros((50, 3)))
    assert fit_weights.main([str(tmp_path / "own.npy")]) == 1
    assert "no NPZ of plain arrays" in capsys.readouterr().err


def test_harm_is_of_the_same_samples(write):
    arrays = logits(800)
    hard = np.arange(400)
    arrays["good"][hard] = np.random.default_rng(1).standard_normal((400, 5))
    arrays["poor"][400:] = np.nan  # it is there in the hard ones alone, and helps
    both = fit_outputs(read_outputs(write(arrays)), rounds=1).subsets[2]
    assert both.harm < 10.0  # against the easy ones it would be 35


def test_few_samples_and_no_rounds_are_told(write, capsys):
    few = {name: array[:30] for name, array in logits().items()}
    assert fit_weights.main([str(write(few))]) == 1
    assert "30 samples; expected 40 or more" in capsys.readouterr().err
    assert fit_weights.main([str(write(logits())), "--rounds", "0"]) == 1
    assert fit_weights.main([str(write(logits())), "--seed", "-1"]) == 1


@pytest.mark.skipif(not REAL.exists(), reason="needs ../shared/real")
def test_on_real_outputs_fitting_gains_and_no_sensor_harms():
    found = fit_outputs(read_outputs(REAL), rounds=2)
    everything = found.subsets[-1]
    assert everything.fitted > everything.mean + 2.0
    assert all(subset.harm < 0.5 for subset in found.subsets)
