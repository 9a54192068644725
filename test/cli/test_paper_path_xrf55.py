"""The paper's setting on XRF55, from files as published to its table 2: a dry run, synthetic."""

import pytest
import torch
import yaml

from pta_ros import checkpoint
from pta_ros.cli import evaluate_pta, import_xfi, make_xrf55, train_pta
from pta_ros.model.encoders import make_encoder

pytestmark = pytest.mark.slow
CONFIG = "config/xrf55_paper.yaml"
MODALITIES = ("radar", "wifi", "rfid")


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    root = tmp_path_factory.mktemp("paper") / "tree"
    options = ["--preset", "tiny", "--subjects", "1,2", "--actions", "2,23", "--jobs", "2"]
    assert make_xrf55.main([str(root), *options, "--seed", "1"]) == 0
    return root


@pytest.fixture(scope="module")
def run(tree, tmp_path_factory, request):
    folder = tmp_path_factory.mktemp("run")
    for number, modality in enumerate(MODALITIES):  # published files, as far as their form goes
        torch.manual_seed(number)
        torch.save(make_encoder("xfi", modality, 512).state_dict(), folder / f"{modality}.pt")
    assert import_xfi.main([str(folder), str(folder / "xfi")]) == 0
    settings = yaml.safe_load((request.config.rootpath / CONFIG).read_text())
    settings["meta"].update(epochs=2)
    (folder / "dry.yaml").write_text(yaml.safe_dump(settings))
    arguments = [str(tree), "--config", str(folder / "dry.yaml"), "--out", str(folder / "out")]
    assert train_pta.main([*arguments, "--imported", str(folder / "xfi")]) == 0
    return folder / "out"


def test_the_encoders_see_windows_as_they_are_recorded(run):
    loaded = checkpoint.load(run / "model")
    shapes = {m: sensor.shape for m, sensor in loaded.sensors.items()}
    assert shapes == {"radar": (17, 256, 128), "wifi": (270, 1000), "rfid": (23, 148)}
    assert loaded.model.config.refine is False


def test_the_table_has_the_papers_rows_and_numbers(run, tree, tmp_path, capsys):
    given = ["--model", str(run / "model"), "--paper", "--out", str(tmp_path)]
    assert evaluate_pta.main([str(tree), *given]) == 0
    lines = capsys.readouterr().out.splitlines()
    heads = [line for line in lines if "paper's PTA" in line]
    assert len(heads) == 1  # later repeats; nobody is held out
    assert "accuracy %, here (synthetic data)" in heads[0]
    table = lines[lines.index(heads[0]) + 2 :][:7]
    rows = {line.split("|")[1].strip(): line.split("|")[2:-1] for line in table}
    assert list(rows) == ["R", "W", "RF", "R+W", "R+RF", "W+RF", "R+W+RF"]
    assert [float(cell) for cell in rows["W+RF"][1:]] == [83.14, 58.1, 55.6]
    assert all(0 <= float(row[0]) <= 100 for row in rows.values())
