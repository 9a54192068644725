"""The parameter file, read as the node would read it."""

from pathlib import Path

import pytest

from pta_ros.errors import ConfigError
from pta_ros.fusion.params import FusionParams, StreamParams
from pta_ros.fusion.params_file import read_params, sensor_set

ROOT = Path(__file__).resolve().parents[2]


def write(tmp_path, text):
    path = tmp_path / "params.yaml"
    path.write_text(text)
    return path


def test_the_shipped_file_is_the_defaults():
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
    with pytest.raises(ConfigError, match="sensors is 'xrf56'; expected one of mmfi, xrf55"):
        read_params(write(tmp_path, "fusion: {ros__parameters: {sensors: xrf56}}"))
    assert sensor_set(["wifi", "rfid"]) == "xrf55"
    with pytest.raises(ConfigError, match=r"modalities are \['depth', 'rfid'\]"):
        sensor_set(["depth", "rfid"])


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
        ("fusion: {ros__parameters: {lidar.extrinsic: 3}}", "lidar.extrinsic is 3; expected str"),
        ("fusion: {ros__parameters: {lidar.extrinsic: 1 2}}", "expected six numbers: x y z"),
        ("fusion: {parameters: {}}", "no ros__parameters"),
        ("fusion: [", "expected a ROS 2 parameter file"),
        ("", "no ros__parameters"),
    ],
)
def test_what_is_wrong_is_told(tmp_path, text, told):
    with pytest.raises(ConfigError, match="params") as caught:
        read_params(write(tmp_path, text))
    assert told in str(caught.value)


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(ConfigError, match="No such file"):
        read_params(tmp_path / "no.yaml")
