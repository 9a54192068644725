"""What every tool shares: exit codes, errors in one line, nothing swallowed."""

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from pta_ros import cli
from pta_ros.errors import ConfigError


def raising(error):
    def main():
        raise error

    return main


@pytest.mark.parametrize(("given", "code"), [(None, 0), (0, 0), (3, 3)])
def test_the_tool_decides_its_exit_code(given, code):
    assert cli.run(lambda: given) == code


def test_a_known_error_is_one_line(capsys):
    assert cli.run(raising(ConfigError("rate is -1; expected a positive number"))) == 1
    assert capsys.readouterr().err == "error: rate is -1; expected a positive number\n"


def test_a_path_that_the_system_refuses_is_one_line(capsys, tmp_path):
    assert cli.run(lambda: (tmp_path / "file" / "x").mkdir()) == 1
    told = capsys.readouterr().err
    assert told.startswith(f"error: {tmp_path}/file/x: No such file or directory; expected")
    assert told.count("\n") == 1


def test_an_interrupt_is_no_error(capsys):
    assert cli.run(raising(KeyboardInterrupt())) == 130
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("module", "advice"),
    [
        ("torch", "'.[train]'"),
        ("torch.utils.tensorboard", "'.[train]'"),
        ("open3d", "'.[sim]'"),
        ("rclpy", "colcon build --base-paths . pta_msgs"),
        ("pta_msgs.msg", "colcon build --base-paths . pta_msgs"),
    ],
)
def test_a_missing_optional_package_names_its_remedy(module, advice, capsys):
    assert cli.run(raising(ModuleNotFoundError("no", name=module))) == 1
    told = capsys.readouterr().err
    assert told.startswith(f"error: {module.partition('.')[0]} ")
    assert advice in told
    assert told.count("\n") == 1


@pytest.mark.parametrize(
    "error",
    [
        ModuleNotFoundError("no", name="pta_ros.cli.nothing"),
        ImportError("cannot import name 'x'", name="torch"),
        ValueError("a defect"),
        OSError("disk"),
    ],
)
def test_a_defect_keeps_its_traceback(error):
    with pytest.raises(type(error)):
        cli.run(raising(error))


def test_a_tool_whose_library_is_missing_says_so_in_one_line(tmp_path):
    """The real start-up, in a Python that finds no open3d."""
    script = (
        "import sys; sys.modules['open3d'] = None; sys.argv = ['make_mmfi', sys.argv[1]]\n"
        "from pta_ros.cli import run_make_mmfi; sys.exit(run_make_mmfi())"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "out")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert (
        done.stderr == "error: open3d is not installed; in the repository: pip install '.[sim]'\n"
    )


@pytest.mark.parametrize("tool", sorted(p.stem for p in Path(cli.__file__).parent.glob("*.py")))
def test_help_comes_at_once(tool):
    """Nothing that takes long to import is imported for it; numpy alone takes as long as Python."""
    if not hasattr(importlib.import_module(f"pta_ros.cli.{tool}"), "main"):
        return  # what the tools share
    script = (
        f"import sys; sys.argv = [{tool!r}, '--help']\n"
        f"from pta_ros.cli import run_{tool} as tool\n"
        "try: tool()\n"
        "except SystemExit as end: assert not end.code\n"
        "print({'numpy', 'scipy', 'torch', 'open3d', 'cv2', 'rosbags'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("usage: ")
    assert done.stdout.splitlines()[-1] == "set()"
