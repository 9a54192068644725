"""How every executable starts and ends: late imports, one line for what is missing, a clean end.

Nothing of ROS is imported before `run` is called, so that a machine without it gets one line.
"""

from __future__ import annotations

import gc
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from typing import Any, NoReturn, Protocol

from pta_ros.errors import ConfigError, PtaError
from pta_ros.home import missing
from pta_ros.nodes import leftovers

#: Executables: a module of this room each, and what in it makes the nodes.
PROGRAMS = {
    "fusion_node": "FusionNode",
    "sensor_node": "SensorProgram",
    "sim_node": "SimNode",
    "people_sim_node": "PeopleSimNode",
    "rf_sim_node": "RfSimNode",
    "csi_node": "CsiNode",
    "monitor_node": "MonitorNode",
    "player_node": "PlayerNode",
    "recorder_node": "RecorderNode",
    "view_node": "ViewNode",
    "overhead_node": "OverheadNode",
    "cycle_node": "CycleNode",
    "doctor": "Doctor",
}

#: Those that are started for an answer: without it they have failed.
_ANSWERS = ("doctor",)
#: Makes the code of messages when a workspace is built, and is slow to import. rosidl_generator_py,
#: which every message imports, goes on without it, as on machines that only run nodes.
_GENERATOR = "rosidl_generator_py.generate_py_impl"
#: Longest turn of the executor: a signal is noticed after it.
_TURN_S = 0.1


class Program(Protocol):
    """One executable's nodes."""

    #: Exit status asked for by the program; None goes on.
    exit_code: int | None

    def nodes(self) -> list[Any]:
        """The nodes to spin."""

    def close(self) -> None:
        """Stop threads and release everything; called once, before the nodes are destroyed."""


def remedy(error: ImportError) -> str:
    """One line for each missing package; raises an `error` that names none a user may lack."""
    lines = missing(error)
    if not lines:
        raise error
    return "\n".join(lines)


class Stop:
    """Handles SIGINT and SIGTERM: a flag while the executor spins, KeyboardInterrupt before.

    rclpy's own handling raises inside the executor; where that hits the conversion of a message,
    the interrupt comes out as a RuntimeError and a clean end as a crash.
    """

    def __init__(self) -> None:
        self.asked = False
        self.spinning = False
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._handle)

    def _handle(self, _number: int, _frame: Any) -> None:
        again, self.asked = self.asked, True
        if not (self.spinning or again):
            raise KeyboardInterrupt


@contextmanager
def starting() -> Iterator[None]:
    """No search for garbage in what is made within: imports and models, which stay.

    A search goes through everything that was made so far, again and again while it grows, and
    later in the middle of an estimate. So what is there at the end is never searched again.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def run(build: Callable[[], Program], interrupted: int = 0) -> int:
    """Spin what `build` makes until SIGINT, SIGTERM or its own end; gives the exit status.

    `build` imports what needs ROS, messages or torch itself. `interrupted` is the exit status of a
    program that was asked to stop: a failure only for one that should have come to an end.
    """
    stop = Stop()
    try:
        return _run(build, stop, interrupted)
    except ImportError as error:
        sys.stderr.write(f"{remedy(error)}\n")
    except PtaError as error:
        sys.stderr.write(f"{error}\n")
    except KeyboardInterrupt:
        return interrupted  # asked to stop while starting
    return 1


def _run(build: Callable[[], Program], stop: Stop, interrupted: int) -> int:
    sys.modules.setdefault(_GENERATOR, None)  # its import is refused
    import rclpy
    from rclpy._rclpy_pybind11 import RCLError
    from rclpy.executors import SingleThreadedExecutor
    from rclpy.signals import SignalHandlerOptions

    leftovers.clear()
    try:
        rclpy.init(args=sys.argv, signal_handler_options=SignalHandlerOptions.NO)
    except RCLError as error:  # a parameter file that is not YAML, for example
        reason = " ".join(str(error).split())
        raise ConfigError(f"ROS refuses the arguments {sys.argv[1:]}: {reason}") from error
    program = None
    try:
        with starting():
            program = build()
        executor = SingleThreadedExecutor()
        for node in program.nodes():
            executor.add_node(node)
        _spin(program, executor, stop)
    finally:
        stop.spinning = True  # what comes now is not to be interrupted
        _end(program)
    if program.exit_code is None and stop.asked:
        return interrupted
    return program.exit_code or 0


def _spin(program: Program, executor: Any, stop: Stop) -> None:
    """Spin; an RCLError (an invalid transition request, on Jazzy) is logged and survived."""
    from rclpy._rclpy_pybind11 import RCLError
    from rclpy.executors import ExternalShutdownException

    logger = program.nodes()[0].get_logger()
    stop.spinning = True
    while executor.context.ok() and program.exit_code is None and not stop.asked:
        try:
            executor.spin_once(timeout_sec=_TURN_S)
        except RCLError as error:
            logger.error(f"the middleware refused: {error}")
        except ExternalShutdownException:
            return


def _end(program: Program | None) -> None:
    import rclpy

    if program is not None:
        program.close()
        for node in program.nodes():
            node.destroy_node()
    rclpy.try_shutdown()


def start(name: str) -> NoReturn:
    """Run one of PROGRAMS until it ends; the process ends with its exit status."""

    def build() -> Program:
        program: Program = getattr(import_module(f"pta_ros.nodes.{name}"), PROGRAMS[name])()
        return program

    sys.exit(run(build, 130 if name in _ANSWERS else 0))


#: The console scripts.
fusion_node = partial(start, "fusion_node")
sensor_node = partial(start, "sensor_node")
sim_node = partial(start, "sim_node")
people_sim_node = partial(start, "people_sim_node")
rf_sim_node = partial(start, "rf_sim_node")
csi_node = partial(start, "csi_node")
monitor_node = partial(start, "monitor_node")
player_node = partial(start, "player_node")
recorder_node = partial(start, "recorder_node")
view_node = partial(start, "view_node")
doctor = partial(start, "doctor")
