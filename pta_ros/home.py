"""What comes with the package, and what does not: files and where they lie, missing packages."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

from pta_ros.errors import ConfigError

#: The default model of each set of sensors (the fusion node's parameter `sensor_set`), and of
#: people anywhere.
DEFAULT_MODELS = {"mmfi": "mmfi_lite", "xrf55": "xrf55_lite", "people": "people_lite"}
#: Packages that every node and tool needs: rosdep has no key for the first two.
_NEEDED = ("fpsample", "safetensors", "cv2", "numpy", "scipy", "yaml")
_MESSAGES = ("pta", "sensor", "std", "geometry", "diagnostic", "visualization", "rosgraph")
_BUILD = "colcon build --base-paths . pta_msgs"
#: What brings a package that may be missing, by the name it is imported under.
_COMMANDS = {
    **dict.fromkeys(("fpsample", "safetensors"), "python3 -m pip install -r requirements.txt"),
    **dict.fromkeys((*_NEEDED[2:], "matplotlib", "psutil", "rich", "tqdm"), "pip install ."),
    **dict.fromkeys(("torch", "lightning_fabric", "tensorboard"), "pip install '.[train]'"),
    **dict.fromkeys(
        ("apsw", "backports", "jinja2", "lz4", "mcap", "plotly", "rosbags"), "pip install '.[bag]'"
    ),
    "open3d": "pip install '.[sim]'",
    "rerun": "pip install '.[view]'",
    "distributed": "pip install '.[cluster]'",
    **dict.fromkeys(
        ("rclpy", "builtin_interfaces", *(f"{kind}_msgs" for kind in _MESSAGES)),
        f"source a ROS 2 distribution, '{_BUILD}' and source install/setup.bash (or 'make setup')",
    ),
}


def missing(error: ImportError) -> list[str]:
    """One line for each missing package, with the command that brings it.

    The first is the one that `error` names, the others are what everything needs. Empty when
    `error` names none that a user may lack: then it is a defect.
    """
    first = (error.name or "").partition(".")[0]
    if first not in _COMMANDS:
        return []
    names = [first, *(name for name in _NEEDED if name != first and not _found(name))]
    return [f"{name} is not installed; in the repository: {_COMMANDS[name]}" for name in names]


def _found(name: str) -> bool:
    """Whether a package can be imported."""
    return sys.modules[name] is not None if name in sys.modules else find_spec(name) is not None


def shipped(relative: str) -> Path | None:
    """The file or folder `relative` of the repository, or of share/ where we are installed.

    None when it is in neither place.
    """
    for home in homes():
        if (home / relative).exists():
            return home / relative
    return None


def homes() -> list[Path]:
    """The folders to look in, the repository first."""
    above = Path(__file__).resolve().parents
    return [above[1], *(folder / "share" / "pta_ros" for folder in above)]


def model_folder(given: str, sensor_set: str = "mmfi") -> Path:
    """The model folder asked for, or the shipped model of this name, such as people_lite.

    For an empty string the default one of a set of sensors; raises ConfigError when it is not
    found.
    """
    if given:
        folder = Path(given).expanduser()
        named = None if folder.exists() or len(folder.parts) > 1 else shipped(f"models/{given}")
        return named or folder
    name = DEFAULT_MODELS[sensor_set]
    place = shipped(f"models/{name}")
    if place is None:
        raise ConfigError(
            f"no default model {name} beside {Path(__file__).parent} or in share/pta_ros; "
            "name a model folder"
        )
    return place
