"""The rooms' walls: who may import whom, and which libraries belong to which room."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

#: A room imports from the rooms above it in this list, never from one below: no ties.
ORDER = (
    "",  # the package itself: its version
    "errors",
    "home",
    "lifeline",
    "workers",
    "skeleton",
    "frames",
    "clock",
    "settings",
    "sensors",
    "people",
    "tracks",
    "model",
    "tensors",
    "checkpoint",
    "imported",
    "fusion",
    "captures",
    "bags",
    "doctor",
    "datasets",
    "simulate",
    "view",
    "metrics",
    "training",
    "evaluation/faults",
    "evaluation/replay",
    "evaluation/report",
    "evaluation/archive",
    "evaluation/compare",
    "evaluation/frames",
    "evaluation/geometry",
    "recordings",
    "demo",
    "soak",
    "bench",
    "cli",
)
#: nodes/ sees everything up to this room, and nobody imports nodes/.
NODES_SEE = "view"

ROS = {
    "rclpy",
    "ament_index_python",
    "builtin_interfaces",
    "launch",
    "launch_ros",
    "rcl_interfaces",
}
#: Optional helpers of a ROS distribution: for decoding, in one file each.
ROS_BRIDGES = {"cv_bridge": "sensors/image.py", "sensor_msgs_py": "sensors/pointcloud.py"}

TORCH_HOMES = (
    "model/",
    "tensors.py",
    "checkpoint.py",
    "imported/",
    "fusion/estimator.py",
    "fusion/looks.py",
    "fusion/people.py",
    "fusion/engine.py",  # the live model's device, threads and memory
    "datasets/features.py",  # the cache of encoder features
    "datasets/feature_set.py",  # encoder features, presence and truth
    "datasets/encoding.py",  # how they are made
    "datasets/views.py",  # what of frames is encoded there
    "metrics/",
    "training/",
    "evaluation/",
    "bench/",
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


def room(name):
    """The room of a file's path or a module's dotted name, both inside pta_ros."""
    parts = name.removesuffix(".py").removesuffix("__init__").replace(".", "/").split("/")
    inner = "/".join(parts[:2])
    return inner if inner in ORDER else parts[0]


def breaches(path, source):
    """What `source`, lying at `path` (relative to pta_ros/), must not import."""
    here = room(path)
    found = []
    for module, late in imports(source):
        top, _, rest = module.partition(".")
        if top == "pta_ros":
            allowed = _may_see(here, room(rest))
        else:
            allowed = _may_use(path, here, top, late)
        if not allowed:
            found.append(f"pta_ros/{path} imports {module}")
    return found


def _may_see(here, there):
    if there == here or (there not in ORDER and there != "nodes"):
        return True  # a file of the same room, or a name of pta_ros/__init__.py
    if there == "nodes":
        return False
    limit = NODES_SEE if here == "nodes" else ORDER[ORDER.index(here) - 1]
    return ORDER.index(there) <= ORDER.index(limit)


def _may_use(path, here, library, late):
    if library in ROS or library.endswith("_msgs"):
        return here == "nodes"
    if library in ROS_BRIDGES:
        return path == ROS_BRIDGES[library] or here == "nodes"
    if library == "torch":  # a tool imports it late, so that its absence is told in one line
        return path.startswith(TORCH_HOMES) or (here == "cli" and late)
    if library in ("rosbags", "mcap"):
        return here == "bags"
    if library == "rerun":
        return here == "view"
    if library == "distributed":
        return here == "workers"
    if library == "open3d":
        return here == "simulate" or (here == "bench" and late)
    return True


FILES = sorted(p.relative_to(ROOT / "pta_ros").as_posix() for p in ROOT.glob("pta_ros/**/*.py"))


def test_the_package_is_found():
    assert {"errors.py", "sensors/base.py", "cli/__init__.py"} <= set(FILES)


@pytest.mark.parametrize("path", FILES)
def test_walls_hold(path):
    assert breaches(path, (ROOT / "pta_ros" / path).read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("path", FILES)
def test_every_file_is_in_a_known_room(path):
    assert room(path) in {*ORDER, "nodes", "evaluation"}


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
        ("nodes/fusion_node.py", "from pta_ros.training import resume"),
        ("nodes/fusion_node.py", "from pta_ros import cli"),
        ("cli/pta_demo.py", "from pta_ros.nodes import entry"),
        ("cli/train_pta.py", "import torch"),
        ("evaluation/replay/source.py", "from rosbags.highlevel import AnyReader"),
        ("training/resume.py", "from pta_ros import cli"),
        ("training/systems.py", "from pta_ros.evaluation.compare.run import compare"),
        ("metrics/evaluate.py", "from pta_ros.training import systems"),
        ("evaluation/replay/source.py", "from pta_ros.evaluation.report import words"),
        ("model/pta.py", "from pta_ros import checkpoint"),
        ("bench/speed.py", "from pta_ros.nodes import entry"),
        ("evaluation/archive/run.py", "import distributed"),
    ],
)
def test_a_breach_is_seen(path, source):
    assert breaches(path, source)


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("cli/train_pta.py", "def main():\n    import torch"),
        ("nodes/messages.py", "from pta_msgs.msg import Skeleton\nfrom pta_ros import checkpoint"),
        (
            "fusion/estimator.py",
            "import torch\nfrom pta_ros.model.pta import PTA",
        ),
        ("bags/bag.py", "from rosbags.highlevel import AnyReader"),
        ("cli/make_mmfi.py", "from pta_ros import __version__\nimport numpy"),
    ],
)
def test_what_is_allowed_passes(path, source):
    assert breaches(path, source) == []


def circles(graph):
    """Circles of a graph {file: files that it imports}, each once, as paths."""
    found, done = [], set()

    def visit(name, path):
        if name in path:
            found.append([*path[path.index(name) :], name])
        elif name not in done:
            for other in graph.get(name, ()):
                visit(other, [*path, name])
            done.add(name)

    for name in graph:
        visit(name, [])
    return found


def test_no_files_import_each_other_in_a_circle():
    names = {
        path.removesuffix(".py").removesuffix("/__init__").replace("/", "."): path for path in FILES
    }
    graph = {}
    for name, path in names.items():
        source = (ROOT / "pta_ros" / path).read_text(encoding="utf-8")
        seen = {module.partition(".")[2] for module, _ in imports(source) if "." in module}
        graph[name] = sorted(seen & set(names) - {name})
    assert circles(graph) == []


def test_a_circle_is_seen():
    assert circles({"a": ["b"], "b": ["c"], "c": ["b"]}) == [["b", "c", "b"]]
    assert circles({"a": ["b", "c"], "b": ["c"], "c": []}) == []
