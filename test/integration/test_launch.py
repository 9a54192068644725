"""The launch files: what they name exists, and, where ROS's launch is there, what they start."""

import ast
import runpy
import sys
from pathlib import Path

import pytest
import yaml

from pta_ros.fusion.params import fusion_specs, topics_of
from pta_ros.fusion.sensor_params import SensorParams
from pta_ros.settings import specs

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT / "launch" / "live.py"
SETS = ("mmfi", "xrf55", "people")
TOPICS = topics_of("mmfi")


def tree():
    return ast.parse(SHARED.read_text(encoding="utf-8"))


def texts():
    return {n.value for n in ast.walk(tree()) if isinstance(n, ast.Constant)}


def test_executables_are_entry_points():
    setup = (ROOT / "setup.py").read_text(encoding="utf-8")
    nodes = next(
        ast.literal_eval(node.value)
        for node in ast.parse(setup).body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "NODES"
    )
    started = {text for text in texts() if isinstance(text, str) and text.endswith("_node")}
    assert started == {"fusion_node", "sensor_node", "view_node", "rf_sim_node"}
    assert started <= set(nodes)


def test_files_that_are_named_exist():
    assert {"fastdds.xml", "mmfi_live.rviz"} <= texts()
    names = ["fastdds.xml", "mmfi_live.rviz", *(f"{name}_live.yaml" for name in SETS)]
    assert all((ROOT / "config" / name).is_file() for name in names)


@pytest.mark.parametrize("sensor_set", SETS)
def test_each_set_has_a_launch_file(sensor_set):
    text = (ROOT / "launch" / f"{sensor_set}_live.launch.py").read_text(encoding="utf-8")
    assert f'["describe"]("{sensor_set}")' in text
    assert "live.py" in text


@pytest.fixture
def live():
    """What the shared description defines."""
    pytest.importorskip("launch_ros", reason="launch is not on PyPI; a ROS distribution has it")
    return runpy.run_path(str(SHARED))


def nodes(live, sensor_set="mmfi", **given):
    """{name: node} of what would be started with these arguments."""
    from launch import LaunchContext

    context = LaunchContext()
    defaults = {name: default for name, default, _ in live["arguments"](sensor_set)}
    context.launch_configurations.update({**defaults, **given})
    return {n._Node__node_name: n for n in live["start"](context, sensor_set)}


def parameters(node):
    from launch import LaunchContext
    from launch_ros.utilities import evaluate_parameters

    result = {}
    for entry in evaluate_parameters(LaunchContext(), node._Node__parameters):
        result.update(entry if isinstance(entry, dict) else {"file": str(entry)})
    return result


def started(live, sensor_set="mmfi", **given):
    return {name: parameters(node) for name, node in nodes(live, sensor_set, **given).items()}


def params_file(tmp_path, values):
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump({"/**/fusion": {"ros__parameters": values}}))
    return str(path)


@pytest.mark.parametrize("sensor_set", SETS)
def test_every_argument_is_described(live, sensor_set):
    file = runpy.run_path(str(ROOT / "launch" / f"{sensor_set}_live.launch.py"))
    described = file["generate_launch_description"]().get_launch_arguments()
    listed = live["arguments"](sensor_set)
    assert [a.name for a in described] == [name for name, _, _ in listed]
    assert all(meaning for _, _, meaning in listed)
    common = {"params_file", "model", "device", "use_sim_time", "autostart"}
    own = {
        "mmfi": {"composed", "rviz", "view"},
        "xrf55": {"window_hop_s", "simulate"},
        "people": {"rviz", "view"},
    }[sensor_set]
    modalities = ("depth", "lidar") if sensor_set == "people" else topics_of(sensor_set)
    topics = {f"{m}_topic" for m in modalities}
    assert {name for name, _, _ in listed} == common | own | topics


def test_composed_starts_one_process(live):
    found = started(live, model="/m", device="cpu", lidar_topic="/ouster/points")
    assert set(found) == {"fusion"}
    fusion = found["fusion"]
    assert (fusion["model"], fusion["device"]) == ("/m", "cpu")
    assert (fusion["composed"], fusion["lidar.topic"]) == (True, "/ouster/points")
    declared = {spec.name for spec in fusion_specs()}
    assert set(fusion) - declared == {"file", "use_sim_time"}


def test_activities_and_a_simulated_person(live):
    found = started(live, "xrf55", window_hop_s="1", wifi_topic="w", simulate="true")
    assert found["rf_sim_node"] == {"use_sim_time": False}
    fusion = found["fusion"]
    assert (fusion["window_hop_s"], fusion["wifi.topic"]) == (1.0, "w")
    assert fusion["sensor_set"] == "xrf55"
    declared = {spec.name for spec in fusion_specs("xrf55")}
    assert set(fusion) - declared == {"file", "use_sim_time"}


@pytest.mark.parametrize("sensor_set", SETS)
def test_empty_arguments_leave_the_file_alone(live, sensor_set):
    fusion = started(live, sensor_set)["fusion"]
    own = {"mmfi": {"composed"}, "xrf55": set(), "people": {"model"}}[sensor_set]
    assert set(fusion) == {"file", "use_sim_time", "sensor_set", "autostart"} | own


def test_people_are_found_by_the_shipped_model_unless_another_is_named(live, tmp_path):
    fusion = started(live, "people")["fusion"]
    assert (fusion["model"], fusion["sensor_set"]) == ("people_lite", "mmfi")
    assert started(live, "people", model="/m")["fusion"]["model"] == "/m"
    file = params_file(tmp_path, {"model": "/mine"})
    assert "model" not in started(live, "people", params_file=file)["fusion"]


def test_separate_sensors_hear_what_the_fusion_node_expects(live, tmp_path):
    mine = params_file(tmp_path, {"depth": {"topic": "cam/depth"}, "csi.topic": "wifi5/csi"})
    found = started(live, composed="false", params_file=mine, csi_topic="wifi6/csi")
    assert set(found) == {"fusion", *(f"{m}_sensor" for m in TOPICS)}
    sensors = {m: found[f"{m}_sensor"] for m in TOPICS}
    assert {m: s["modality"] for m, s in sensors.items()} == {m: m for m in TOPICS}
    topics = {m: s["topic"] for m, s in sensors.items()}
    assert topics == {"depth": "cam/depth", "lidar": "lidar/points", "csi": "wifi6/csi"}
    declared = {spec.name for spec in specs(SensorParams)}
    assert all(set(s) - declared == {"use_sim_time"} for s in sensors.values())


def test_separate_sensors_decompress_and_move_in_the_fusion_nodes_place(live, tmp_path):
    values = {
        "depth": {"transport": "compressedDepth"},
        "lidar": {"frame": "body", "extrinsic": "0 0 1 0 0 0"},
    }
    mine = params_file(tmp_path, values)
    assert set(started(live, params_file=mine)["fusion"]) & {"depth.transport", "lidar.frame"} == (
        set()
    )
    found = started(live, params_file=mine, composed="false")
    assert found["depth_sensor"]["transport"] == "compressedDepth"
    assert found["lidar_sensor"]["frame"] == "body"
    assert found["lidar_sensor"]["extrinsic"] == "0 0 1 0 0 0"
    fusion = found["fusion"]
    assert (fusion["depth.transport"], fusion["lidar.frame"], fusion["lidar.extrinsic"]) == (
        "raw", "", ""
    )  # fmt: skip


def test_separate_sensors_know_how_their_devices_are_mounted(live, tmp_path):
    values = {"depth": {"rotation": 180, "fx": 380.0}, "lidar": {"region": "0 6 -3 3 -1 2"}}
    mine = params_file(tmp_path, values)
    found = started(live, params_file=mine, composed="false")
    assert (found["depth_sensor"]["rotation"], found["depth_sensor"]["fx"]) == (180, 380.0)
    assert found["lidar_sensor"]["region"] == "0 6 -3 3 -1 2"
    fusion = found["fusion"]
    assert (fusion["depth.rotation"], fusion["depth.fx"], fusion["lidar.region"]) == (0, 0.0, "")
    assert "depth.rotation" not in started(live, params_file=mine)["fusion"]


@pytest.mark.parametrize("composed", ["true", "false"])
def test_the_view_hears_what_the_fusion_node_hears(live, composed):
    from launch import LaunchContext

    given = {"view": "true", "composed": composed, "depth_topic": "/cam/depth"}
    view = nodes(live, **given)["view_node"]
    assert parameters(view)["composed"] is (composed == "true")
    assert parameters(view)["sensors"] == "depth, lidar, csi"
    ending = "" if composed == "true" else "/reduced"
    context = LaunchContext()
    moved = [tuple(context.perform_substitution(s[0]) for s in p) for p in view._Node__remappings]
    assert moved == [(f"depth/image{ending}", f"/cam/depth{ending}")]


@pytest.mark.parametrize(
    ("composed", "ending"), [("true", "/compressedDepth"), ("false", "/reduced")]
)
def test_the_view_finds_a_compressed_topic_that_was_moved(live, tmp_path, composed, ending):
    from launch import LaunchContext

    mine = params_file(tmp_path, {"depth": {"transport": "compressedDepth"}})
    given = {"view": "true", "composed": composed, "depth_topic": "/cam", "params_file": mine}
    view, context = nodes(live, **given)["view_node"], LaunchContext()
    moved = [tuple(context.perform_substitution(s[0]) for s in p) for p in view._Node__remappings]
    assert moved == [(f"depth/image{ending}", f"/cam{ending}")]


def test_separate_sensors_reduce_as_the_files_model_wants(live, tmp_path):
    mine = params_file(tmp_path, {"model": "/robot/model"})
    found = started(live, composed="false", params_file=mine)
    assert found["depth_sensor"]["model"] == "/robot/model"
    found = started(live, composed="false", params_file=mine, model="/other")
    assert found["depth_sensor"]["model"] == "/other"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"composed": "maybe"}, "composed is 'maybe'; expected true or false"),
        ({"rviz": "yes"}, "rviz is 'yes'; expected true or false"),
        ({"params_file": "/no/such.yaml"}, "params_file is '/no/such.yaml'; expected a YAML file"),
    ],
)
def test_wrong_arguments_are_told_before_anything_starts(live, given, told):
    with pytest.raises(ValueError, match="expected") as caught:
        started(live, **given)
    assert str(caught.value) == told


def test_a_parameter_file_that_is_a_list_is_told_in_one_line(live, tmp_path):
    path = tmp_path / "list.yaml"
    path.write_text("[1, 2]")
    with pytest.raises(Exception, match="this is a list; expected a ROS 2 parameter file"):
        started(live, params_file=str(path))


def test_rviz_that_is_not_installed_is_told_before_anything_starts(live, monkeypatch):
    def absent(package):
        raise live["PackageNotFoundError"](package)

    monkeypatch.setitem(live["start"].__globals__, "get_package_prefix", absent)
    monkeypatch.setenv("ROS_DISTRO", "jazzy")
    with pytest.raises(ValueError, match="rviz2 is not installed; apt-get install ros-jazzy-rviz2"):
        started(live, rviz="true")
    monkeypatch.setitem(live["start"].__globals__, "get_package_prefix", lambda package: "/opt")
    assert set(nodes(live, rviz="true")) == {"fusion", None}


def test_launch_ends_with_the_fusion_nodes_failure(live, tmp_path):
    """The real thing, without ROS: a process that fails, and one that has to be ended with it."""
    from launch import LaunchDescription, LaunchService
    from launch.actions import ExecuteProcess

    def run(code):
        service = LaunchService()
        ending = f"import time; time.sleep(0.5); raise SystemExit({code})"
        first = ExecuteProcess(cmd=[sys.executable, "-c", ending], on_exit=live["_fusion_ended"])
        other = ExecuteProcess(cmd=[sys.executable, "-c", "import time; time.sleep(60)"])
        service.include_launch_description(LaunchDescription([other, first]))
        status = service.run()
        assert other.return_code is not None  # it does not outlive launch
        return status

    assert run(0) == 0
    assert run(1) == 1
