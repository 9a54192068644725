"""Compared systems behind the encoders of a model: those stay, everything else begins anew."""

import json
import shutil
from dataclasses import replace

import pytest
import torch

from pta_ros import checkpoint
from pta_ros.errors import CheckpointError, ConfigError
from pta_ros.model.config import PTAConfig
from pta_ros.training.config import config_from
from pta_ros.training.prepare import Silent
from pta_ros.training.run import read_bench, train_systems
from pta_ros.training.systems import make_system

#: As wide as the systems: all of it would fit.
MODEL = PTAConfig(channels=16, tokens=4, dim=24, latent=8, pretrained=8)
NAMES = ["base1", "base2", "xfi", "slots", "pta", "pta_gate"]


@pytest.fixture(scope="module")
def source(saved, tmp_path_factory):
    return saved(tmp_path_factory.mktemp("models") / "source", MODEL)


@pytest.fixture(scope="module")
def config(source):
    return config_from(
        {
            "start_from": str(source),
            "model": {"tokens": 4, "dim": 24, "latent": 8, "channels": 16, "pretrained": 8},
            "split": {"meta_val": 0.2, "val": 0.2, "test": 0.2},
            "widths": {"single": 8, "xfi": 8},
            "meta": {"epochs": 2, "batch": 8},
            "gate": {"epochs": 1},
        }
    )


@pytest.fixture(scope="module")
def run(synthetic_tree, config, tmp_path_factory):
    folder = tmp_path_factory.mktemp("systems")
    train_systems(config, synthetic_tree, folder, NAMES, [0, 1], Silent())
    return folder


@pytest.fixture(scope="module")
def bench(synthetic_tree, run):
    return read_bench(synthetic_tree, run, 0, Silent())


def test_encoders_are_the_model_s_and_nothing_else_is(bench, source):
    assert {name.split(".")[0] for name in bench.ready.start.kept} == {"encoders"}
    theirs = checkpoint.load(source).model
    for system in (make_system(name, bench) for name in ("pta", "pta_gate")):
        mine = system.state_dict()
        for name, value in theirs.encoders.state_dict().items():
            assert mine[f"encoders.{name}"].equal(value), name
        others = [
            (name, value)
            for name, value in theirs.state_dict().items()
            if name.endswith("weight") and not name.startswith("encoders.")
        ]
        assert not any(name in mine and mine[name].equal(value) for name, value in others)


def test_no_encoder_is_trained_and_heads_of_single_sensors_are(run, bench):
    states = {p.name.removesuffix(".state.safetensors") for p in (run / "seed0").glob("*.state.*")}
    assert states == {"single_heads", "base1", "xfi", "slots", "pta", "pta_ungated", "pta_gate"}
    assert len(bench.histories["single_heads"]) == 2


def test_kept_models_and_the_mean_of_predictions_are_those_heads(bench):
    mean, ours = make_system("base2", bench), make_system("pta_gate", bench)
    for modality, single in bench.singles.items():
        head = single.head.position.weight
        assert bool(head.any()), "an untrained head has no weights"
        assert mean.heads[modality].position.weight.equal(head)
        assert ours.pretrained.heads[modality].position.weight.equal(head)
        kept = ours.projectors[modality].kept.token.weight
        assert kept.equal(single.projector.token.weight)


def test_seeds_differ_in_all_but_the_encoders(synthetic_tree, run, bench):
    other = read_bench(synthetic_tree, run, 1, Silent())
    for modality, single in bench.singles.items():
        pairs = zip(
            single.encoder.parameters(), other.singles[modality].encoder.parameters(), strict=True
        )
        assert all(torch.equal(a, b) for a, b in pairs)
        heads = [b.singles[modality].head.position.weight for b in (bench, other)]
        assert not torch.equal(*heads)


def test_models_say_whose_encoders_they_have(run):
    told = json.loads((run / "seed0/pta_gate/config.json").read_text())["provenance"]
    assert told["from"]["model"] == "source"
    assert (told["training"]["start_from"][-6:], told["training"]["freeze"]) == ("source", [])
    assert set(told["from"]["anew"]) >= {"projectors", "head"}
    assert not set(told["from"]["anew"]) & {"depth", "lidar", "csi"}


def test_parts_to_freeze_are_refused(config, synthetic_tree, tmp_path):
    asked = replace(config, freeze=("depth",))
    with pytest.raises(ConfigError, match=r"freeze names \['depth'\]; expected nothing: with"):
        train_systems(asked, synthetic_tree, tmp_path / "run", NAMES, [0], Silent())
    assert not (tmp_path / "run").exists()


def test_a_sensor_that_the_model_has_not_is_refused(config, saved, synthetic_tree, tmp_path):
    less = replace(MODEL, modalities=("depth", "lidar"))
    asked = replace(config, start_from=str(saved(tmp_path / "less", less)))
    with pytest.raises(ConfigError, match=r"less has no encoder of csi; expected all of"):
        train_systems(asked, synthetic_tree, tmp_path / "run", NAMES, [0], Silent())


def test_another_fusion_of_the_model_changes_nothing(source, config, synthetic_tree, run, tmp_path):
    """Nor does what it is called; other encoders do, and what was trained is not read."""
    loaded = checkpoint.load(source)
    folder = shutil.copytree(run, tmp_path / "run")
    for changed, name in (("head", "same"), ("encoders", "other")):
        with torch.no_grad():
            next(iter(getattr(loaded.model, changed).parameters())).add_(1.0)
        checkpoint.save(tmp_path / name, loaded.model, loaded.sensors, {}, {"synthetic": {}})
        told = json.loads((folder / "seed0/config.json").read_text())
        told["start_from"] = str(tmp_path / name)
        (folder / "seed0/config.json").write_text(json.dumps(told))
        if changed == "head":
            assert make_system("pta", read_bench(synthetic_tree, folder, 0, Silent()))
            continue
        with pytest.raises(CheckpointError, match=r"state of another configuration or data set"):
            read_bench(synthetic_tree, folder, 0, Silent())
