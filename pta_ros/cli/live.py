"""What the commands with live processes share: what they need, their results' folder, their end."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from types import FrameType

from pta_ros.errors import ConfigError

NEEDED = {
    "rclpy": "ROS 2 cannot be found; source a distribution, or use 'make demo', which brings it",
    "pta_msgs": "pta_msgs is not built or not sourced; in the repository: 'make build', or "
    "'colcon build --base-paths . pta_msgs' and source install/setup.bash",
    "open3d": "open3d is missing; pip install open3d-cpu",
    "torch": "PyTorch is missing; pip install torch",
}
_PROBE = bytes(1 << 20)


class Terminated(Exception):
    """SIGTERM came."""


@contextmanager
def terminable() -> Iterator[None]:
    """SIGTERM raises Terminated within, so that the children are stopped."""
    before = signal.signal(signal.SIGTERM, _terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _terminate(_number: int, _frame: FrameType | None) -> None:
    raise Terminated


def preflight(needed: Mapping[str, str]) -> None:
    """Name what is missing (module -> advice) before anything is started."""
    for module, advice in needed.items():
        spec = find_spec(module)
        # A folder of that name is found too, as a namespace: pta_msgs/ in the repository is one.
        if spec is None or spec.origin is None:
            raise ConfigError(advice)


def keep(path: Path, results: Sequence[str]) -> None:
    """Make the results' folder and keep it from other runs; removes the results before."""
    from pta_ros.demo.processes import lock

    probe = path / ".probe"
    try:
        path.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(_PROBE)
    except OSError as error:
        raise ConfigError(f"cannot write to {path}: {error.strerror}; choose --out") from error
    finally:
        with suppress(OSError):
            probe.unlink()
    if lock(path) is None:
        raise ConfigError(f"another run writes to {path}; wait for it or choose another --out")
    for name in results:
        (path / name).unlink(missing_ok=True)
