"""Finding the model, remedies, throttling; a program's end by itself and by a signal."""

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from pta_ros.nodes import runtime

ROOT = Path(__file__).resolve().parents[2]
NEVER_S = 60


def test_remedies_know_what_users_miss_and_nothing_else():
    missing = ModuleNotFoundError("no", name="pta_msgs.msg")
    assert "colcon build --base-paths . pta_msgs" in runtime.remedy(missing)
    with pytest.raises(ImportError, match="strange"):
        runtime.remedy(ImportError("strange", name="stranger"))


@pytest.mark.parametrize("node", ["fusion_node", "sensor_node"])
def test_a_node_names_each_package_that_it_lacks_in_one_line(node):
    """The real start-up, in a Python that finds neither fpsample nor safetensors."""
    pytest.importorskip("pta_msgs.msg")
    script = (
        "import sys; sys.modules.update(fpsample=None, safetensors=None)\n"
        f"sys.argv = ['node']; from pta_ros.nodes.{node} import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 1
    command = "in the repository: python3 -m pip install -r requirements.txt"
    assert done.stderr.splitlines() == [
        f"fpsample is not installed; {command}",
        f"safetensors is not installed; {command}",
    ]


def test_throttle_counts_what_it_holds_back():
    throttle = runtime.Throttle(period_s=1000.0)
    assert throttle.pass_("a", "first") == "first"
    assert throttle.pass_("a", "second") == ""
    assert throttle.pass_("b", "other") == "other"
    always = runtime.Throttle(period_s=0.0)
    assert always.pass_("a", "x") == always.pass_("a", "x") == "x"


PROGRAM = """
import sys
from pta_ros.errors import ConfigError
from pta_ros.nodes import runtime

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

sys.exit(runtime.run(Program))
"""


def start(init="pass", timer="pass"):
    pytest.importorskip("rclpy")
    code = textwrap.dedent(PROGRAM).format(init=init, timer=timer)
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    env = dict(os.environ, PYTHONPATH=os.pathsep.join(paths), ROS_DOMAIN_ID="100")
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen([sys.executable, "-c", code], env=env, **pipes)


@pytest.mark.ros
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_with_success(number):
    process = start(timer="print('spins', flush=True)")
    assert process.stdout.readline() == "spins\n"
    process.send_signal(number)
    out, err = process.communicate(timeout=NEVER_S)
    assert (process.returncode, err) == (0, "")
    assert out.endswith("closed\n")


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
