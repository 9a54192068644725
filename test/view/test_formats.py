"""The layouts for RViz and Foxglove name topics that the package has, and agree in themselves."""

import json
import re
from pathlib import Path

import pytest
import yaml

from pta_ros.fusion.params import topics_of
from pta_ros.sensors import DepthSensor

TOPICS = topics_of("mmfi")

CONFIG = Path(__file__).resolve().parents[2] / "config"
PUBLISHED = {*TOPICS.values(), "skeleton", "skeleton_markers", "diagnostics", "ground_truth"}


@pytest.fixture(scope="module")
def foxglove():
    return json.loads((CONFIG / "foxglove_layout.json").read_text())


def strings(value):
    if isinstance(value, dict):
        for key, entry in value.items():
            yield key
            yield from strings(entry)
    elif isinstance(value, list):
        for entry in value:
            yield from strings(entry)
    elif isinstance(value, str):
        yield value


def test_rviz_shows_topics_that_exist():
    manager = yaml.safe_load((CONFIG / "mmfi_live.rviz").read_text())["Visualization Manager"]
    shown = {d["Topic"]["Value"]: d for d in manager["Displays"] if "Topic" in d}
    assert set(shown) == {"skeleton_markers", TOPICS["lidar"], TOPICS["depth"]}
    assert set(shown) <= PUBLISHED
    for modality in ("lidar", "depth"):  # a reliable subscription would get nothing
        assert shown[TOPICS[modality]]["Topic"]["Reliability Policy"] == "Best Effort"
    assert manager["Global Options"]["Fixed Frame"] == DepthSensor.frame_id


def test_foxglove_shows_topics_that_exist(foxglove):
    paths = [text for text in strings(foxglove["configById"]) if text.startswith("/")]
    topics = {re.split(r"[.\[]", path[1:])[0] for path in paths}
    wanted = {TOPICS["depth"], TOPICS["lidar"], "skeleton", "skeleton_markers", "diagnostics"}
    assert topics == wanted
    assert foxglove["configById"]["3D!scene"]["followTf"] == DepthSensor.frame_id


def test_foxglove_plots_fields_that_the_messages_have(foxglove):
    messages = CONFIG.parent / "pta_msgs" / "msg"
    fields = {
        name: set(re.findall(r"^\S+\s+(\w+)", (messages / f"{name}.msg").read_text(), re.MULTILINE))
        for name in ("Skeleton", "ModalityState")
    }
    paths = [t for t in strings(foxglove["configById"]) if t.startswith("/skeleton.")]
    told = set()
    for path in paths:
        field, _, inner = path.removeprefix("/skeleton.").partition("[:]")
        assert field in fields["Skeleton"]
        if inner:
            modality, last = re.fullmatch(r'\{modality=="(\w+)"\}\.(\w+)', inner).groups()
            assert last in fields["ModalityState"]
            told.add((modality, last))
    assert told == {(m, f) for m in TOPICS for f in ("weight", "state")}
    assert "/skeleton.latency_ms" in paths


def test_foxglove_lays_out_every_panel_once(foxglove):
    def panels(node):
        return [node] if isinstance(node, str) else panels(node["first"]) + panels(node["second"])

    assert sorted(panels(foxglove["layout"])) == sorted(foxglove["configById"])
