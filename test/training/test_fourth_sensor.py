"""A sensor that the package does not know joins a model of three, as docs/architecture.md says.

The script stands for the developer's own lines: a class, an encoder, a folder and its reader.
Processes that reduce the tree import it again, as they would import the package.
"""

import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
import torch

from pta_ros import checkpoint
from pta_ros.model.config import PTAConfig
from pta_ros.model.pta import PTA
from pta_ros.sensors import SENSORS

SMALL = PTAConfig(channels=16, tokens=4, dim=16, latent=8)
CONFIG = """
model: {modalities: [depth, lidar, csi, sonar], tokens: 4, dim: 16, latent: 8, channels: 16}
split: {meta_val: 0.2, val: 0.2, test: 0.2}
pretrain: {sonar: {epochs: 1, batch: 8}}
meta: {epochs: 1, batch: 8, outer_every: 1}
freeze: [depth, lidar, csi]
"""
SCRIPT = '''
import sys
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from torch import nn

from pta_ros.datasets import mmfi_files
from pta_ros.model.encoders import ENCODERS
from pta_ros.sensors import SENSORS, Sensor


@dataclass(frozen=True)
class SonarSensor(Sensor):
    """Physical array: float32 (16,) metres."""

    modality: ClassVar[str] = "sonar"
    sensor_set: ClassVar[str] = "mmfi"
    shape: ClassVar = (16,)

    def decode(self, msg, source):
        raise NotImplementedError

    def fields(self, array):
        raise NotImplementedError

    def check(self, array, source):
        pass

    def reduce(self, array):
        return array / np.float32(10.0)


class SonarEncoder(nn.Module):
    tokens = 4

    def __init__(self, channels):
        super().__init__()
        self.net = nn.Linear(16, self.tokens * channels)

    def forward(self, ranges):
        return self.net(ranges).unflatten(1, (self.tokens, -1))


SENSORS["sonar"] = SonarSensor
ENCODERS["lite"]["sonar"] = SonarEncoder
mmfi_files.FOLDERS["sonar"] = ("sonar", "npy")
mmfi_files.READERS["sonar"] = np.load

if __name__ == "__main__":
    from pta_ros import checkpoint
    from pta_ros.cli import train_pta

    code = train_pta.main(sys.argv[2:])
    if code == 0:  # loaded here, where the sensor is known
        model = checkpoint.load(sys.argv[1]).model
        np.savez(sys.argv[1] + ".npz", **{n: t.numpy() for n, t in model.state_dict().items()})
    raise SystemExit(code)
'''


@pytest.fixture
def tree(synthetic_tree, tmp_path):
    """The synthetic tree with a sonar, which one clip lacks."""
    root, rng = shutil.copytree(synthetic_tree, tmp_path / "tree"), np.random.default_rng(1)
    for folder in sorted(root.glob("E*/S*/A*"))[1:]:
        (folder / "sonar").mkdir()
        for path in (folder / "depth").iterdir():
            ranges = rng.uniform(1, 4, 16).astype(np.float32)
            np.save(folder / "sonar" / path.with_suffix(".npy").name, ranges)
    return root


def test_three_sensors_are_kept_and_the_fourth_is_trained(tree, tmp_path):
    torch.manual_seed(3)
    theirs = PTA(SMALL)
    sensors = {m: SENSORS[m]() for m in SMALL.modalities}
    checkpoint.save(tmp_path / "three", theirs, sensors, {}, {})
    (tmp_path / "own.yaml").write_text(CONFIG)
    script = tmp_path / "sonar.py"
    script.write_text(SCRIPT)
    run = tmp_path / "run"
    options = ["--config", tmp_path / "own.yaml", "--out", run, "--from", tmp_path / "three"]
    command = [sys.executable, script, run / "model", tree, *options, "--threads", "1"]
    done = subprocess.run(
        list(map(str, command)), capture_output=True, text=True, check=False, env=os.environ
    )
    assert done.returncode == 0, done.stderr
    assert "trained anew: sonar 2: not in three" in done.stdout
    assert "trained anew: weights 1: not in three" in done.stdout
    assert "pretrain_sonar epoch 1" in done.stdout
    assert "pretrain_depth" not in done.stdout
    with np.load(f"{run / 'model'}.npz") as mine:
        for name, tensor in theirs.state_dict().items():
            if name.startswith("encoders."):
                np.testing.assert_array_equal(mine[name], tensor.numpy(), name)
        assert mine["purify.logits"].shape == (4,)
        assert mine["encoders.sonar.net.weight"].shape == (64, 16)
