"""Command-line tools: start-up, exit codes and errors in one line, the same for every tool."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pta_ros.errors import DatasetError, PtaError

#: Which extra of the package brings an optional import.
EXTRAS = {
    "torch": "train",
    "lightning_fabric": "train",
    "tensorboard": "train",
    "open3d": "sim",
    "rosbags": "bag",
    "mcap": "bag",
    "rerun": "view",
}

#: Imports that come with ROS 2 and with building this repository.
ROS_MODULES = frozenset({"rclpy", "pta_msgs", "sensor_msgs", "std_msgs", "geometry_msgs"})

BUILD_COMMAND = "colcon build --base-paths . pta_msgs"


def run(main: Callable[[], int | None]) -> int:
    """Call a tool's main; return its exit code, or 1 (error) or 130 (Ctrl-C).

    A PtaError, a file or folder that the system refuses, or an optional package that is not
    installed, is one line on stderr. Any other exception is a defect and keeps its traceback.
    """
    try:
        return main() or 0
    except PtaError as error:
        message = str(error)
    except ModuleNotFoundError as error:
        advice = _advice(error.name)
        if advice is None:
            raise
        message = advice
    except OSError as error:
        if error.filename is None:
            raise
        reason = error.strerror or type(error).__name__
        message = f"{error.filename}: {reason}; expected a place to read and write: choose another"
    except KeyboardInterrupt:
        return 130
    print(f"error: {message}", file=sys.stderr)
    return 1


def _advice(module: str | None) -> str | None:
    """Say how to get a missing optional module; None for a module that is not optional."""
    top = (module or "").partition(".")[0]
    if top in EXTRAS:
        return f"{top} is not installed; in the repository: pip install '.[{EXTRAS[top]}]'"
    if top in ROS_MODULES:
        return (
            f"{top} cannot be imported; source a ROS 2 distribution, build with "
            f"'{BUILD_COMMAND}' and source install/setup.bash (or use 'make setup')"
        )
    return None


def __getattr__(name: str) -> Callable[[], int]:
    """`run_NAME`, the console script of the tool NAME, for every module of this folder.

    The tool is imported inside `run`, so that a missing extra is told in one line too.
    """
    module = f"{__name__}.{name.removeprefix('run_')}"
    if not name.startswith("run_") or find_spec(module) is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return lambda: run(lambda: importlib.import_module(module).main())


def check_tree(root: Path) -> None:
    """Raise DatasetError where a command's DATA is no folder."""
    if not root.is_dir():
        raise DatasetError(f"{root}: no such folder; expected the root of a data set's tree")


@contextmanager
def told_of_cache(cache: Path) -> Iterator[None]:
    """An error for want of a place to write in `cache` names the option that moves it."""
    try:
        yield
    except DatasetError as error:
        if not isinstance(error.__cause__, OSError) or not str(error).startswith(str(cache)):
            raise
        raise DatasetError(f"{error}, with --cache FOLDER") from error


def write_json(path: Path | None, values: Any) -> None:
    """Write what `--json` asks for, in a folder that need not exist; None: nothing is written."""
    if path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")
