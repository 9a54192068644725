from pathlib import Path

import pytest
import yaml

from pta_ros.errors import ConfigError
from pta_ros.fusion.config import StreamConfig
from pta_ros.fusion.params import (
    TOPICS,
    FusionParams,
    SensorParams,
    StreamParams,
    fusion_from,
    fusion_specs,
)
from pta_ros.fusion.specs import specs
from pta_ros.nodes import params_doc

ROOT = Path(__file__).resolve().parents[2]
DEFAULTS = {spec.name: spec.default for spec in fusion_specs()}


def test_every_default_is_legal_and_every_number_has_a_range():
    for spec in (*fusion_specs(), *specs(SensorParams)):
        assert spec.problem(spec.default) == ""
        assert spec.description
        if type(spec.default) in (int, float):
            assert spec.low is not None
            assert spec.high is not None


def test_names_of_streams_and_their_topics():
    names = [spec.name for spec in fusion_specs()]
    assert len(set(names)) == len(names)
    for modality, topic in TOPICS.items():
        assert f"{modality}.stale_after_s" in names
        assert DEFAULTS[f"{modality}.topic"] == topic


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("max_wait_s", 5.0, "max_wait_s is 5.0; expected 0 to 1 s"),
        ("max_wait_s", float("nan"), "max_wait_s is nan"),
        ("num_threads", 2.0, "num_threads is 2.0; expected int"),
        ("num_threads", True, "num_threads is True; expected int"),
        ("depth.stamp_policy", "guess", "expected one of receive, reject"),
        ("csi.topic", "lidar/points", "no two alike"),
        ("csi.topic", "", "non-empty"),
        ("depth.transport", "jpeg", "expected one of raw, compressed, compressedDepth"),
        ("lidar.transport", "compressed", "lidar.transport is 'compressed'; only depth images"),
        ("depth.frame", "model", "depth.frame is 'model'; only clouds"),
        ("csi.extrinsic", "0 0 0 0 0 0", "csi.extrinsic is '0 0 0 0 0 0'; only clouds"),
        ("lidar.extrinsic", "1 2 3", "extrinsic is '1 2 3'; expected six numbers"),
        ("lidar.extrinsic", "0 0 0 0 0 0", "lidar.frame is empty; name the frame"),
        ("lidar.extrinsic", 0.0, "expected str"),
    ],
)
def test_wrong_values_are_refused_by_name(name, value, said):
    with pytest.raises(ConfigError) as caught:
        fusion_from({**DEFAULTS, name: value})
    assert said in str(caught.value)


def test_values_reach_the_streams():
    own, streams = fusion_from({**DEFAULTS, "lidar.stale_after_s": 0.5, "refine": False})
    assert own == FusionParams(refine=False)
    assert streams["lidar"].config() == StreamConfig(stale_after_s=0.5)
    assert streams["depth"].config() == StreamConfig()


@pytest.mark.parametrize(
    "given",
    [{"depth.transport": "compressedDepth"}, {"lidar.frame": "model"}],
)
def test_what_a_sensor_node_does_is_not_for_a_fusion_node_that_has_one(given):
    fusion_from({**DEFAULTS, **given})
    with pytest.raises(ConfigError, match="parameters of the sensor_node"):
        fusion_from({**DEFAULTS, **given, "composed": False})


def test_the_source_of_a_stream_and_its_type():
    plain = StreamParams(topic="/cam/depth")
    assert (plain.source, plain.message_type("depth")) == ("/cam/depth", "sensor_msgs/msg/Image")
    for topic in ("/cam/depth", "/cam/depth/compressedDepth"):
        deep = StreamParams(topic=topic, transport="compressedDepth")
        assert deep.source == "/cam/depth/compressedDepth"
        assert deep.message_type("depth") == "sensor_msgs/msg/CompressedImage"


def test_a_sensor_nodes_stream_is_checked_like_the_fusion_nodes():
    given = SensorParams(modality="lidar", frame="model", extrinsic="0 0 1 0 0 0").stream()
    assert given == StreamParams(topic="lidar/points", frame="model", extrinsic="0 0 1 0 0 0")
    with pytest.raises(ConfigError, match="only clouds"):
        SensorParams(modality="csi", frame="model").stream()


def test_every_setting_of_a_stream_is_a_parameter():
    hidden = {"history", "future_tolerance_s"}  # no operator has a reason to turn these
    offered = {spec.name for spec in specs(StreamParams)}
    assert set(StreamConfig.__dataclass_fields__) - offered == hidden


def test_shipped_yaml_is_the_defaults():
    windows = (ROOT / "config" / "xrf55_live.yaml").read_text(encoding="utf-8")
    assert windows == params_doc.as_yaml("xrf55"), "run python -m pta_ros.nodes.params_doc"
    text = (ROOT / "config" / "mmfi_live.yaml").read_text(encoding="utf-8")
    assert text == params_doc.as_yaml(), "run python -m pta_ros.nodes.params_doc"
    tree = yaml.safe_load(text)["/**/fusion"]["ros__parameters"]
    flat = {}
    for name, value in tree.items():
        inner = value.items() if isinstance(value, dict) else ()
        flat.update({f"{name}.{k}": v for k, v in inner} or {name: value})
    assert flat == DEFAULTS


def test_documented_table_is_the_dataclasses():
    text = (ROOT / "docs" / "parameters.md").read_text(encoding="utf-8")
    assert text == params_doc.as_markdown(), "run python -m pta_ros.nodes.params_doc"
    for spec in (*specs(FusionParams), *specs(StreamParams), *specs(SensorParams)):
        assert f"| `{spec.name}` |" in text
