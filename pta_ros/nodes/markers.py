"""A skeleton as RViz and Foxglove markers: one sphere list of joints, one line list of bones."""

from __future__ import annotations

from geometry_msgs.msg import Point
from pta_msgs.msg import Skeleton
from std_msgs.msg import ColorRGBA
from visualization_msgs.msg import Marker, MarkerArray

from pta_ros.skeleton import BONES

_JOINT_M, _BONE_M = 0.06, 0.025
_SURE_M, _UNSURE_M = 0.03, 0.15  # standard deviations that show as green and as red
_LIFETIME_NS = 500_000_000  # a skeleton that is no longer estimated disappears


def colour(std_m: float) -> ColorRGBA:
    """Green for a sure joint, red for an unsure one."""
    share = min(max((std_m - _SURE_M) / (_UNSURE_M - _SURE_M), 0.0), 1.0)
    return ColorRGBA(r=share, g=1.0 - share, b=0.2, a=1.0)


def _marker(skeleton: Skeleton, kind: int, name: str, scale_m: float) -> Marker:
    marker = Marker(header=skeleton.header, ns=name, id=0, type=kind, action=Marker.ADD)
    marker.pose.orientation.w = 1.0
    marker.scale.x = marker.scale.y = marker.scale.z = scale_m
    marker.lifetime.nanosec = _LIFETIME_NS
    marker.color.a = 1.0
    return marker


def to_markers(skeleton: Skeleton) -> MarkerArray:
    """The markers of one skeleton message, coloured by each joint's standard deviation."""
    colours = [colour(std) for std in skeleton.std_dev]
    joints = _marker(skeleton, Marker.SPHERE_LIST, "joints", _JOINT_M)
    joints.points, joints.colors = list(skeleton.positions), colours
    bones = _marker(skeleton, Marker.LINE_LIST, "bones", _BONE_M)
    ends: list[int] = [joint for bone in BONES for joint in bone]
    bones.points = [Point(x=p.x, y=p.y, z=p.z) for p in (skeleton.positions[j] for j in ends)]
    bones.colors = [colours[j] for j in ends]
    return MarkerArray(markers=[joints, bones])
