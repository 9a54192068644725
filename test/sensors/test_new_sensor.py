"""A sensor that the package does not know, added as docs/architecture.md says: a class and a line.

Everything else finds it there: parameters, messages, bags, replay, faults and report.
"""

import csv
import json
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("rosbags")
import torch
from torch import nn

from pta_ros import checkpoint
from pta_ros.bags.bag import Bag, BagWriter
from pta_ros.bags.messages import TRUE_POSE, reading, true_pose
from pta_ros.cli import evaluate_bag
from pta_ros.errors import DecodeError
from pta_ros.evaluation.replay import apart
from pta_ros.model.config import PTAConfig
from pta_ros.model.encoders import ENCODERS
from pta_ros.model.pta import PTA
from pta_ros.sensors import SENSORS, Sensor
from pta_ros.sensors.wire import as_floats, read

START_NS, STEP_NS = 1_700_000_000 * 10**9, 10**8
BEAMS = 16


@dataclass(frozen=True)
class SonarSensor(Sensor):
    """Physical array: float32 (beams,) metres."""

    modality: ClassVar[str] = "sonar"
    sensor_set: ClassVar[str] = "mmfi"
    topic: ClassVar[str] = "sonar/scan"
    message_type: ClassVar[str] = "sensor_msgs/msg/LaserScan"
    frame_id: ClassVar[str] = "sonar_frame"
    colour: ClassVar[str] = "#F0E442"
    letter: ClassVar[str] = "S"
    values_field: ClassVar[str] = "ranges"

    beams: int = BEAMS
    max_m: float = 10.0

    @property
    def shape(self):
        return (self.beams,)

    def decode(self, msg, source):
        return as_floats(read(msg, "ranges", source), "ranges", source)

    def fields(self, array):
        return {"ranges": array.astype(np.float32), "range_max": self.max_m}

    def check(self, array, source):
        if array.shape != self.shape or not (np.abs(array) <= self.max_m).all():
            raise DecodeError(source, f"ranges {array}", f"{self.beams} within {self.max_m} m")

    def reduce(self, array):
        return array / np.float32(self.max_m)


class StubEncoder(nn.Module):
    tokens = 4

    def __init__(self, channels):
        super().__init__()
        self.net = nn.Linear(BEAMS, self.tokens * channels)

    def forward(self, ranges):
        return self.net(ranges).unflatten(1, (self.tokens, -1))


@pytest.fixture
def registered(monkeypatch):
    monkeypatch.setitem(SENSORS, "sonar", SonarSensor)
    family = {"sonar": StubEncoder, "csi": ENCODERS["lite"]["csi"]}
    monkeypatch.setitem(ENCODERS, "stub", family)


@pytest.fixture
def model(registered, tmp_path):
    torch.manual_seed(1)
    config = PTAConfig(("sonar", "csi"), "stub", channels=16, tokens=4, dim=16, latent=8)
    sensors = {m: SENSORS[m]() for m in config.modalities}
    checkpoint.save(tmp_path / "model", PTA(config), sensors, {}, {"note": "untrained, for tests"})
    return tmp_path / "model"


@pytest.fixture
def bag(registered, tmp_path):
    """Three seconds of sonar, Wi-Fi and the true pose."""
    rng = np.random.default_rng(1)
    wave = 20 + 5 * np.sin(np.linspace(0, 9, 114))[None, :, None]
    with BagWriter(tmp_path / "bag") as bag:
        for stamp_ns in range(START_NS, START_NS + 30 * STEP_NS, STEP_NS):
            arrays = {
                "sonar": rng.uniform(1, 4, BEAMS),
                "csi": wave + rng.normal(0, 0.5, (3, 114, 10)),
            }
            for modality, array in arrays.items():
                sensor = SENSORS[modality]()
                bag.write(f"/{sensor.topic}", stamp_ns, reading(sensor, array, stamp_ns))
            bag.write(TRUE_POSE[0], stamp_ns, true_pose(rng.normal(size=(17, 3)), stamp_ns, "test"))
    return tmp_path / "bag"


def test_it_is_replayed_from_a_bag_fused_and_reported(model, bag, tmp_path, monkeypatch):
    # Another process knows the package's sensors, not what a test adds to them here.
    monkeypatch.setattr(apart, "foresees", lambda engine: False)
    plan = tmp_path / "plan.yaml"
    plan.write_text("faults: [{kind: drop, modality: sonar, start: 1, end: 2}]\n")
    options = ["--model", str(model), "--faults", str(plan), "--out", str(tmp_path / "out")]
    assert evaluate_bag.main([str(bag), *options]) == 0
    free, faulty = json.loads((tmp_path / "out/report.json").read_text())["replays"]
    assert [c["state"] for c in free["changes"] if c["sensor"] == "sonar"] == ["MISSING", "LIVE"]
    states = [c["state"] for c in faulty["changes"] if c["sensor"] == "sonar"]
    assert states == ["MISSING", "LIVE", "STALE", "LIVE"]
    with (tmp_path / "out/estimates_plan.csv").open() as file:
        rows = {float(row["time_s"]): bool(row["weight_sonar"]) for row in csv.DictReader(file)}
    assert not any(used for time_s, used in rows.items() if 1.05 < time_s < 1.95)
    assert all(used for time_s, used in rows.items() if not 0.95 < time_s < 2.35)
    assert SonarSensor.colour in (tmp_path / "out/report.html").read_text()


def test_a_recorded_message_is_read_back_and_a_corrupt_one_refused(bag):
    with Bag([bag]) as opened:
        raw = next(iter(opened.messages(["/sonar/scan"])))
        msg = opened.decode(raw)
    assert raw.type == SonarSensor.message_type
    assert msg.header.frame_id == "sonar_frame"
    sensor = SonarSensor()
    reduced = sensor.process(msg, "sonar")
    np.testing.assert_allclose(reduced, np.array(msg.ranges) / 10, rtol=1e-6)
    msg.ranges = msg.ranges[:5]
    with pytest.raises(DecodeError):
        sensor.process(msg, "sonar")


def test_a_node_publishes_it(registered):
    pytest.importorskip("rclpy")
    pytest.importorskip("pta_msgs")
    from pta_ros.nodes.messages import to_header, to_reading

    array = np.linspace(1, 4, BEAMS, dtype=np.float32)
    msg = to_reading(SonarSensor(), array, to_header(START_NS, SonarSensor.frame_id))
    assert type(msg).__name__ == "LaserScan"
    np.testing.assert_array_equal(SonarSensor().decode(msg, "sonar"), array)
