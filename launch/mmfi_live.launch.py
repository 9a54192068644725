"""Live fusion of depth, LiDAR and Wi-Fi CSI (MM-Fi's sensors) into a skeleton.

ros2 launch pta_ros mmfi_live.launch.py [argument:=value ...]; --show-args lists the arguments.
It starts the executables that `make demo` starts. An argument that is left empty keeps the value of
params_file.
"""

from pathlib import Path

import yaml
from launch import LaunchDescription
from launch.actions import (
    DeclareLaunchArgument,
    OpaqueFunction,
    SetEnvironmentVariable,
    Shutdown,
)
from launch.conditions import IfCondition
from launch.substitutions import EnvironmentVariable, LaunchConfiguration
from launch_ros.actions import Node

SHARE = Path(__file__).resolve().parents[1]

#: Default topic of every modality (pta_ros.fusion.params.TOPICS; a test compares them).
TOPICS = {"depth": "depth/image", "lidar": "lidar/points", "csi": "wifi/csi"}

#: Name, default, meaning.
ARGUMENTS = (
    ("params_file", str(SHARE / "config" / "mmfi_live.yaml"), "parameters of the fusion node"),
    ("model", "", "model folder; empty takes params_file's, else the shipped one"),
    ("device", "", "cpu, cuda, cuda:N or auto; empty takes params_file's"),
    ("depth_topic", "", "sensor_msgs/Image; empty takes params_file's, else depth/image"),
    ("lidar_topic", "", "sensor_msgs/PointCloud2; empty takes params_file's, else lidar/points"),
    ("csi_topic", "", "pta_msgs/CsiFrame; empty takes params_file's, else wifi/csi"),
    ("use_sim_time", "false", "follow /clock (a bag played with --clock)"),
    ("autostart", "true", "configure and activate at once; false waits for `ros2 lifecycle`"),
    ("composed", "true", "sensors decoded in the fusion process; false: a process for each"),
    ("rviz", "false", "show the skeleton in RViz"),
    ("view", "false", "show everything on a page in a browser, http://127.0.0.1:9090"),
)


def generate_launch_description():
    declared = [DeclareLaunchArgument(n, default_value=v, description=d) for n, v, d in ARGUMENTS]
    return LaunchDescription([*declared, *_transport(), OpaqueFunction(function=_nodes)])


def _transport():
    """The Fast DDS profile, unless the environment has one: see config/fastdds.xml."""
    profile = str(SHARE / "config" / "fastdds.xml")
    names = ("FASTDDS_DEFAULT_PROFILES_FILE", "FASTRTPS_DEFAULT_PROFILES_FILE")
    return [SetEnvironmentVariable(n, EnvironmentVariable(n, default_value=profile)) for n in names]


def _nodes(context):
    given = {name: LaunchConfiguration(name).perform(context) for name, _, _ in ARGUMENTS}
    if not Path(given["params_file"]).is_file():
        raise ValueError(f"params_file is {given['params_file']!r}; expected a YAML file")
    topics = {m: given[f"{m}_topic"] for m in TOPICS}
    composed = _flag(given, "composed")
    common = {"use_sim_time": _flag(given, "use_sim_time")}
    if given["model"]:
        common["model"] = given["model"]
    fusion = {**common, "composed": composed, "autostart": _flag(given, "autostart")}
    if given["device"]:
        fusion["device"] = given["device"]
    fusion.update({f"{m}.topic": topic for m, topic in topics.items() if topic})
    nodes = [_fusion(given["params_file"], fusion), _rviz(common["use_sim_time"])]
    from_file = _file_topics(given["params_file"])
    if _flag(given, "view"):
        moved = [(from_file.get(m, TOPICS[m]), topic) for m, topic in topics.items() if topic]
        view = {"params_file": given["params_file"], "composed": composed}
        nodes.append(_view({**view, "use_sim_time": common["use_sim_time"]}, moved))
    if not composed:
        for m, default in TOPICS.items():
            nodes.append(_sensor(m, {**common, "topic": topics[m] or from_file.get(m, default)}))
    return nodes


def _fusion(params_file, parameters):
    return Node(
        package="pta_ros",
        executable="fusion_node",
        name="fusion",
        parameters=[params_file, parameters],
        output="screen",
        on_exit=Shutdown(reason="the fusion node ended"),
    )


def _sensor(modality, parameters):
    return Node(
        package="pta_ros",
        executable="sensor_node",
        name=f"{modality}_sensor",
        parameters=[{"modality": modality, **parameters}],
        output="screen",
    )


def _rviz(use_sim_time):
    return Node(
        package="rviz2",
        executable="rviz2",
        arguments=["-d", str(SHARE / "config" / "mmfi_live.rviz")],
        parameters=[{"use_sim_time": use_sim_time}],
        condition=IfCondition(LaunchConfiguration("rviz")),
    )


def _view(parameters, moved):
    """The live page; `moved` are the topics that the arguments put in the file's place."""
    reduced = "" if parameters["composed"] else "/reduced"
    return Node(
        package="pta_ros",
        executable="view_node",
        name="view_node",
        parameters=[parameters],
        remappings=[(before + reduced, now + reduced) for before, now in moved],
        output="screen",
    )


def _flag(given, name):
    value = given[name].lower()
    if value not in ("true", "false"):
        raise ValueError(f"{name} is {given[name]!r}; expected true or false")
    return value == "true"


def _file_topics(path):
    """The topics that a parameter file gives the fusion node: {modality: topic}."""
    found = {}
    for name, entry in (yaml.safe_load(Path(path).read_text(encoding="utf-8")) or {}).items():
        if name.rpartition("/")[2] not in ("fusion", "**"):
            continue
        parameters = entry.get("ros__parameters", {})
        for m in TOPICS:
            topic = parameters.get(f"{m}.topic") or (parameters.get(m) or {}).get("topic")
            if topic:
                found[m] = topic
    return found
