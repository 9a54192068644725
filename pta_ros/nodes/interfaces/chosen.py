"""The further outputs that a node's parameters ask for."""

from __future__ import annotations

from rclpy.lifecycle import LifecycleNode

from pta_ros.errors import ConfigError
from pta_ros.frames import Estimate
from pta_ros.fusion.params import PUBLISH, FusionParams
from pta_ros.nodes.interfaces.body import Ground
from pta_ros.nodes.interfaces.humans import Humans
from pta_ros.nodes.interfaces.obstacles import Obstacles
from pta_ros.nodes.interfaces.output import Output, Scene
from pta_ros.nodes.interfaces.people_msgs import MovingPeople
from pta_ros.nodes.interfaces.tf import TfFrames


def chosen(params: FusionParams, has_joints: bool) -> list[Output]:
    """What `params.publish` asks for, of a model that may have joints.

    Raises ConfigError for what cannot be published: a package of messages is not there, nobody is
    followed. Poses and points, which are on unless switched off, are left out then.
    """
    asked = params.publish
    given = {name: getattr(asked, name) for name in ("tf", "humans", "people_msgs")}
    names = [PUBLISH + name for name, wanted in given.items() if wanted]
    if names and not has_joints:
        raise ConfigError(f"{names[0]} is true, and the model tells no joints; set it to false")
    if names and not params.tracks.enabled:
        raise ConfigError(
            f"{names[0]} is true, and tracks.enabled is false, so nobody has a number; set one of "
            "them otherwise"
        )
    found: list[Output] = []
    if asked.tf:
        found.append(TfFrames(PUBLISH + "tf"))
    if asked.humans:
        found.append(Humans(PUBLISH + "humans", params.tracks.forget_after_s))
    if asked.people_msgs:
        found.append(MovingPeople(PUBLISH + "people_msgs"))
    if asked.obstacles and has_joints:
        found.append(Obstacles())
    return found


class Interfaces:
    """A node's further outputs while it is configured."""

    def __init__(self, node: LifecycleNode) -> None:
        self._node = node
        self._open: list[Output] = []

    def open(self, outputs: list[Output]) -> None:
        """Open them, in place of those that are."""
        self.close()
        self._open = outputs
        for output in outputs:
            output.open(self._node)

    def publish(self, estimate: Estimate, frame_id: str, ground: Ground) -> None:
        """Tell everybody who is followed."""
        if not self._open:
            return
        numbered = bool(estimate.tracks)
        seen = bool(estimate.people) or len(estimate.joints_m) > 0
        scene = Scene(
            estimate.stamp_ns, frame_id, estimate.tracks, ground, complete=numbered or not seen
        )
        for output in self._open:
            output.publish(scene)

    def forget(self) -> None:
        """The node is being deactivated."""
        for output in self._open:
            output.forget()

    def close(self) -> None:
        """Close them; harmless when done twice."""
        opened, self._open = self._open, []
        for output in opened:
            output.close()
