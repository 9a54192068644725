"""Live activity recognition from radar, Wi-Fi and RFID (XRF55's sensors).

ros2 launch pta_ros xrf55_live.launch.py [argument:=value ...]; --show-args lists the arguments.
It starts the executables that `make demo TASK=activity` starts. An argument that is left empty
keeps the value of params_file.
"""

from pathlib import Path

from launch import LaunchDescription
from launch.actions import (
    DeclareLaunchArgument,
    OpaqueFunction,
    SetEnvironmentVariable,
    Shutdown,
)
from launch.substitutions import EnvironmentVariable, LaunchConfiguration
from launch_ros.actions import Node

SHARE = Path(__file__).resolve().parents[1]

#: Default topic of every sensor (pta_ros.fusion.params.WINDOW_TOPICS; a test compares them).
TOPICS = {"radar": "radar/heatmap", "wifi": "wifi/csi", "rfid": "rfid/phase"}

#: Name, default, meaning.
ARGUMENTS = (
    ("params_file", str(SHARE / "config" / "xrf55_live.yaml"), "parameters of the fusion node"),
    ("model", "", "model folder; empty takes params_file's, else the shipped one"),
    ("device", "", "cpu, cuda, cuda:N or auto; empty takes params_file's"),
    ("radar_topic", "", "pta_msgs/RadarHeatmap; empty takes params_file's, else radar/heatmap"),
    ("wifi_topic", "", "pta_msgs/CsiFrame; empty takes params_file's, else wifi/csi"),
    ("rfid_topic", "", "pta_msgs/RfidPhases; empty takes params_file's, else rfid/phase"),
    ("window_hop_s", "", "seconds between two activities; empty takes params_file's"),
    ("use_sim_time", "false", "follow /clock (a bag played with --clock)"),
    ("autostart", "true", "configure and activate at once; false waits for `ros2 lifecycle`"),
    ("simulate", "false", "also start a simulated person (synthetic data)"),
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
    if not Path(given["params_file"]).is_file():  # launch_ros would go on without it
        raise ValueError(f"params_file is {given['params_file']!r}; expected a YAML file")
    common = {"use_sim_time": _flag(given, "use_sim_time")}
    fusion = {**common, "sensors": "xrf55", "autostart": _flag(given, "autostart")}
    fusion.update({n: given[n] for n in ("model", "device") if given[n]})
    fusion.update({f"{m}.topic": given[f"{m}_topic"] for m in TOPICS if given[f"{m}_topic"]})
    if given["window_hop_s"]:
        fusion["window_hop_s"] = _seconds(given, "window_hop_s")
    nodes = [
        Node(
            package="pta_ros",
            executable="fusion_node",
            name="fusion",
            parameters=[given["params_file"], fusion],
            output="screen",
            on_exit=Shutdown(reason="the fusion node ended"),
        )
    ]
    if _flag(given, "simulate"):
        simulator = {"package": "pta_ros", "executable": "rf_sim_node", "name": "rf_sim_node"}
        nodes.append(Node(**simulator, parameters=[common], output="screen"))
    return nodes


def _flag(given, name):
    value = given[name].lower()
    if value not in ("true", "false"):
        raise ValueError(f"{name} is {given[name]!r}; expected true or false")
    return value == "true"


def _seconds(given, name):
    try:
        return float(given[name])
    except ValueError:
        raise ValueError(f"{name} is {given[name]!r}; expected seconds, such as 0.5") from None
