"""teach_pta from a recording to a taught model: its lesson, what it writes, what it refuses."""

import json

import numpy as np
import pytest

pytest.importorskip("torch")

import torch

from pta_ros import checkpoint
from pta_ros.cli import teach_pta
from pta_ros.evaluation.replay.people import TruePeople
from pta_ros.model.config import PTAConfig
from pta_ros.model.pta import PTA
from pta_ros.recordings import teacher
from pta_ros.sensors import SENSORS
from pta_ros.training.teach import Taught

COUNT, STEP = 130, 5 * 10**8  # 65 s
CONFIG = PTAConfig(channels=8, tokens=4, dim=16, latent=8)


@pytest.fixture
def model(tmp_path):
    """A model folder whose weights are random."""
    torch.manual_seed(0)
    sensors = {m: SENSORS[m]() for m in CONFIG.modalities}
    checkpoint.save(tmp_path / "small", PTA(CONFIG), sensors, {}, {"synthetic": True})
    return str(tmp_path / "small")


@pytest.fixture
def telling(monkeypatch, scene):
    """The model tells the truth, somewhat unsure; returns what it was asked to do without."""
    asked = []

    def tell(engine, seen, without):
        asked.append(without)
        sigma = np.full((1, 17), 0.05, np.float32)
        frame = "depth_optical_frame"
        stamps = [scene.t0 + n * STEP for n in range(COUNT)]
        return [TruePeople(t, frame, scene.body(n)[None], sigma) for n, t in enumerate(stamps)]

    monkeypatch.setattr(teacher, "_tell", tell)
    return asked


def teach(bag, model, out, *more):
    return teach_pta.main(
        [str(bag), "--out", str(out), "--model", model, "--jobs", "1", "--threads", "1", *more]
    )


def test_a_recording_becomes_a_taught_model(write, model, telling, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(Taught, "check", lambda taught: None)  # its CSI is noise
    out, figures = tmp_path / "mine", tmp_path / "figures.json"
    assert teach(write(count=COUNT, step=STEP), model, out, "--json", str(figures)) == 0
    assert telling == [("csi",)]
    loaded = checkpoint.load(out)
    about = loaded.provenance["taught"]
    assert (about["from"], about["recordings"], about["synthetic"]) == ("small", ["bag"], True)
    assert 60 < about["seconds"] < 70
    assert json.loads(figures.read_text())["after"]["csi"] == about["after"]["csi"]
    assert (out / "coverage.png").read_bytes()[:4] == b"\x89PNG"
    told = capsys.readouterr().out
    assert "the last fifth against the teacher (synthetic)" in told
    assert teach(tmp_path / "bag", model, out) == 1
    assert "is there already" in capsys.readouterr().err


def test_a_model_that_is_not_better_is_not_written(write, model, telling, tmp_path, capsys):
    out = tmp_path / "mine"
    assert teach(write(count=COUNT, step=STEP), model, out) == 1
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("error: CSI alone is off by")
    assert not out.exists()
    assert not list(tmp_path.glob(".partial-*"))


def test_too_short_a_recording_is_refused(write, model, tmp_path, capsys):
    assert teach(write(count=30), model, tmp_path / "mine") == 1
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("error: 3 s of instants with the teacher and CSI; expected 60 s")


def test_lessons_of_other_recordings_are_not_mixed_in(write, model, telling, tmp_path, capsys):
    bag = write(count=8, step=STEP)
    other = bag.rename(bag.with_name("other"))
    assert teach(other, model, tmp_path / "mine") == 1
    assert "60 s" in capsys.readouterr().err
    assert teach(write(count=COUNT, step=STEP), model, tmp_path / "mine") == 1
    assert "more than was asked for" in capsys.readouterr().err
    for wrong in (["--threads", "-1"], ["--work", str(tmp_path / "mine" / "work")]):
        assert teach(other, model, tmp_path / "mine", *wrong) == 1
        assert capsys.readouterr().err.count("\n") == 1
