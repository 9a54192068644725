"""Shared: an untrained model of people that finds somebody."""

import pytest


@pytest.fixture(scope="session")
def untrained(tmp_path_factory):
    """A model folder with random weights whose search takes every hill for a person."""
    torch = pytest.importorskip("torch")
    from pta_ros import checkpoint
    from pta_ros.model.config import PTAConfig
    from pta_ros.model.finder import Finder
    from pta_ros.model.pta import PTA
    from pta_ros.people import birdseye
    from pta_ros.sensors import SENSORS

    torch.manual_seed(0)
    sizes = {"channels": 128, "tokens": 17, "dim": 32, "latent": 16}
    config = PTAConfig(modalities=("depth", "lidar"), encoders="centred", **sizes)
    finder = Finder(birdseye.CHANNELS)
    finder.out.bias.data[0] = 4.0
    sensors = {m: SENSORS[m]() for m in config.modalities}
    folder = tmp_path_factory.mktemp("people") / "untrained"
    model = PTA(config)
    torch.nn.init.constant_(model.head.presence.bias, 9.0)  # it believes every candidate
    checkpoint.save(folder, model, sensors, {}, {}, finder)
    return folder
