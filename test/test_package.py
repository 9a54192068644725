"""The packaging agrees with itself: versions, entry points, dependencies, installed files."""

import ast
import importlib
import json
import re
import runpy
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

#: Import name to rosdep key, where the key is not python3-<import>; None: no key, pip only.
KEYS = {
    "apsw": None,
    "backports": None,
    "cv2": "python3-opencv",
    "distributed": None,
    "fpsample": None,
    "lightning_fabric": None,
    "mcap": None,
    "open3d": "python3-open3d-pip",
    "plotly": None,
    "rerun": None,
    "rosbags": None,
    "safetensors": None,
    "yaml": "python3-yaml",
}
#: Import name to the name on pip, where they differ.
PIP = {
    "cv2": "opencv-python-headless",
    "lightning_fabric": "lightning-fabric",
    "rerun": "rerun-sdk",
    "yaml": "pyyaml",
}
ROS = {"rclpy", "ament_index_python", "cv_bridge", "sensor_msgs_py", "launch", "launch_ros"}


@pytest.fixture(scope="module")
def setup_arguments():
    """What setup.py gives to setuptools.setup, run where it lies as pip and colcon do."""
    setuptools = pytest.importorskip("setuptools")
    given = {}
    patch = pytest.MonkeyPatch()
    patch.setattr(setuptools, "setup", lambda **arguments: given.update(arguments))
    patch.chdir(ROOT)
    try:
        runpy.run_path("setup.py")
    finally:
        patch.undo()
    return given


@pytest.fixture(scope="module")
def manifest():
    return ElementTree.parse(ROOT / "package.xml").getroot()


def depends(manifest):
    return {e.text for e in manifest if e.tag in ("depend", "exec_depend")}


def imported():
    """Top-level names that the package, its launch files and its messages import."""
    names = set()
    for path in [*ROOT.glob("pta_ros/**/*.py"), *ROOT.glob("launch/*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names.update(alias.name.partition(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                names.add(node.module.partition(".")[0])
    return {n for n in names if n not in sys.stdlib_module_names and n not in ("pta_ros",)}


def is_ros(name):
    return name in ROS or name.endswith(("_msgs", "_interfaces"))


def pip_name(requirement):
    return re.match(r"[\w-]+", requirement).group().lower()


def test_versions_are_equal(setup_arguments, manifest):
    import pta_ros

    messages = ElementTree.parse(ROOT / "pta_msgs/package.xml").getroot()
    versions = {pta_ros.__version__, setup_arguments["version"]}
    assert versions == {manifest.findtext("version")} == {messages.findtext("version")}


def test_licence_is_named_and_there(setup_arguments, manifest):
    assert setup_arguments["license"] == manifest.findtext("license") == "Apache-2.0"
    assert "Version 2.0, January 2004" in (ROOT / "LICENSE").read_text(encoding="utf-8")


def test_manifest_has_each_dependency_once(manifest):
    named = [e.text for e in manifest if e.tag in ("depend", "exec_depend")]
    assert manifest.get("format") == "3"
    assert manifest.findtext("export/build_type") == "ament_python"
    assert sorted(named) == sorted(set(named))


def test_manifest_names_every_import(manifest):
    keys = {n if is_ros(n) else KEYS.get(n, f"python3-{n}") for n in imported()} - {None}
    assert keys - depends(manifest) == set()


def test_pip_brings_every_import_that_is_not_of_ros(setup_arguments):
    extras = setup_arguments["extras_require"]
    required = setup_arguments["install_requires"] + extras["all"] + extras["cluster"]
    names = {pip_name(r) for r in required} | {"open3d"}  # open3d-cpu provides it
    assert {PIP.get(n, n) for n in imported() if not is_ros(n)} - names == set()


def test_what_no_rosdep_key_brings_to_a_node_is_in_one_file(setup_arguments):
    # Trains, evaluates archives, reports, shows: not for a robot.
    offline = {"lightning-fabric", "distributed", "plotly", "rerun-sdk"}
    without = {PIP.get(n, n) for n, key in KEYS.items() if key is None} - offline
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    listed = [line for line in lines if not line.startswith("#")]
    required = setup_arguments["install_requires"] + setup_arguments["extras_require"]["all"]
    assert {pip_name(r) for r in listed} == {pip_name(n) for n in without}
    assert [r for r in required if pip_name(r) in {pip_name(n) for n in without}] == sorted(
        listed, key=required.index
    )


def test_set_up_installs_what_setup_py_asks_for(setup_arguments):
    script = [sys.executable, ".ci/requirements.py", "all", "lint"]
    printed = subprocess.run(script, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    extras = setup_arguments["extras_require"]
    assert printed.splitlines() == [
        *setup_arguments["install_requires"], *extras["all"], *extras["lint"]
    ]  # fmt: skip


def test_the_offline_tools_install_without_ros_and_torch(setup_arguments):
    names = {pip_name(r) for r in setup_arguments["install_requires"]}
    assert not names & {"torch", "rclpy", "open3d", "open3d-cpu", "opencv-python"}
    assert not any(is_ros(n) for n in names)


def entry_points(setup_arguments):
    for text in setup_arguments["entry_points"]["console_scripts"]:
        name, _, target = text.partition(" = ")
        module, _, function = target.partition(":")
        yield name, module, function


def test_entry_points_exist(setup_arguments):
    found = list(entry_points(setup_arguments))
    assert {n for n, _, _ in found} >= {"make_mmfi", "train_pta", "evaluate_pta", "pta_demo"}
    assert {n for n, _, _ in found} >= {"fusion_node", "sensor_node", "sim_node", "monitor_node"}
    for _, module, function in found:
        # The modules of the nodes, too, import without ROS: it is looked for when they start.
        assert callable(getattr(importlib.import_module(module), function))


def test_tools_have_a_main(setup_arguments):
    """pta_ros.cli:run_NAME starts the module NAME beside it: it has a main()."""
    tools = {n: f for n, module, f in entry_points(setup_arguments) if module == "pta_ros.cli"}
    assert tools == {name: f"run_{name}" for name in tools}
    for name in tools:
        tree = ast.parse((ROOT / f"pta_ros/cli/{name}.py").read_text(encoding="utf-8"))
        assert "main" in {n.name for n in tree.body if isinstance(n, ast.FunctionDef)}


def test_there_is_no_tool_without_a_module():
    from pta_ros import cli

    for name in ("run_nothing", "make_mmfi_run"):
        with pytest.raises(AttributeError, match=name):
            getattr(cli, name)


def test_everything_shared_is_installed(setup_arguments):
    installed = {source for _, sources in setup_arguments["data_files"] for source in sources}
    assert "resource/pta_ros" in installed
    for name in ("package.xml", "config/fastdds.xml", "launch/mmfi_live.launch.py"):
        assert name in installed
    for folder in ("launch", "config", "models"):
        files = (p for p in (ROOT / folder).rglob("*") if p.is_file() and p.suffix != ".pyc")
        assert {p.relative_to(ROOT).as_posix() for p in files} <= installed
    assert all((ROOT / source).is_file() for source in installed)


def test_destinations_keep_the_folders(setup_arguments):
    targets = {s: target for target, sources in setup_arguments["data_files"] for s in sources}
    assert targets["config/fastdds.xml"] == "share/pta_ros/config"
    assert targets["resource/pta_ros"] == "share/ament_index/resource_index/packages"


def test_every_package_is_installed(setup_arguments):
    folders = {p.parent.relative_to(ROOT).as_posix() for p in ROOT.glob("pta_ros/**/__init__.py")}
    assert {f.replace("/", ".") for f in folders} == set(setup_arguments["packages"])
    assert {p.parent for p in ROOT.glob("pta_ros/**/*.py")} == {ROOT / f for f in folders}


@pytest.mark.parametrize(
    ("needs", "told"),
    [
        (
            ['nvidia-nccl; platform_system == "Linux"', "cuda-toolkit[cublas]==13.0", "sympy"],
            "2 of",
        ),
        (['nvidia-nccl; platform_system == "Elsewhere"', "sympy"], ""),
    ],
)
def test_set_up_knows_a_cuda_build_by_what_it_needs(needs, told):
    report = json.dumps({"install": [{"metadata": {"requires_dist": needs}}]})
    script = [sys.executable, ".ci/cuda_of.py"]
    done = subprocess.run(
        script, cwd=ROOT, input=report, capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith(told)
    assert bool(done.stdout) == bool(told)
