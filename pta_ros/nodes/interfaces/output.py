"""What all further outputs have in common: what they are told, and what they must do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from rclpy.lifecycle import LifecycleNode

from pta_ros.errors import ConfigError
from pta_ros.frames import Track
from pta_ros.nodes.interfaces.body import Ground
from pta_ros.nodes.messages import message_class


@dataclass(frozen=True)
class Scene:
    """Everybody who is followed, at `stamp_ns`, in `frame_id`, which has this `ground`.

    `complete`: nobody else was seen. A model for one person has no track of the first estimate, and
    nobody is followed while tracks.enabled is false.
    """

    stamp_ns: int
    frame_id: str
    tracks: tuple[Track, ...]
    ground: Ground
    complete: bool


class Output(Protocol):
    """One further output of a node, between `open` (configure) and `close` (cleanup).

    Making one raises ConfigError where it cannot work. `publish` is called in the worker's thread,
    all else in the executor's.
    """

    def open(self, node: LifecycleNode) -> None:
        """Make the publishers."""

    def publish(self, scene: Scene) -> None:
        """Tell a scene, where somebody listens."""

    def forget(self) -> None:
        """No scene comes for now: the node is being deactivated."""

    def close(self) -> None:
        """Remove the publishers."""


def wanted_class(type_name: str, parameter: str) -> Any:
    """The message class that `parameter` asks for; raises ConfigError that names its package."""
    try:
        return message_class(type_name)
    except ImportError as error:
        package = type_name.partition("/")[0]
        raise ConfigError(
            f"{parameter} is true and needs {package}, which is not on this Python's path; install "
            f"ros-$ROS_DISTRO-{package.replace('_', '-')}, or build {package} in your workspace, "
            "and source it"
        ) from error
