"""The launch file: what it names exists, and, where ROS's launch is there, what it starts."""

import ast
import importlib.util
import sys
from pathlib import Path

import pytest
import yaml

from pta_ros.fusion.params import SensorParams, fusion_specs, specs, topics_of

TOPICS = topics_of("mmfi")
WINDOW_TOPICS = topics_of("xrf55")

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "launch" / "mmfi_live.launch.py"
NAMED = ["params_file", "model", "device", "use_sim_time", "rviz", "view", "autostart", "composed"]


def tree():
    return ast.parse(FILE.read_text(encoding="utf-8"))


def constant(name):
    """The syntax of a constant of the launch file."""
    for node in tree().body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name:
            return node.value
    raise AssertionError(f"no {name} in {FILE.name}")


def executables():
    """(package, executable) of every Node(...) in the launch file."""
    for node in ast.walk(tree()):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "Node":
            words = {k.arg: k.value for k in node.keywords}
            yield ast.literal_eval(words["package"]), ast.literal_eval(words["executable"])


def test_executables_are_entry_points():
    setup = (ROOT / "setup.py").read_text(encoding="utf-8")
    nodes = next(
        ast.literal_eval(node.value)
        for node in ast.parse(setup).body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "NODES"
    )
    ours = {executable for package, executable in executables() if package == "pta_ros"}
    assert ours == {"fusion_node", "sensor_node", "view_node"}
    assert ours <= set(nodes)


def test_topics_are_those_of_the_nodes():
    assert ast.literal_eval(constant("TOPICS")) == TOPICS


def test_arguments_are_complete_and_described():
    names = [ast.literal_eval(entry.elts[0]) for entry in constant("ARGUMENTS").elts]
    assert set(names) == {*NAMED, *(f"{m}_topic" for m in TOPICS)}
    assert all(ast.literal_eval(entry.elts[2]) for entry in constant("ARGUMENTS").elts)


def test_files_that_it_names_exist():
    names = [n.value for n in ast.walk(tree()) if isinstance(n, ast.Constant)]
    files = {n for n in names if isinstance(n, str) and n.endswith((".yaml", ".xml", ".rviz"))}
    files = {n for n in files if " " not in n}
    assert files == {"mmfi_live.yaml", "fastdds.xml", "mmfi_live.rviz"}
    for name in files:
        assert (ROOT / "config" / name).is_file()


def test_the_activity_launch_file_names_what_exists():
    text = (ROOT / "launch" / "xrf55_live.launch.py").read_text(encoding="utf-8")
    nodes = ast.parse(text).body
    topics = next(
        ast.literal_eval(node.value)
        for node in nodes
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "TOPICS"
    )
    assert topics == WINDOW_TOPICS
    setup = (ROOT / "setup.py").read_text(encoding="utf-8")
    for executable in ("fusion_node", "rf_sim_node"):
        assert f'"{executable}"' in text
        assert f'"{executable}"' in setup
    known = {spec.name for spec in fusion_specs("xrf55")}
    assert {"sensors", "model", "device", "window_hop_s", "wifi.topic"} <= known


@pytest.fixture
def module():
    pytest.importorskip("launch_ros", reason="launch is not on PyPI; a ROS distribution has it")
    spec = importlib.util.spec_from_file_location("mmfi_live_launch", FILE)
    loaded = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = loaded
    spec.loader.exec_module(loaded)
    return loaded


def started(module, **arguments):
    """{node name: its parameters} of what would be started with these arguments."""
    from launch import LaunchContext

    context = LaunchContext()
    defaults = {name: default for name, default, _ in module.ARGUMENTS}
    context.launch_configurations.update({**defaults, **arguments})
    nodes = [n for n in module._nodes(context) if n.condition is None]
    return {n._Node__node_name: parameters(n, context) for n in nodes}


def parameters(node, context):
    from launch_ros.utilities import evaluate_parameters

    result = {}
    for entry in evaluate_parameters(context, node._Node__parameters):
        result.update(entry if isinstance(entry, dict) else {"file": str(entry)})
    return result


def test_it_describes_every_argument(module):
    described = module.generate_launch_description().get_launch_arguments()
    assert [a.name for a in described] == [name for name, _, _ in module.ARGUMENTS]


def test_composed_starts_one_process(module):
    found = started(module, model="/m", device="cpu", lidar_topic="/ouster/points")
    assert set(found) == {"fusion"}
    fusion = found["fusion"]
    assert (fusion["model"], fusion["device"]) == ("/m", "cpu")
    assert (fusion["composed"], fusion["lidar.topic"]) == (True, "/ouster/points")
    declared = {spec.name for spec in fusion_specs()}
    assert set(fusion) - declared == {"file", "use_sim_time"}


def test_empty_arguments_leave_the_file_alone(module):
    fusion = started(module)["fusion"]
    assert set(fusion) == {"file", "use_sim_time", "composed", "autostart"}


def test_separate_sensors_hear_what_the_fusion_node_expects(module, tmp_path):
    params = tmp_path / "mine.yaml"
    mine = {"depth": {"topic": "cam/depth"}, "csi.topic": "wifi5/csi"}
    params.write_text(yaml.safe_dump({"/**/fusion": {"ros__parameters": mine}}))
    found = started(module, composed="false", params_file=str(params), csi_topic="wifi6/csi")
    assert set(found) == {"fusion", *(f"{m}_sensor" for m in TOPICS)}
    sensors = {m: found[f"{m}_sensor"] for m in TOPICS}
    assert {m: s["modality"] for m, s in sensors.items()} == {m: m for m in TOPICS}
    topics = {m: s["topic"] for m, s in sensors.items()}
    assert topics == {"depth": "cam/depth", "lidar": "lidar/points", "csi": "wifi6/csi"}
    declared = {spec.name for spec in specs(SensorParams)}
    assert all(set(s) - declared == {"use_sim_time"} for s in sensors.values())


@pytest.mark.parametrize("composed", ["true", "false"])
def test_the_view_hears_what_the_fusion_node_hears(module, composed):
    from launch import LaunchContext

    context = LaunchContext()
    given = {"view": "true", "composed": composed, "depth_topic": "/cam/depth"}
    defaults = {name: default for name, default, _ in module.ARGUMENTS}
    context.launch_configurations.update({**defaults, **given})
    view = next(n for n in module._nodes(context) if n._Node__node_name == "view_node")
    found = parameters(view, context)
    assert found["composed"] is (composed == "true")
    ending = "" if found["composed"] else "/reduced"
    moved = [tuple(context.perform_substitution(s[0]) for s in p) for p in view._Node__remappings]
    assert moved == [(f"depth/image{ending}", f"/cam/depth{ending}")]


def test_a_flag_that_is_none_is_refused(module):
    with pytest.raises(ValueError, match="composed is 'maybe'"):
        started(module, composed="maybe")
