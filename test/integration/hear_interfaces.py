"""Writes what it hears of a fusion node's further outputs to a file, as lines of JSON.

A process of its own: `python hear_interfaces.py FILE`, where the packages of messages were built.
"""

import json
import sys
from pathlib import Path

import rclpy
from geometry_msgs.msg import PointStamped, PoseArray, TwistStamped
from hri_msgs.msg import IdsList
from people_msgs.msg import People
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import PointCloud2
from tf2_msgs.msg import TFMessage

BODIES = "/humans/bodies"


def xyz(point):
    return [point.x, point.y, point.z]


class Ear(Node):
    def __init__(self, out):
        super().__init__("ear")
        self.out, self.bodies = out, {}
        self.listen(TFMessage, "/tf", self.frames)
        self.listen(IdsList, f"{BODIES}/tracked", self.names)
        self.listen(PoseArray, "obstacles", lambda m: [xyz(p.position) for p in m.poses])
        self.listen(PointCloud2, "obstacle_points", lambda m: m.width)
        self.listen(People, "moving_people", self.people, qos_profile_sensor_data)
        self.create_timer(0.2, self.topics)

    def listen(self, kind, topic, read, qos=100):
        def heard(msg):
            self.write(topic, read(msg))

        return self.create_subscription(kind, topic, heard, qos)

    def write(self, topic, said):
        self.out.write(json.dumps([topic, said]) + "\n")
        self.out.flush()

    def topics(self):
        publishers = {
            name: self.count_publishers(name)
            for name, _ in self.get_topic_names_and_types()
            if name.startswith(BODIES)
        }
        self.write("topics", [name for name, count in publishers.items() if count])

    def frames(self, msg):
        return {
            t.child_frame_id: [t.header.frame_id, xyz(t.transform.translation)]
            for t in msg.transforms
        }

    def names(self, msg):
        for name in msg.ids:
            if name not in self.bodies:
                place, speed = (f"{BODIES}/{name}/{what}" for what in ("position", "velocity"))
                self.bodies[name] = (
                    self.listen(PointStamped, place, lambda m: xyz(m.point)),
                    self.listen(TwistStamped, speed, lambda m: xyz(m.twist.linear)),
                )
        return list(msg.ids)

    def people(self, msg):
        return [[p.name, xyz(p.position), xyz(p.velocity), p.reliability] for p in msg.people]


def main():
    rclpy.init()
    with Path(sys.argv[1]).open("w", encoding="utf-8") as out:
        rclpy.spin(Ear(out))


if __name__ == "__main__":
    main()
