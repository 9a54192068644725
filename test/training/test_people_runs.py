"""Whole runs of the model of several people: from nothing, and from a model."""

import json
import shutil

import numpy as np
import pytest

from pta_ros.checkpoint import load
from pta_ros.cli import train_pta
from pta_ros.datasets.wide import Clip, clips_of
from pta_ros.errors import CheckpointError
from pta_ros.fusion.people import PeopleEstimator, SearchConfig

CONFIG = """
model: {modalities: [depth, lidar], encoders: centred, tokens: 17, dim: 32, latent: 16, mixers: 1}
split: {meta_val: 0.4}
find: {epochs: 1, batch: 4}
pretrain: {depth: {epochs: 1, batch: 8}, lidar: {epochs: 1, batch: 8}}
meta: {epochs: 1, batch: 8}
"""


def train(tree, folder, text, *options):
    """Runs train_pta by a configuration of this text; the run is `folder`/run."""
    folder.mkdir(exist_ok=True)
    (folder / "own.yaml").write_text(text)
    arguments = [str(tree), "--config", str(folder / "own.yaml"), "--out", str(folder / "run")]
    return train_pta.main([*arguments, *map(str, options)])


def stages_of(folder):
    return {p.name.partition(".")[0] for p in (folder / "run").glob("*.state.safetensors")}


def test_a_run_gives_a_model_that_finds_people(wide_tree, tmp_path):
    assert train(wide_tree, tmp_path, CONFIG, "--only", "lidar", "find") == 0
    assert stages_of(tmp_path) == {"pretrain_lidar", "find"}
    kept = (tmp_path / "run" / "find.state.safetensors").stat().st_mtime_ns
    assert train(wide_tree, tmp_path, CONFIG) == 0
    assert (tmp_path / "run" / "find.state.safetensors").stat().st_mtime_ns == kept
    everything = SearchConfig(candidate=0.0, presence=0.0)
    estimate = PeopleEstimator.load(tmp_path / "run" / "model", everything)
    readings = Clip.open(clips_of(wide_tree, "test")[0]).readings(0)
    people = estimate(readings)
    assert people
    for person in people:
        assert person.joints.shape == (17, 3)
        assert np.isfinite(person.deviation_m).all()
        assert sum(person.weights.values()) == pytest.approx(1)
    (tmp_path / "run" / "model" / "finder.safetensors").unlink()
    with pytest.raises(CheckpointError, match="finder"):
        load(tmp_path / "run" / "model")


def test_a_run_starts_from_a_model_of_people_and_keeps_its_search(
    wide_tree, people_model, tmp_path
):
    own = CONFIG.replace("mixers: 1", "channels: 32").replace("meta_val: 0.4", "meta_val: 0.3")
    own += "freeze: [find, lidar]\n"
    assert train(wide_tree, tmp_path, own, "--from", people_model) == 0
    mine, theirs = load(tmp_path / "run/model"), load(people_model)
    pairs = [(mine.model.encoders["lidar"], theirs.model.encoders["lidar"])]
    for one, other in [*pairs, (mine.finder, theirs.finder)]:
        for name, tensor in other.state_dict().items():
            if not name.startswith("presence."):  # fitted anew, as deviations are
                assert tensor.equal(one.state_dict()[name]), name
    assert stages_of(tmp_path) == {"pretrain_depth", "pta_ungated"}


def test_parts_that_a_model_does_not_have_are_named(wide_tree, tmp_path, capsys):
    assert train(wide_tree, tmp_path, CONFIG, "--only", "csi") == 1
    assert "['csi']; expected some of ['depth', 'lidar', 'find']" in capsys.readouterr().err


TAKEN = """
model: {modalities: [depth, lidar], encoders: centred, channels: 32, tokens: 17, dim: 16,
  latent: 8, mixers: 1, attention: 2, pretrained: 16, settle: true}
split: {meta_val: 0.4}
meta: {epochs: 1, batch: 8, refine_epochs: 1}
"""


def test_a_run_takes_a_model_s_encoders_and_search_and_no_more(wide_tree, people_model, tmp_path):
    taken = ("--from", people_model, "--take", "encoders")
    assert train(wide_tree, tmp_path, TAKEN, *taken) == 0
    mine, theirs = load(tmp_path / "run/model"), load(people_model)
    pairs = [(mine.model.encoders, theirs.model.encoders), (mine.finder, theirs.finder)]
    for one, other in pairs:
        for name, tensor in other.state_dict().items():
            if not name.startswith("presence."):
                assert tensor.equal(one.state_dict()[name]), name
    assert mine.model.config.dim == 16, "no width is the model's"
    assert stages_of(tmp_path) == {"single_heads", "pta_ungated_plain", "pta_ungated"}
    told = json.loads((tmp_path / "run/model/config.json").read_text())["provenance"]
    assert (told["training"]["take"], told["training"]["freeze"]) == ("encoders", [])
    assert not {"depth", "lidar"} & set(told["from"]["anew"])
    assert {"projectors", "weights", "refinement", "attention", "head"} <= set(told["from"]["anew"])
    people = PeopleEstimator.load(tmp_path / "run/model", SearchConfig(0.0, 0.0))
    assert people(Clip.open(clips_of(wide_tree, "test")[0]).readings(0))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            TAKEN + "take: encoders\n",
            "take is 'encoders', but the run starts from nothing; expected a model",
        ),
        (TAKEN + "take: encoders\nfreeze: [head]\n", "freeze names ['head']; expected nothing"),
        (
            TAKEN + "take: encoder\n",
            "take is 'encoder'; expected one of all, encoders",
        ),
    ],
)
def test_what_cannot_be_taken_is_one_line(wide_tree, people_model, tmp_path, capsys, text, told):
    start = ["--from", people_model] if "nothing" in told and "head" in told else []
    assert train(wide_tree, tmp_path, text, *start) == 1
    error = capsys.readouterr().err
    assert told in error
    assert error.count("\n") == 1


def test_what_is_taken_is_not_trained_by_itself(wide_tree, people_model, tmp_path, capsys):
    taken = ("--from", people_model, "--take", "encoders")
    assert train(wide_tree, tmp_path, TAKEN, *taken, "--only", "lidar") == 1
    assert "parts to train are ['lidar'], but take is 'encoders'" in capsys.readouterr().err


def test_the_command_line_s_take_goes_before_the_configuration_s(
    wide_tree, people_model, tmp_path, capsys
):
    whole = ("--from", people_model, "--take", "all")
    text = TAKEN + "take: encoders\nfreeze: [wind]\n"
    assert train(wide_tree, tmp_path, text, *whole) == 1
    assert "freeze names ['wind']; this model's parts are" in capsys.readouterr().err
    assert train(wide_tree, tmp_path, TAKEN, *whole, "--systems", "pta") == 1
    assert "--systems and --take all contradict" in capsys.readouterr().err


def test_a_sensor_without_frames_is_told_behind_taken_encoders(
    wide_tree, people_model, tmp_path, capsys
):
    blind = shutil.copytree(wide_tree, tmp_path / "blind")
    for folder in blind.glob("E*/*/*/lidar"):
        shutil.rmtree(folder)
    taken = ("--from", people_model, "--take", "encoders")
    assert train(blind, tmp_path, TAKEN, *taken) == 1
    assert "lidar: 0 usable training and 0 validation" in capsys.readouterr().err
