"""The nodes' parameters: ranges, what contradicts itself, the files that hold them, the docs."""

import importlib.util
from dataclasses import fields
from pathlib import Path

import pytest
import yaml

from pta_ros.captures.params import CsiParams
from pta_ros.errors import ConfigError
from pta_ros.fusion.activity_filter import ActivityConfig
from pta_ros.fusion.config import SearchConfig, StreamConfig, StreamParams
from pta_ros.fusion.params import (
    FusionParams,
    fusion_from,
    fusion_specs,
    read_params,
    sensor_set_of,
    topics_of,
)
from pta_ros.fusion.sensor_params import SensorParams, sensor_from, sensor_specs
from pta_ros.sensors import SENSORS, sensor_sets
from pta_ros.sensors.depth_device import DepthDevice
from pta_ros.sensors.lidar_setup import LidarInstallation
from pta_ros.settings import specs

ROOT = Path(__file__).resolve().parents[2]
DEFAULTS = {spec.name: spec.default for spec in fusion_specs()}


def test_every_default_is_legal_and_every_number_has_a_range():
    for spec in (*fusion_specs(), *specs(SensorParams), *specs(CsiParams)):
        assert spec.problem(spec.default) == ""
        assert spec.description
        if type(spec.default) in (int, float):
            assert spec.low is not None
            assert spec.high is not None


def test_names_of_streams_and_their_topics():
    names = [spec.name for spec in fusion_specs()]
    assert len(set(names)) == len(names)
    for modality, topic in topics_of("mmfi").items():
        assert f"{modality}.stale_after_s" in names
        assert DEFAULTS[f"{modality}.topic"] == topic


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("max_wait_s", 5.0, "max_wait_s is 5.0; expected 0 to 1 s"),
        ("max_wait_s", float("nan"), "max_wait_s is nan"),
        ("num_threads", 2.0, "num_threads is 2.0; expected a whole number"),
        ("num_threads", True, "num_threads is True; expected a whole number"),
        ("depth.stamp_policy", "guess", "expected one of stamp, receive, align, reject"),
        ("csi.topic", "lidar/points", "no two alike"),
        ("csi.topic", "", "non-empty"),
        ("depth.transport", "jpeg", "expected one of raw, compressed, compressedDepth"),
        ("lidar.transport", "compressed", "lidar.transport is 'compressed'; only depth images"),
        ("depth.frame", "model", "depth.frame is 'model'; only clouds"),
        ("csi.extrinsic", "0 0 0 0 0 0", "csi.extrinsic is '0 0 0 0 0 0'; only clouds"),
        ("lidar.extrinsic", "1 2 3", "extrinsic is '1 2 3'; expected six numbers"),
        ("lidar.extrinsic", 0.0, "expected a text"),
        ("people.candidate", -0.1, "people.candidate is -0.1; expected 0 to 1"),
        ("people.presence", 1.5, "people.presence is 1.5; expected 0 to 1"),
        ("people.apart_m", 0.0, "people.apart_m is 0.0; expected 0.05 to 5 m"),
        ("people.most", 0, "people.most is 0; expected 1 to 100"),
        ("activity.dwell_s", -1.0, "activity.dwell_s is -1.0; expected 0 to 3600 s"),
        ("activity.independent_s", 0.0, "activity.independent_s is 0.0; expected 0.01 to 60 s"),
    ],
)
def test_wrong_values_are_refused_by_name(name, value, said):
    with pytest.raises(ConfigError) as caught:
        fusion_from({**DEFAULTS, name: value})
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("modality", "said"),
    [("lidar", "lidar.frame is empty; name the frame"), ("depth", "only clouds can be moved")],
)
def test_a_pose_without_a_frame_is_for_models_that_find_people(modality, said):
    pose = "0 0 1 0 0 0"
    streams = fusion_from({**DEFAULTS, f"{modality}.extrinsic": pose})[1]
    with pytest.raises(ConfigError, match=said):
        streams[modality].check_moves(modality)


def test_the_search_of_people_comes_from_a_file(tmp_path):
    text = "fusion: {ros__parameters: {people: {presence: 0.8}, people.most: 3}}"
    own = read_params(write(tmp_path, text))[0]
    assert own.search == SearchConfig(presence=0.8, most=3)
    wrong = "fusion: {ros__parameters: {people: {presense: 0.8}}}"
    with pytest.raises(ConfigError, match=r"people\.presense; did you mean people\.presence"):
        read_params(write(tmp_path, wrong))


def test_how_activities_are_followed_comes_from_a_file_or_from_the_set(tmp_path):
    text = "fusion: {ros__parameters: {activity: {dwell_s: 4}}}"
    assert read_params(write(tmp_path, text))[0].activity == ActivityConfig(dwell_s=4.0)
    windows = read_params(None, "xrf55")[0].activity
    assert 0 < windows.dwell_s < ActivityConfig.dwell_s  # a window looks back by itself


def test_values_reach_the_streams():
    own, streams = fusion_from({**DEFAULTS, "lidar.stale_after_s": 0.5, "refine": False})
    assert own == FusionParams(refine=False)
    assert streams["lidar"] == StreamParams(
        topic="lidar/points", stale_after_s=0.5, device=LidarInstallation()
    )
    assert streams["depth"] == StreamParams(topic="depth/image", device=DepthDevice())


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
    def stream(modality, **given):
        defaults = {spec.name: spec.default for spec in sensor_specs(modality)}
        return sensor_from({**defaults, "modality": modality, **given})[1]

    device = SENSORS["lidar"].installation()
    pose = {"frame": "model", "extrinsic": "0 0 1 0 0 0"}
    expected = StreamParams(topic="lidar/points", device=device, **pose)
    assert stream("lidar", **pose) == expected
    with pytest.raises(ConfigError, match="only clouds"):
        stream("csi", frame="model")
    with pytest.raises(ConfigError, match=r"lidar\.frame is empty"):
        stream("lidar", extrinsic="0 0 1 0 0 0")


def test_every_setting_of_a_stream_is_a_parameter():
    hidden = {"history", "future_tolerance_s"}  # no operator has a reason to turn these
    offered = {spec.name for spec in specs(StreamParams)}
    assert {f.name for f in fields(StreamConfig)} - offered == hidden


@pytest.fixture(scope="module")
def params_doc():
    """The tool that writes the files that are compared here."""
    spec = importlib.util.spec_from_file_location("params_doc", ROOT / "docs" / "params_doc.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("sensor_set", ["mmfi", "xrf55"])
def test_shipped_yaml_is_the_defaults(params_doc, sensor_set):
    text = (ROOT / "config" / f"{sensor_set}_live.yaml").read_text(encoding="utf-8")
    assert text == params_doc.as_yaml(sensor_set), "run python docs/params_doc.py"
    tree = yaml.safe_load(text)["/**/fusion"]["ros__parameters"]
    flat = {}
    for name, value in tree.items():
        inner = value.items() if isinstance(value, dict) else ()
        flat.update({f"{name}.{k}": v for k, v in inner} or {name: value})
    assert flat == {spec.name: spec.default for spec in fusion_specs(sensor_set)}


def test_documented_table_is_the_dataclasses(params_doc):
    text = (ROOT / "docs" / "parameters.md").read_text(encoding="utf-8")
    assert text == params_doc.as_markdown(), "run python docs/params_doc.py"
    for group in (FusionParams, StreamParams, SensorParams, CsiParams):
        for spec in specs(group):
            assert f"| `{spec.name}` |" in text
    for spec in specs(SearchConfig, "people.") + specs(ActivityConfig, "activity."):
        assert f"| `{spec.name}` |" in text


def test_a_sets_defaults_follow_from_its_sensors():
    defaults = {spec.name: spec.default for spec in fusion_specs("xrf55")}
    assert defaults["rfid.topic"] == "rfid/phase"
    assert [defaults[f"wifi.{n}"] for n in ("stale_after_s", "recover_frames", "qos_depth")] == [
        0.8, 1, 20
    ]  # fmt: skip
    assert DEFAULTS["frame_id"] == ""
    assert DEFAULTS["depth.stale_after_s"] == StreamConfig.stale_after_s
    choices = {spec.name: spec.choices for spec in specs(SensorParams)}
    assert choices["modality"] == ("depth", "lidar", "csi")


def test_a_sensor_that_is_registered_later_has_parameters(monkeypatch):
    from pta_ros import sensors

    class Toy(sensors.DepthSensor):
        sensor_set, topic, frame_id = "toys", "toy/image", "toy_frame"

    monkeypatch.setitem(sensors.SENSORS, "toy", Toy)
    assert sensor_sets() == ("mmfi", "xrf55", "toys")
    own, streams = read_params(None, "toys")
    assert own.sensor_set == "toys"
    assert streams == {"toy": StreamParams(topic="toy/image", device=DepthDevice())}
    assert streams["toy"].message_type("toy") == "sensor_msgs/msg/Image"


def write(tmp_path, text):
    path = tmp_path / "params.yaml"
    path.write_text(text)
    return path


def test_no_file_is_the_defaults():
    assert read_params(ROOT / "config/mmfi_live.yaml") == read_params(None)
    own, streams = read_params(None)
    assert own == FusionParams()
    assert streams["csi"] == StreamParams(topic="wifi/csi")


def test_the_file_or_the_caller_says_which_sensors(tmp_path):
    shipped = read_params(ROOT / "config/xrf55_live.yaml")
    assert shipped == read_params(None, "xrf55")
    assert list(shipped[1]) == ["radar", "wifi", "rfid"]
    assert list(read_params(ROOT / "config/mmfi_live.yaml", "xrf55")[1]) == [
        "depth",
        "lidar",
        "csi",
    ]
    with pytest.raises(ConfigError, match="sensor_set is 'xrf56'; expected one of mmfi, xrf55"):
        read_params(write(tmp_path, "fusion: {ros__parameters: {sensor_set: xrf56}}"))
    assert sensor_set_of(["wifi", "rfid"]) == "xrf55"
    with pytest.raises(ConfigError, match=r"modalities are \['depth', 'rfid'\]"):
        sensor_set_of(["depth", "rfid"])


def test_values_nested_or_dotted_whole_numbers_and_later_entries(tmp_path):
    text = """
/**: {ros__parameters: {use_sim_time: true, max_wait_s: 1, depth: {topic: a}}}
fusion: {ros__parameters: {depth.topic: b, lidar: {enabled: false}}}
other: {ros__parameters: {anything: 3}}
"""
    own, streams = read_params(write(tmp_path, text))
    assert own.max_wait_s == 1.0
    assert streams["depth"].topic == "b"
    assert not streams["lidar"].enabled


def test_a_pose_is_written_as_it_is(tmp_path):
    text = "fusion: {ros__parameters: {lidar: {frame: m, extrinsic: 0 0 1.2 0 -5 0}}}"
    assert read_params(write(tmp_path, text))[1]["lidar"].extrinsic == "0 0 1.2 0 -5 0"


@pytest.mark.parametrize("name", ["fusion", "/fusion", "/**/fusion", "/**", "/robot/**/fusion"])
def test_names_that_mean_the_fusion_node(tmp_path, name):
    path = write(tmp_path, f"{name}:\n  ros__parameters: {{refine: false}}\n")
    if name == "/robot/**/fusion":
        with pytest.raises(ConfigError, match="no ros__parameters of a node /fusion"):
            read_params(path)
    else:
        assert not read_params(path)[0].refine


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("fusion: {ros__parameters: {modle: x}}", "unknown parameter modle; did you mean model"),
        ("fusion: {ros__parameters: {num_threads: many}}", "num_threads is 'many'"),
        ("fusion: {ros__parameters: {max_wait_s: 9}}", "expected 0 to 1 s"),
        (
            "fusion: {ros__parameters: {lidar.extrinsic: 3}}",
            "extrinsic is 3; expected a text",
        ),
        ("fusion: {ros__parameters: {lidar.extrinsic: 1 2}}", "expected six numbers: x y z"),
        ("fusion: {parameters: {}}", "no ros__parameters"),
        ("fusion: [", "expected a ROS 2 parameter file"),
        ("", "no ros__parameters"),
        ("[1, 2]", "this is a list; expected a ROS 2 parameter file: names of nodes"),
        ("fusion: {ros__parameters: [1]}", "fusion is [1]; expected names and values"),
    ],
)
def test_what_is_wrong_is_told(tmp_path, text, told):
    with pytest.raises(ConfigError, match="params") as caught:
        read_params(write(tmp_path, text))
    assert told in str(caught.value)


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(ConfigError, match="No such file"):
        read_params(tmp_path / "no.yaml")
