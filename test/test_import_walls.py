"""The rooms' walls: who may import whom, and which libraries belong to which room."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

#: A room imports from rooms of its own or a lower level, never from a higher one.
LEVELS = {
    "": 0,  # the package itself: its version
    **dict.fromkeys(("errors", "skeleton", "frames", "home", "lifeline"), 0),
    **dict.fromkeys(("sensors", "model"), 1),
    **dict.fromkeys(("checkpoint", "imported", "fusion", "datasets", "simulate", "view"), 2),
    **dict.fromkeys(("training", "evaluation"), 3),
    "cli": 4,
}
#: nodes/ sees everything up to this level, and nobody imports nodes/.
NODES_SEE = 2

ROS = {
    "rclpy",
    "ament_index_python",
    "builtin_interfaces",
    "launch",
    "launch_ros",
    "rcl_interfaces",
}
#: Optional helpers of a ROS distribution: for decoding, in one file.
ROS_BRIDGES = {"cv_bridge", "sensor_msgs_py"}

TORCH_HOMES = (
    "model/",
    "checkpoint.py",
    "imported/",
    "fusion/estimator.py",
    "fusion/engine.py",  # the live model's device, threads and memory
    "datasets/features.py",  # the cache of encoder features
    "training/",
    "evaluation/",
)


def imports(source):
    """(module, whether inside a function) of every import, import_module("...") included."""
    found = []

    def visit(node, inside):
        if isinstance(node, ast.Import):
            found.extend((alias.name, inside) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative import; write it from pta_ros"
            found.append((node.module, inside))
            found.extend((f"{node.module}.{a.name}", inside) for a in node.names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            given = (a.value for a in node.args[:1] if isinstance(a, ast.Constant))
            found.extend((module, inside) for module in given)
        deeper = inside or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        for child in ast.iter_child_nodes(node):
            visit(child, deeper)

    visit(ast.parse(source), False)
    return found


def room(parts):
    """The room of a path inside pta_ros: a folder's name, or a file's without its suffix."""
    return Path(parts[0]).stem if parts and parts[0] != "__init__.py" else ""


def breaches(path, source):
    """What `source`, lying at `path` (relative to pta_ros/), must not import."""
    here = room(Path(path).parts)
    found = []
    for module, late in imports(source):
        top, _, rest = module.partition(".")
        if top == "pta_ros":
            allowed = _may_see(here, rest.partition(".")[0])
        else:
            allowed = _may_use(path, here, top, late)
        if not allowed:
            found.append(f"pta_ros/{path} imports {module}")
    return found


def _may_see(here, there):
    if there not in LEVELS and there != "nodes":
        return True  # a name of pta_ros/__init__.py
    if there == "nodes" or here == "nodes":
        return there == here or LEVELS.get(there, 9) <= NODES_SEE
    return LEVELS[there] <= LEVELS[here]


def _may_use(path, here, library, late):
    if library in ROS or library.endswith("_msgs"):
        return here == "nodes"
    if library in ROS_BRIDGES:
        return path == "sensors/bridge.py" or here == "nodes"
    if library == "torch":  # a tool imports it late, so that its absence is told in one line
        return path.startswith(TORCH_HOMES) or (here == "cli" and late)
    if library in ("rosbags", "mcap"):
        return path.startswith("datasets/bag")
    if library == "rerun":
        return here == "view"
    if library == "open3d":
        return here == "simulate"
    return True


FILES = sorted(p.relative_to(ROOT / "pta_ros").as_posix() for p in ROOT.glob("pta_ros/**/*.py"))


def test_the_package_is_found():
    assert {"errors.py", "sensors/base.py", "cli/__init__.py"} <= set(FILES)


@pytest.mark.parametrize("path", FILES)
def test_walls_hold(path):
    assert breaches(path, (ROOT / "pta_ros" / path).read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("path", FILES)
def test_every_file_is_in_a_known_room(path):
    assert room(Path(path).parts) in {*LEVELS, "nodes"}


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("sensors/depth.py", "from pta_ros.fusion import streams"),
        ("sensors/depth.py", "import torch"),
        ("errors.py", "from pta_ros.sensors.base import Sensor"),
        ("fusion/streams.py", "import rclpy"),
        ("fusion/pipeline.py", "from torch.nn import functional"),
        ("fusion/pipeline.py", "def late():\n    from pta_msgs.msg import Skeleton"),
        ("simulate/scene.py", "import importlib\nimportlib.import_module('rclpy.node')"),
        ("nodes/fusion_node.py", "from pta_ros.training import loop"),
        ("nodes/fusion_node.py", "from pta_ros import cli"),
        ("cli/demo.py", "from pta_ros.nodes import runtime"),
        ("cli/train_pta.py", "import torch"),
        ("evaluation/bag.py", "from rosbags.highlevel import AnyReader"),
        ("training/loop.py", "from pta_ros import cli"),
    ],
)
def test_a_breach_is_seen(path, source):
    assert breaches(path, source)


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("cli/train_pta.py", "def main():\n    import torch"),
        ("nodes/messages.py", "from pta_msgs.msg import Skeleton\nfrom pta_ros import checkpoint"),
        ("fusion/estimator.py", "import torch\nfrom pta_ros.model.pta import PTA"),
        ("datasets/bag.py", "from rosbags.highlevel import AnyReader"),
        ("cli/make_mmfi.py", "from pta_ros import __version__\nimport numpy"),
    ],
)
def test_what_is_allowed_passes(path, source):
    assert breaches(path, source) == []
