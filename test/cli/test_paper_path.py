"""The paper's setting from files as published to its table: a dry run on a tiny synthetic tree."""

import json

import pytest
import torch
import yaml

from pta_ros import checkpoint
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


def test_the_table_has_the_papers_rows_and_numbers(run, tree, capsys):
    assert evaluate_pta.main([str(tree), "--model", str(run / "model"), "--paper"]) == 0
    lines = capsys.readouterr().out.splitlines()
    rows = {line.split("|")[1].strip(): line.split("|")[2:-1] for line in lines if "|" in line}
    assert float(rows["D+L+W"][1]) == 68.86
    assert float(rows["L"][5]) == 89.83
    assert all(float(rows[r][0]) > 0 for r in ("D", "L", "W", "D+L", "D+W", "L+W", "D+L+W"))
    assert "synthetic" in next(iter(line for line in lines if "MPJPE mm, here" in line))
