"""Sensors of one's own sizes, and fewer of them: trained from nothing and from a model."""

import json
import shutil
from dataclasses import replace

import cv2
import pytest
import scipy.io
import torch
import yaml

from pta_ros import checkpoint
from pta_ros.cli import evaluate_pta, train_pta
from pta_ros.errors import CheckpointError, ConfigError
from pta_ros.model.config import PTAConfig
from pta_ros.model.encoders import make_encoder
from pta_ros.model.pta import PTA
from pta_ros.sensors import SENSORS
from pta_ros.training.config import config_from

SMALL = PTAConfig(channels=16, tokens=4, dim=16, latent=8)
CONFIG = """
model: {tokens: 4, dim: 16, latent: 8, channels: 16, modalities: [MODALITIES]}
split: {meta_val: 0.2, val: 0.2, test: 0.2}
pretrain: {csi: {epochs: 1, batch: 8}}
meta: {epochs: 1, batch: 8}
"""
OWN = "sensors: {csi: {antennas: 2, subcarriers: 29, packets: 5}}\n"
CALIBRATION = {
    "csi": {"antennas": 2, "subcarriers": 29, "packets": 5},
    "depth": {
        "width": 320, "height": 240, "fx": 285.0, "fy": 285.0, "cx": 159.5, "cy": 119.5,
        "rotation_deg": 0, "xyz_m": [0.0, 0.0, 1.0], "rpy_deg": [0.0, 0.0, 0.0],
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def own_tree(synthetic_tree, tmp_path_factory):
    """The synthetic tree as a camera of 320x240 and a smaller Wi-Fi card would see it; no LiDAR."""
    root = shutil.copytree(synthetic_tree, tmp_path_factory.mktemp("own") / "tree")
    for folder in root.glob("E*/S*/A*"):
        shutil.rmtree(folder / "lidar")
        (folder / "calibration.yaml").write_text(yaml.safe_dump(CALIBRATION))
        for path in (folder / "wifi-csi").iterdir():
            amplitude = scipy.io.loadmat(path)["CSIamp"][:2, ::4, :5]
            scipy.io.savemat(path, {"CSIamp": amplitude})
        for path in (folder / "depth").iterdir():
            pixels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
            cv2.imwrite(str(path), pixels[::2, ::2])
    return root


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A model of MM-Fi's three sensors, untrained."""
    torch.manual_seed(2)
    folder = tmp_path_factory.mktemp("models") / "source"
    checkpoint.save(folder, PTA(SMALL), {m: SENSORS[m]() for m in SMALL.modalities}, {}, {})
    return folder


def train(tree, folder, modalities, *options, own=OWN):
    folder.parent.mkdir(exist_ok=True, parents=True)
    path = folder.with_suffix(".yaml")
    path.write_text(CONFIG.replace("MODALITIES", modalities) + own)
    arguments = [str(tree), "--config", str(path), "--out", str(folder), "--threads", "1"]
    return train_pta.main([*arguments, *map(str, options)])


@pytest.mark.parametrize("begins", [True, False])
def test_another_camera_and_card_train_and_are_evaluated(
    own_tree, source, tmp_path, capsys, begins
):
    """The robot has no LiDAR; the model that it starts from has one."""
    options = ["--from", source] if begins else []
    assert train(own_tree, tmp_path / "run", "depth, csi", *options) == 0
    told = capsys.readouterr().out
    assert ("csi.net.0.weight: [512, 684] there, [512, 116] here" in told) == begins
    assert ("left in source: lidar" in told) == begins
    assert "unusable" not in told
    loaded = checkpoint.load(tmp_path / "run/model")
    assert loaded.model.config.shapes == {"csi": (2, 29, 5)}
    assert loaded.sensors["csi"].shape == (2, 29, 5)
    assert loaded.model.encoders["csi"].net[0].in_features == 2 * 2 * 29
    out = tmp_path / "figures.json"
    given = [str(own_tree), "--model", str(tmp_path / "run/model"), "--json", str(out)]
    assert evaluate_pta.main([*given, "--cache", str(tmp_path / "cache")]) == 0
    subsets = {r["subset"] for r in json.loads(out.read_text())["results"]}
    assert subsets == {"depth", "csi", "depth+csi"}


def test_one_sensor_of_three_starts_from_all(own_tree, source, tmp_path):
    assert train(own_tree, tmp_path / "run", "csi", "--from", source) == 0
    provenance = checkpoint.load(tmp_path / "run/model").provenance
    assert provenance["from"]["anew"] == ["csi"]


def test_a_tree_s_card_that_is_not_the_model_s_is_told_with_what_to_write(
    own_tree, tmp_path, capsys
):
    assert train(own_tree, tmp_path / "run", "depth, csi", own="") == 1
    error = capsys.readouterr().err
    assert "sensors: {csi: {antennas: 2, subcarriers: 29, packets: 5}}" in error
    assert error.count("\n") == 1
    assert not list((tmp_path / "run").rglob("reduced-*"))


def test_a_single_packet_shows_no_motion_and_is_no_nan():
    encoder = make_encoder("lite", "csi", 16, (2, 30, 1)).eval()
    assert encoder(torch.rand(3, 2, 30, 1)).isfinite().all()


def test_shapes_that_cannot_be_are_named():
    with pytest.raises(ConfigError, match="leave it out"):
        config_from({"model": {"shapes": {"csi": [1, 20, 1]}}})
    with pytest.raises(ConfigError, match="at most 65536"):
        PTA(replace(SMALL, shapes={"csi": (300, 300, 1)}))
    with pytest.raises(ConfigError, match="depth has one shape"):
        PTA(replace(SMALL, shapes={"depth": (48, 64)}))


def test_a_model_folder_whose_sensors_and_sizes_differ_is_refused(tmp_path):
    model = PTA(replace(SMALL, shapes={"csi": (2, 30, 5)}))
    checkpoint.save(tmp_path / "m", model, {m: SENSORS[m]() for m in SMALL.modalities}, {}, {})
    with pytest.raises(CheckpointError, match=r"\(3, 114, 10\); expected \(2, 30, 5\)"):
        checkpoint.load(tmp_path / "m")
