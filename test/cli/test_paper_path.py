"""The paper's setting from files as published to its table: a dry run on a tiny synthetic tree."""

import json
import shutil

import pytest
import torch
import yaml

from pta_ros import checkpoint, tensors
from pta_ros.cli import evaluate_pta, import_xfi, make_mmfi, train_pta
from pta_ros.datasets.splits import mmfi_split
from pta_ros.model.encoders import make_encoder

pytestmark = pytest.mark.slow
CONFIG = "config/mmfi_paper.yaml"
MODALITIES = ("depth", "lidar", "csi")


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    pytest.importorskip("open3d")
    root = tmp_path_factory.mktemp("paper") / "tree"
    options = ["--preset", "tiny", "--subjects", "1,2,6", "--actions", "2,3", "--frames", "2"]
    assert make_mmfi.main([str(root), *options, "--seed", "1", "--jobs", "2"]) == 0
    return root


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Published files, as far as their form goes: random weights."""
    folder = tmp_path_factory.mktemp("published")
    for number, modality in enumerate(MODALITIES):
        torch.manual_seed(number)
        state = make_encoder("xfi", modality, 512).state_dict()
        torch.save(state, folder / f"{modality}.pt")
    return folder


@pytest.fixture(scope="module")
def run(tree, files, tmp_path_factory, request):
    folder = tmp_path_factory.mktemp("run")
    assert import_xfi.main([str(files), str(folder / "xfi")]) == 0
    settings = yaml.safe_load((request.config.rootpath / CONFIG).read_text())
    settings["meta"].update(epochs=2)
    (folder / "dry.yaml").write_text(yaml.safe_dump(settings))
    arguments = [str(tree), "--config", str(folder / "dry.yaml"), "--out", str(folder / "out")]
    assert train_pta.main([*arguments, "--imported", str(folder / "xfi")]) == 0
    return folder / "out"


def test_the_split_is_the_published_one(run, tree):
    splits = json.loads((run / "splits.json").read_text())
    published = mmfi_split("P3", "S1")
    there = {(s, a) for s in ("S01", "S02", "S06") for a in ("A02", "A03")}
    parts = {name: {tuple(c.split("/")) for c in clips} for name, clips in splits.items()}
    assert parts["test"] == published.val & there
    assert parts["train"] | parts["meta_val"] == published.train & there
    assert not parts["train"] & parts["meta_val"]


def test_the_encoders_leave_training_as_they_were_published(run, files):
    model = checkpoint.load(run / "model").model
    for modality in MODALITIES:
        published = torch.load(files / f"{modality}.pt", weights_only=True)
        trained = model.encoders[modality].state_dict()
        assert all(trained[name].equal(t) for name, t in published.items()), modality


def again(run, tree, imported):
    """The same run once more, with encoders of another folder."""
    config = ["--config", str(run.parent / "dry.yaml")]
    arguments = [str(tree), *config, "--out", str(run), "--imported", str(imported)]
    return train_pta.main(arguments)


def test_imported_weights_are_known_by_what_they_are_and_not_by_where(run, tree, tmp_path, capsys):
    moved = shutil.copytree(run.parent / "xfi", tmp_path / "moved")
    features = sorted(p.name for p in (run / "features").iterdir())
    assert again(run, tree, moved) == 0
    assert " epoch " not in capsys.readouterr().out  # nothing is trained again
    assert sorted(p.name for p in (run / "features").iterdir()) == features
    weights = moved / "csi/model.safetensors"
    state = tensors.load_tensors(weights)
    state["encoder_bn1.bias"] += 1.0
    tensors.save_tensors(weights, state)
    assert again(run, tree, moved) == 1
    assert "another configuration or data set" in capsys.readouterr().err
    added = {p.name for p in (run / "features").iterdir()} - set(features)
    assert {name.partition("-")[0] for name in added} == {"csi"}


@pytest.mark.parametrize("given", ["none", "empty", "wrong", ""])
def test_encoders_that_are_not_there_are_one_line_before_anything_is_read(
    given, tmp_path, capsys, request
):
    (tmp_path / "empty").mkdir()
    (tmp_path / "wrong/depth").mkdir(parents=True)
    (tmp_path / "wrong/depth/config.json").write_text('{"format": 1}')
    config = ["--config", str(request.config.rootpath / CONFIG), "--out", str(tmp_path / "out")]
    imported = str(tmp_path / given) if given else ""
    assert train_pta.main([str(tmp_path), *config, "--imported", imported]) == 1
    told = capsys.readouterr().err
    words = {"wrong": "describes None", "": "--imported names nothing"}
    assert words.get(given, "convert X-Fi's files first: import_xfi FILES") in told
    assert told.count("\n") == 1
    assert not (tmp_path / "out/cache").exists()


def test_the_papers_table_needs_a_model(tmp_path, capsys):
    for given in (["--table", str(tmp_path)], ["--model", str(tmp_path / "none")]):
        assert evaluate_pta.main([str(tmp_path), *given, "--paper"]) == 1
        told = capsys.readouterr().err
        assert told.count("\n") == 1
        assert "--paper beside --table" in told or "expected a model folder" in told


def test_the_table_has_the_papers_rows_and_numbers(run, tree, capsys):
    assert evaluate_pta.main([str(tree), "--model", str(run / "model"), "--paper"]) == 0
    lines = capsys.readouterr().out.splitlines()
    rows = {line.split("|")[1].strip(): line.split("|")[2:-1] for line in lines if "|" in line}
    assert float(rows["D+L+W"][1]) == 68.86
    assert float(rows["L"][5]) == 89.83
    assert all(float(rows[r][0]) > 0 for r in ("D", "L", "W", "D+L", "D+W", "L+W", "D+L+W"))
    assert "synthetic" in next(iter(line for line in lines if "MPJPE mm, here" in line))
