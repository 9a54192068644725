import json
from pathlib import Path

import pytest
import torch

from pta_ros import checkpoint
from pta_ros.errors import CheckpointError, ConfigError
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


def test_a_configuration_that_is_no_json_is_refused(folder):
    (folder / "config.json").write_text("{")
    with pytest.raises(CheckpointError, match="expected JSON"):
        checkpoint.load(folder)


def test_model_folder_is_the_one_asked_for(tmp_path):
    assert checkpoint.model_folder(str(tmp_path)) == tmp_path
    assert checkpoint.model_folder("~/model") == Path.home() / "model"


def test_default_model_is_the_shipped_one(monkeypatch):
    assert checkpoint.model_folder("") == ROOT / "models" / "mmfi_lite"
    assert checkpoint.model_folder("", "xrf55") == ROOT / "models" / "xrf55_lite"
    monkeypatch.setattr(checkpoint, "DEFAULT_MODELS", {"mmfi": "nobody"})
    with pytest.raises(ConfigError, match="no default model nobody"):
        checkpoint.model_folder("")


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
