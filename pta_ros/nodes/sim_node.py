"""The simulated sensors: a person on real ROS topics, with scripted failures and ground truth.

With `wait_for_estimate` the script begins at the first skeleton.
"""

from __future__ import annotations

from pta_ros.nodes import entry

if __name__ == "__main__":  # before ROS is imported, so that its absence is one line
    entry.start("sim_node")

from dataclasses import dataclass
from typing import Any

from pta_msgs.msg import Skeleton

from pta_ros.nodes.messages import true_skeleton
from pta_ros.nodes.ticking import TickingSimulator, TickParams
from pta_ros.sensors import SENSORS
from pta_ros.settings import START, param
from pta_ros.simulate.script import MODALITIES
from pta_ros.simulate.tick_log import rounded


@dataclass(frozen=True)
class SimParams(TickParams):
    """The node's parameters."""

    scene: str = param("E01", "name of the room", change=START)


class SimNode(TickingSimulator):
    """Publishes `depth/image`, `lidar/points`, `wifi/csi` and `ground_truth` at a fixed rate."""

    def __init__(self) -> None:
        super().__init__("sim_node", SimParams)
        from pta_ros.simulate.recording import Session  # late: open3d takes a second

        given = self.params
        sensors = {m: SENSORS[m]() for m in MODALITIES}
        self.open(sensors, (Skeleton, "ground_truth"), (Skeleton, "skeleton"))
        self.run(Session(given.seed, given.subject, given.scene, given.rate_hz))

    def true_message(self, frame: Any) -> Skeleton:
        """The pose in the camera's frame."""
        return true_skeleton(frame.joints_m)

    def true_record(self, frame: Any) -> dict[str, Any]:
        """The joints (17, 3), metres."""
        return {"joints": rounded(frame.joints_m)}
