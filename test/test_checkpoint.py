import json
import os
import threading
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from pta_ros import checkpoint, tensors
from pta_ros.errors import CheckpointError
from pta_ros.model.config import PTAConfig
from pta_ros.model.pta import PTA
from pta_ros.sensors import sensors_from_config

ROOT = Path(__file__).resolve().parents[1]
CONFIG = PTAConfig(channels=16, tokens=4, dim=16, latent=8)


@pytest.fixture
def folder(tmp_path):
    torch.manual_seed(0)
    sensors = sensors_from_config({m: {} for m in CONFIG.modalities})
    checkpoint.save(tmp_path / "m", PTA(CONFIG), sensors, {"frames": 3}, {"synthetic": True})
    return tmp_path / "m"


def edit(folder, **changes):
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_everything_comes_back_bit_equal(folder):
    torch.manual_seed(0)
    saved = PTA(CONFIG)
    loaded = checkpoint.load(folder)
    assert loaded.model.config == CONFIG
    assert not loaded.model.training
    assert loaded.statistics == {"frames": 3}
    assert loaded.provenance == {"synthetic": True}
    assert set(loaded.sensors) == set(CONFIG.modalities)
    for name, value in saved.state_dict().items():
        assert torch.equal(value, loaded.model.state_dict()[name]), name


def test_nothing_half_written_is_left(folder):
    assert sorted(p.name for p in folder.iterdir()) == ["config.json", "model.safetensors"]


def test_a_missing_folder_or_part_is_named(folder):
    with pytest.raises(CheckpointError, match=r"absent/config\.json: no such file"):
        checkpoint.load(folder.parent / "absent")
    (folder / "model.safetensors").unlink()
    with pytest.raises(CheckpointError, match=r"model\.safetensors: no such file"):
        checkpoint.load(folder)


def test_a_truncated_weight_file_is_refused(folder):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(CheckpointError, match=r"model\.safetensors"):
        checkpoint.load(folder)


def test_a_pickle_is_never_loaded(folder):
    torch.save({"a": torch.ones(1)}, folder / "model.safetensors")
    with pytest.raises(CheckpointError, match="undamaged safetensors"):
        checkpoint.load(folder)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"format": 99}, "format is 99"),
        ({"model": {**CONFIG.to_dict(), "dim": 24}}, "another configuration"),
        ({"model": {"depht": 1}}, "depht"),
        ({"model": 3}, "train the model again"),
        ({"sensors": {"depth": {}}}, r"sensors are \['depth'\]"),
    ],
)
def test_a_configuration_that_does_not_fit_is_refused(folder, changes, words):
    edit(folder, **changes)
    with pytest.raises(CheckpointError, match=words):
        checkpoint.load(folder)


@pytest.mark.parametrize("text", ["{", "[" * 100_000])
def test_a_configuration_that_is_no_json_is_refused(folder, text):
    (folder / "config.json").write_text(text)
    with pytest.raises(CheckpointError, match="expected JSON"):
        checkpoint.load(folder)


def diffusion(**changes):
    return {"diffusion": {**CONFIG.to_dict()["diffusion"], **changes}}


@pytest.mark.parametrize(
    ("model", "sensors", "words"),
    [
        ({"dim": 1_000_000}, {}, "dim is 1000000; expected 1 to 8192"),
        ({"dim": 16.0}, {}, "dim is 16.0; expected a whole number"),
        ({"mixers": True}, {}, "mixers is True; expected a whole number"),
        (diffusion(train_steps=10**9), {}, "diffusion.train_steps is 1000000000; expected"),
        ({"tasks": ["activity"], "classes": ["a"] * 10_001}, {}, "10001 classes"),
        ({}, {"lidar": {"points": 10**9}}, r"a frame of lidar has shape \(1000000000, 3\)"),
        # Within the limits, and not what the file holds:
        ({"dim": 8192}, {}, r"channel.0.weight has shape \[16, 16\]; expected \[8192, 16\]"),
        ({"channels": 4096}, {}, r"has shape \[16, 16\]; expected \[16, 4096\]"),
        ({"tokens": 1024}, {}, r"start_noise has shape \[4, 8\]; expected \[1024, 8\]"),
        ({"latent": 4096}, {}, r"start_noise has shape \[4, 8\]; expected \[4, 4096\]"),
        ({"joints": 1000}, {}, r"position.weight has shape \[51, 16\]; expected \[3000, 16\]"),
        ({"mixers": 100}, {}, "head.mix.0.token.0.weight has shape None"),
        (diffusion(train_steps=100_000), {}, r"has shape \[1000, 8\]; expected \[100000, 8\]"),
        (diffusion(shared=False), {}, "aligner.depth.start_noise has shape None"),
        ({"tasks": ["activity"], "classes": ["a"] * 9}, {}, r"shape None; expected \[9, 16\]"),
    ],
)
def test_sizes_are_checked_before_a_model_is_built(folder, monkeypatch, model, sensors, words):
    all_sensors = json.loads((folder / "config.json").read_text())["sensors"]
    edit(folder, model={**CONFIG.to_dict(), **model}, sensors={**all_sensors, **sensors})
    monkeypatch.setattr(checkpoint, "PTA", lambda config: pytest.fail("memory was taken"))
    with pytest.raises(CheckpointError, match=words):
        checkpoint.load(folder)


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_a_pipe_in_place_of_a_file_is_refused_unopened(folder, name):
    path = folder / name
    path.unlink()
    os.mkfifo(path)
    # What opens the pipe reads this, instead of waiting for ever.
    threading.Thread(target=path.write_text, args=["{}"], daemon=True).start()
    with pytest.raises(CheckpointError, match=f"{name}: not a regular file"):
        checkpoint.load(folder)


def test_a_failed_write_keeps_what_was_there_and_leaves_no_part(folder, monkeypatch):
    before = {path.name: path.read_bytes() for path in folder.iterdir()}

    def fail(given, path, note):
        Path(path).write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tensors, "save_file", fail)
    sensors = sensors_from_config({m: {} for m in CONFIG.modalities})
    with pytest.raises(CheckpointError, match=r"No space left on device; .* room for"):
        checkpoint.save(folder, PTA(CONFIG), sensors, {}, {})
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("runs/walk/model", "walk"),
        ("runs/walk/model/", "walk"),
        ("models/mmfi_lite", "mmfi_lite"),
        ("model", "here"),
        ("../here/model", "here"),
        ("/model", "model"),
    ],
)
def test_a_model_is_called_by_its_run_when_its_folder_is_just_model(
    given, name, monkeypatch, tmp_path
):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert checkpoint.name_of(Path(given)) == name


def test_a_loaded_model_bears_that_name(folder):
    run = folder.parent / "walk"
    run.mkdir()
    folder.rename(run / "model")
    assert checkpoint.load(run / "model").name == "walk"


@pytest.mark.parametrize("wrong", [(0.0, 0.0), (2.0, -1.0), (float("nan"), 1.0)])
def test_what_is_no_exponent_is_refused(folder, wrong):
    model = PTA(replace(CONFIG, pretrained=8))
    sensors = sensors_from_config({m: {} for m in CONFIG.modalities})
    checkpoint.save(folder, model, sensors, {}, {})
    assert checkpoint.load(folder).model.pretrained is not None
    model.pretrained.exponents[3] = torch.tensor(wrong)
    checkpoint.save(folder, model, sensors, {}, {})
    with pytest.raises(CheckpointError, match=r"pretrained\.exponents are"):
        checkpoint.load(folder)
