"""Markers for RViz and Foxglove: one skeleton, or everybody."""

from __future__ import annotations

from geometry_msgs.msg import Point
from pta_msgs.msg import People, Skeleton
from std_msgs.msg import ColorRGBA
from visualization_msgs.msg import Marker, MarkerArray

from pta_ros.skeleton import BONES

_SURE_M, _UNSURE_M = 0.03, 0.15  # standard deviations that show as green and as red
_LIFETIME_NS = 500_000_000  # a skeleton that is no longer estimated disappears
#: Of Okabe and Ito, told apart by colour-blind readers; of the people by number.
_COLOURS = ("E69F00", "56B4E9", "009E73", "F0E442", "0072B2", "D55E00", "CC79A7")


def colour(std_m: float) -> ColorRGBA:
    """Green for a sure joint, red for an unsure one."""
    share = min(max((std_m - _SURE_M) / (_UNSURE_M - _SURE_M), 0.0), 1.0)
    return ColorRGBA(r=share, g=1.0 - share, b=0.2, a=1.0)


def _marker(skeleton: Skeleton, kind: int, name: str, scale_m: float, index: int = 0) -> Marker:
    marker = Marker(header=skeleton.header, ns=name, id=index, type=kind, action=Marker.ADD)
    marker.pose.orientation.w = 1.0
    marker.scale.x = marker.scale.y = marker.scale.z = scale_m
    marker.lifetime.nanosec = _LIFETIME_NS
    marker.color.a = 1.0
    return marker


def to_markers(skeleton: Skeleton) -> MarkerArray:
    """The markers of one skeleton message, coloured by each joint's standard deviation."""
    return MarkerArray(markers=_body(skeleton, [colour(std) for std in skeleton.std_dev]))


def people_markers(people: People, before: int = 0) -> MarkerArray:
    """The markers of everybody, a colour for each number; those up to `before` that are gone go."""
    markers = []
    for person in people.people:
        own = _COLOURS[(person.id or person.index) % len(_COLOURS)]
        red, green, blue = (part / 255 for part in bytes.fromhex(own))
        colours = [ColorRGBA(r=red, g=green, b=blue, a=1.0)] * len(person.skeleton.positions)
        markers += _body(person.skeleton, colours, person.index)
    for index in range(len(people.people), before):
        for name in ("joints", "bones"):
            markers.append(Marker(header=people.header, ns=name, id=index, action=Marker.DELETE))
    return MarkerArray(markers=markers)


def _body(skeleton: Skeleton, colours: list[ColorRGBA], index: int = 0) -> list[Marker]:
    joints = _marker(skeleton, Marker.SPHERE_LIST, "joints", 0.06, index)
    joints.points, joints.colors = list(skeleton.positions), colours
    bones = _marker(skeleton, Marker.LINE_LIST, "bones", 0.025, index)
    ends: list[int] = [joint for bone in BONES for joint in bone]
    bones.points = [Point(x=p.x, y=p.y, z=p.z) for p in (skeleton.positions[j] for j in ends)]
    bones.colors = [colours[j] for j in ends]
    return [joints, bones]
