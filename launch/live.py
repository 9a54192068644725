"""What all launch files start: the fusion node, and around it sensors, a person, RViz, a page."""

import os
from dataclasses import fields
from pathlib import Path

from ament_index_python.packages import PackageNotFoundError, get_package_prefix
from launch import LaunchDescription
from launch.actions import (
    DeclareLaunchArgument,
    OpaqueFunction,
    SetEnvironmentVariable,
    Shutdown,
)
from launch.substitutions import EnvironmentVariable, LaunchConfiguration
from launch_ros.actions import Node

CONFIG = Path(__file__).resolve().parents[1] / "config"
#: Arguments of every set of sensors, and those of one: name, default, meaning.
COMMON = (
    ("model", "", "model folder; empty takes params_file's, else the shipped one"),
    ("device", "", "cpu, cuda, cuda:N or auto; empty takes params_file's"),
    ("use_sim_time", "false", "follow /clock (a bag played with --clock)"),
    ("autostart", "true", "configure and activate at once; false waits for `ros2 lifecycle`"),
)
_SHOWN = (
    ("rviz", "false", "show skeletons in RViz"),
    ("view", "false", "show everything on a page in a browser, http://127.0.0.1:9090"),
)
OWN = {
    "mmfi": (
        ("composed", "true", "sensors decoded in the fusion process; false: a process for each"),
        *_SHOWN,
    ),
    "people": _SHOWN,
    "xrf55": (
        ("window_hop_s", "", "seconds between two activities; empty takes params_file's"),
        ("simulate", "false", "also start a simulated person (synthetic data)"),
    ),
}
#: The sensors that the model of people has a part for, and its name.
PEOPLE, PEOPLE_MODEL = ("depth", "lidar"), "people_lite"
#: What a sensor's own process does in the fusion node's place, and what that keeps instead; so it
#: does with the settings of its device (a sensor's `installation`).
_MOVED = {"transport": "raw", "frame": "", "extrinsic": ""}


def describe(sensor_set):
    """The launch description of a set of sensors: mmfi, xrf55, or people (mmfi's, without CSI)."""
    listed = arguments(sensor_set)
    declared = [DeclareLaunchArgument(n, default_value=v, description=d) for n, v, d in listed]
    nodes = OpaqueFunction(function=start, args=[sensor_set])
    return LaunchDescription([*declared, *_transport(), nodes])


def arguments(sensor_set):
    """(name, default, meaning) of every argument."""
    file = (
        "params_file",
        str(CONFIG / f"{sensor_set}_live.yaml"),
        "parameters of the fusion node",
    )
    topics = [
        (f"{m}_topic", "", f"{kind.message_type}; empty takes params_file's, else {kind.topic}")
        for m, kind in _sensors(sensor_set).items()
    ]
    return [file, *topics, *COMMON, *OWN[sensor_set]]


def start(context, sensor_set):
    """The nodes to start; raises before any of them when an argument is wrong."""
    given = {}
    for name, default, _ in arguments(sensor_set):
        value = LaunchConfiguration(name).perform(context)
        given[name] = _flag(name, value) if default in ("true", "false") else value
    if not Path(given["params_file"]).is_file():  # launch_ros would go on without it
        raise ValueError(f"params_file is {given['params_file']!r}; expected a YAML file")
    from_file = _parameters(given["params_file"])
    if given.get("rviz"):
        _need_rviz()
    common = {"use_sim_time": given["use_sim_time"]}
    people = sensor_set == "people"
    model = given["model"] or (PEOPLE_MODEL if people and not from_file.get("model") else "")
    if model:
        common["model"] = model
    composed = given.get("composed", True)
    own_set = "mmfi" if people else sensor_set
    fusion = {**common, "sensor_set": own_set, "autostart": given["autostart"]}
    fusion.update({"device": given["device"]} if given["device"] else {})
    fusion.update({"composed": composed} if "composed" in given else {})
    if given.get("window_hop_s"):
        fusion["window_hop_s"] = _seconds("window_hop_s", given["window_hop_s"])
    nodes, moved = [], []
    for m, kind in _sensors(sensor_set).items():
        before = from_file.get(f"{m}.topic", kind.topic)
        topic = given[f"{m}_topic"]
        if topic:
            fusion[f"{m}.topic"] = topic
            transport = from_file.get(f"{m}.transport", "raw")
            ending = "/reduced" if not composed else "" if transport == "raw" else f"/{transport}"
            moved.append((before + ending, topic + ending))
        if not composed:
            left = {**_MOVED, **{f.name: f.default for f in fields(kind.installation)}}
            own = {n: from_file[f"{m}.{n}"] for n in left if from_file.get(f"{m}.{n}")}
            fusion.update({f"{m}.{n}": left[n] for n in own})
            own["model"] = from_file.get("model", "")
            own.update(common, modality=m, topic=topic or before)
            nodes.append(_node("sensor_node", f"{m}_sensor", [own]))
    if given.get("view"):
        view = {"params_file": given["params_file"], "composed": composed}
        view["use_sim_time"] = common["use_sim_time"]
        view["sensors"] = ", ".join(_sensors(sensor_set))
        nodes.append(_node("view_node", "view_node", [view], remappings=moved))
    if given.get("simulate"):
        person = {"use_sim_time": common["use_sim_time"]}
        nodes.append(_node("rf_sim_node", "rf_sim_node", [person]))
    if given.get("rviz"):
        nodes.append(_rviz(common["use_sim_time"]))
    return [_fusion([given["params_file"], fusion]), *nodes]


def _transport():
    """The Fast DDS profile, unless the environment has one: see config/fastdds.xml."""
    profile = str(CONFIG / "fastdds.xml")
    names = ("FASTDDS_DEFAULT_PROFILES_FILE", "FASTRTPS_DEFAULT_PROFILES_FILE")
    return [SetEnvironmentVariable(n, EnvironmentVariable(n, default_value=profile)) for n in names]


def _fusion(parameters):
    return _node("fusion_node", "fusion", parameters, on_exit=_fusion_ended)


def _fusion_ended(event, context):
    """End everything with the fusion node; the exception makes launch exit with 1 as well."""
    if event.returncode and not context.is_shutdown:
        raise RuntimeError(f"fusion_node ended with {event.returncode} (see above)")
    return Shutdown(reason="the fusion node ended")


def _node(executable, name, parameters, **more):
    own = {"package": "pta_ros", "executable": executable, "name": name, "output": "screen"}
    return Node(**own, parameters=parameters, **more)


def _rviz(use_sim_time):
    return Node(
        package="rviz2",
        executable="rviz2",
        arguments=["-d", str(CONFIG / "mmfi_live.rviz")],
        parameters=[{"use_sim_time": use_sim_time}],
    )


def _need_rviz():
    """Raise when RViz is not installed: later, launch would leave running what it has started."""
    try:
        get_package_prefix("rviz2")
    except PackageNotFoundError:
        package = f"ros-{os.environ.get('ROS_DISTRO', '<distribution>')}-rviz2"
        raise ValueError(
            f"rviz is true, but rviz2 is not installed; apt-get install {package}, or leave it out"
        ) from None


def _sensors(sensor_set):
    """The sensors of a set, as pta_ros knows them; one line where a package is missing."""
    from pta_ros.home import missing

    try:
        from pta_ros.sensors import sensors_of
    except ImportError as error:
        raise RuntimeError("; ".join(missing(error)) or str(error)) from error
    if sensor_set == "people":
        return {m: kind for m, kind in sensors_of("mmfi").items() if m in PEOPLE}
    return sensors_of(sensor_set)


def _parameters(path):
    """What the parameter file gives the fusion node."""
    from pta_ros.settings import ros_parameters

    return ros_parameters(Path(path))


def _flag(name, value):
    if value.lower() not in ("true", "false"):
        raise ValueError(f"{name} is {value!r}; expected true or false")
    return value.lower() == "true"


def _seconds(name, value):
    try:
        return float(value)
    except ValueError:
        raise ValueError(f"{name} is {value!r}; expected seconds, such as 0.5") from None
