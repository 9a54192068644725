"""Command-line tools: start-up, exit codes and errors in one line, the same for every tool."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable

from pta_ros.errors import PtaError

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


def _start(module: str) -> int:
    """Import a tool's module inside `run`, so that a missing extra is told in one line too."""

    def main() -> int | None:
        entry: Callable[[], int | None] = importlib.import_module(module).main
        return entry()

    return run(main)


def run_make_mmfi() -> int:
    """Console script make_mmfi: write a synthetic data set in MM-Fi's layout."""
    return _start("pta_ros.cli.make_mmfi")


def run_make_xrf55() -> int:
    """Console script make_xrf55: write a synthetic data set in XRF55's layout."""
    return _start("pta_ros.cli.make_xrf55")


def run_train_pta() -> int:
    """Console script train_pta: train a model."""
    return _start("pta_ros.cli.train_pta")


def run_bench_train() -> int:
    """Console script bench_train: how much faster a training step is with cached features."""
    return _start("pta_ros.cli.bench_train")


def run_bench_heads() -> int:
    """Console script bench_heads: what the activity costs beside the skeleton."""
    return _start("pta_ros.cli.bench_heads")


def run_evaluate_pta() -> int:
    """Console script evaluate_pta: evaluate a model over all subsets of its sensors."""
    return _start("pta_ros.cli.evaluate_pta")


def run_pta_demo() -> int:
    """Console script pta_demo: run the live demonstration."""
    return _start("pta_ros.cli.pta_demo")


def run_evaluate_bag() -> int:
    """Console script evaluate_bag: replay recorded data through the live node's code."""
    return _start("pta_ros.cli.evaluate_bag")


def run_mmfi_to_bag() -> int:
    """Console script mmfi_to_bag: write one MM-Fi clip as a bag on the live topics."""
    return _start("pta_ros.cli.mmfi_to_bag")


def run_make_xrf55_bag() -> int:
    """Console script make_xrf55_bag: write a synthetic session of XRF55's sensors as a bag."""
    return _start("pta_ros.cli.make_xrf55_bag")


def run_bench_bag() -> int:
    """Console script bench_bag: speed and memory of a replay."""
    return _start("pta_ros.cli.bench_bag")


def run_import_xfi() -> int:
    """Console script import_xfi: convert X-Fi's published encoders."""
    return _start("pta_ros.cli.import_xfi")


def run_bench_pta() -> int:
    """Console script bench_pta: speed of the models, plain against fast, and of the node."""
    return _start("pta_ros.cli.bench_pta")
