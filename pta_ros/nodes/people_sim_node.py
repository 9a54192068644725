"""A simulated room on real ROS topics: people come, walk and go, and sensors fail as scripted.

`depth/image` with its CameraInfo and `lidar/points` are published, and who is really there on
`truth/people`, in the level frame. With `wait_for_estimate` the script begins at the first message
on `people`, be it an empty one.
"""

from __future__ import annotations

from pta_ros.nodes import entry

if __name__ == "__main__":  # before ROS is imported, so that its absence is one line
    entry.start("people_sim_node")

import math
from dataclasses import dataclass, replace
from typing import Any

from pta_msgs.msg import People

from pta_ros.fusion.transforms import pose_form
from pta_ros.nodes.messages import true_people
from pta_ros.nodes.ticking import TickingSimulator, TickParams
from pta_ros.sensors import SENSORS
from pta_ros.sensors.depth_device import DepthDevice
from pta_ros.settings import START, param


@dataclass(frozen=True)
class PeopleSimParams(TickParams):
    """The node's parameters."""

    scene: int = param(
        1, "number of a room; the first from it on in which people can walk is taken", low=1,
        high=100_000, change=START,
    )  # fmt: skip
    depth_pose: str = param(
        "0 0 1.25 0 8 0",
        "where the camera stands in the level frame: x y z (m) roll pitch yaw (degrees), its body: "
        "x ahead, y left, z up",
        form=pose_form, change=START,
    )  # fmt: skip
    lidar_pose: str = param(
        "-0.1 0.05 1.5 0 0 0", "where the LiDAR stands, as depth_pose", form=pose_form, change=START
    )


class PeopleSimNode(TickingSimulator):
    """Publishes a room's readings and its people at a fixed rate."""

    def __init__(self) -> None:
        super().__init__("people_sim_node", PeopleSimParams)
        from pta_ros.simulate.wide.mounting import Mount, Mounting  # late: open3d takes a second
        from pta_ros.simulate.wide.visit import Visit

        given = self.params
        mounting = Mounting(Mount.of(given.depth_pose), Mount.of(given.lidar_pose))
        world = given.seed, given.subject, given.scene
        visit = Visit(*world, given.rate_hz, mounting, self.script)
        camera = replace(SENSORS["depth"]().installed(DepthDevice()), told=visit.scene.lens)
        sensors = {"depth": camera, "lidar": SENSORS["lidar"]()}
        self.open(sensors, (People, "truth/people"), (People, "people"))
        room = visit.scene.room.vertices[:8]
        floor = [room.min(0)[:2].tolist(), room.max(0)[:2].tolist()]
        lens = visit.scene.lens
        view_deg = 2.0 * math.degrees(math.atan(lens.width / 2 / lens.fx))
        self.run(visit, estimates="people", floor=floor, view_deg=view_deg)

    def true_message(self, frame: Any) -> People:
        """Everybody who is in the room."""
        return true_people(frame.seen.joints)

    def true_record(self, frame: Any) -> dict[str, Any]:
        """Everybody's joints (17, 3), metres, and what each sensor sees of them."""
        return {"people": frame.record()}
