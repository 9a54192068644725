"""How a program starts and ends: missing packages, errors, its own end, signals."""

import gc
import os
import signal
import subprocess
import sys
import textwrap
from importlib import import_module
from pathlib import Path

import pytest

from pta_ros.nodes import entry

ROOT = Path(__file__).resolve().parents[2]
NEVER_S = 60


@pytest.mark.parametrize("node", ["fusion_node", "sensor_node"])
def test_a_node_names_each_package_that_it_lacks_in_one_line(node):
    """The real start-up, in a Python that finds neither fpsample nor safetensors."""
    pytest.importorskip("pta_msgs.msg")
    script = (
        "import sys; sys.modules.update(fpsample=None, safetensors=None)\n"
        f"sys.argv = ['node']; from pta_ros.nodes import entry; entry.{node}()"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 1
    command = "in the repository: python3 -m pip install -r requirements.txt"
    assert done.stderr.splitlines() == [
        f"fpsample is not installed; {command}",
        f"safetensors is not installed; {command}",
    ]


@pytest.mark.parametrize(
    "error",
    [
        ModuleNotFoundError("no", name="pta_ros.strange"),
        ModuleNotFoundError("no"),
    ],
)
def test_a_defect_of_ours_is_no_missing_package(error):
    with pytest.raises(type(error), match=str(error)):
        entry.remedy(error)


@pytest.mark.ros
@pytest.mark.parametrize("name", entry.PROGRAMS)
def test_every_program_is_a_class_of_the_file_of_its_name(name):
    pytest.importorskip("rclpy")
    if name == "view_node":
        pytest.importorskip("rerun")
    made = getattr(import_module(f"pta_ros.nodes.{name}"), entry.PROGRAMS[name])
    assert made.__module__ == f"pta_ros.nodes.{name}"


WITHOUT = """
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name == {absent!r}:
            raise ModuleNotFoundError("No module named " + name, name=name)
sys.meta_path.insert(0, Absent())
sys.argv[0] = "node"
import runpy
runpy.run_module("pta_ros.nodes.{name}", run_name="__main__")
"""


@pytest.mark.parametrize("absent", ["rclpy", "pta_msgs"])
@pytest.mark.parametrize("name", ["fusion_node", "monitor_node"])
def test_a_module_run_by_hand_tells_in_one_line_what_is_missing(name, absent):
    code = WITHOUT.format(absent=absent, name=name)
    done = run_python(code).communicate(timeout=NEVER_S)
    assert done[1].rstrip("\n") == entry.remedy(ModuleNotFoundError("no", name=absent))


PROGRAM = """
import sys
from pta_ros.errors import ConfigError
from pta_ros.nodes import entry

class Program:
    def __init__(self):
        import rclpy
        self.exit_code = None
        self._node = rclpy.create_node("program")
        self._node.create_timer(0.01, self._on_timer)
        {init}
    def nodes(self):
        return [self._node]
    def close(self):
        print("closed", flush=True)
    def _on_timer(self):
        {timer}

sys.exit(entry.run(Program, {interrupted}))
"""


def start(init="pass", timer="pass", interrupted=0):
    pytest.importorskip("rclpy")
    return run_python(
        textwrap.dedent(PROGRAM).format(init=init, timer=timer, interrupted=interrupted)
    )


def run_python(code):
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    env = dict(os.environ, PYTHONPATH=os.pathsep.join(paths), ROS_DOMAIN_ID="100")
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen([sys.executable, "-c", code], env=env, **pipes)


@pytest.mark.ros
@pytest.mark.parametrize("code", [0, 130])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_with_the_status_for_it(number, code):
    process = start(timer="print('spins', flush=True)", interrupted=code)
    assert process.stdout.readline() == "spins\n"
    process.send_signal(number)
    out, err = process.communicate(timeout=NEVER_S)
    assert (process.returncode, err) == (code, "")
    assert out.endswith("closed\n")


@pytest.mark.ros
def test_messages_are_there_without_what_makes_their_code():
    loaded = "print([m for m in ('rosidl_generator_py', 'lark') if m in sys.modules])"
    out, err = start(timer=f"self.exit_code = 0; {loaded}").communicate(timeout=NEVER_S)
    assert (out, err) == ("['rosidl_generator_py']\nclosed\n", "")


@pytest.mark.ros
def test_its_own_exit_code_counts():
    process = start(timer="self.exit_code = 3")
    out, _ = process.communicate(timeout=NEVER_S)
    assert (process.returncode, out) == (3, "closed\n")


@pytest.mark.ros
def test_an_error_of_ours_is_one_line_and_a_fault_a_traceback():
    expected = start(init="raise ConfigError('x is 1; expected 2')")
    fault = start(timer="raise ValueError('a bug')")
    assert expected.communicate(timeout=NEVER_S) == ("", "x is 1; expected 2\n")
    assert expected.returncode == 1
    out, err = fault.communicate(timeout=NEVER_S)
    assert fault.returncode == 1
    assert out == "closed\n"
    assert "Traceback" in err
    assert "a bug" in err


@pytest.mark.ros
def test_an_error_of_the_middleware_is_survived():
    timer = (
        "self._turns = getattr(self, '_turns', 0) + 1\n"
        "        from rclpy._rclpy_pybind11 import RCLError\n"
        "        if self._turns == 1: raise RCLError('a bad client')\n"
        "        self.exit_code = 0"
    )
    process = start(timer=timer)
    _, err = process.communicate(timeout=NEVER_S)
    assert process.returncode == 0
    assert "the middleware refused: a bad client" in err


def test_pytorch_is_imported_when_the_node_is_there():
    """Sensors and node find each other meanwhile; wrong parameters are told before it."""
    pytest.importorskip("pta_msgs.msg")
    script = "import sys, pta_ros.nodes.fusion_node; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_a_node_for_one_person_starts_without_scipy():
    """It takes a fifth of the start."""
    pytest.importorskip("pta_msgs.msg")
    script = (
        "import sys, pta_ros.nodes.fusion_node\n"
        "from pta_ros.fusion.engine import Engine\n"
        "from pta_ros.fusion.params import read_params\n"
        "engine = Engine.load(*read_params(None))\n"
        "engine.start()\n"
        "sys.exit('scipy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_what_is_made_at_the_start_is_not_searched_for_garbage():
    with entry.starting():
        assert not gc.isenabled()
        made = [[] for _ in range(1000)]
    assert gc.isenabled()
    assert gc.get_freeze_count() >= len(made)
    gc.unfreeze()
