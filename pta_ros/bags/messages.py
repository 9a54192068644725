"""Making recorded messages without ROS: any message of plain fields, readings and ground truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rosbags.interfaces import Nodetype

from pta_ros.bags.types import known_types
from pta_ros.clock import NS
from pta_ros.errors import DatasetError
from pta_ros.frames import FloatArray
from pta_ros.sensors import DepthSensor, Sensor
from pta_ros.skeleton import skeleton_fields

#: Topic and type of a pose's, of people's and of an activity's ground truth.
TRUE_POSE = ("/ground_truth", "pta_msgs/msg/Skeleton")
TRUE_PEOPLE = ("/truth/people", "pta_msgs/msg/People")
TRUE_ACTIVITY = ("/ground_truth_activity", "pta_msgs/msg/Activity")


def reading(sensor: Sensor, array: NDArray[Any], stamp_ns: int) -> Any:
    """The message in which the data set's device would send a physical array."""
    head = header(stamp_ns, sensor.frame_id)
    return message(sensor.message_type, header=head, **sensor.device, **sensor.fields(array))


def beside(sensor: Sensor, stamp_ns: int) -> dict[str, Any]:
    """Topic -> message of what the data set's device would send beside a reading."""
    head = header(stamp_ns, sensor.frame_id)
    sides = sensor.side_fields().items()
    return {f"/{topic}": message(kind, header=head, **given) for topic, (kind, given) in sides}


def true_pose(joints_m: FloatArray, stamp_ns: int, origin: str) -> Any:
    """Joints (17, 3), metres in the camera's frame, as ground truth; `origin` says where from."""
    fields = skeleton_fields(joints_m, np.zeros(len(joints_m)), f"ground truth ({origin})")
    return message(TRUE_POSE[1], header=header(stamp_ns, DepthSensor.frame_id), **fields)


def true_people(
    people_m: FloatArray, stamp_ns: int, frame_id: str, origin: str = "synthetic"
) -> Any:
    """Joints (P, 17, 3) of everybody, metres in a level frame, as ground truth."""
    head, model = header(stamp_ns, frame_id), f"ground truth ({origin})"
    people = []
    for index, joints in enumerate(people_m):
        fields = skeleton_fields(joints, np.zeros(len(joints)), model)
        people.append({"index": index, "presence": 1.0, "skeleton": {"header": head, **fields}})
    return message(TRUE_PEOPLE[1], header=head, people=people, model=model)


def transforms(
    parent: str, links: Mapping[str, tuple[Sequence[float], Sequence[float]]], stamp_ns: int
) -> Any:
    """A tf2_msgs/TFMessage: child -> its translation (m) and quaternion (x, y, z, w)."""
    head = header(stamp_ns, parent)
    listed = [
        {
            "header": head,
            "child_frame_id": child,
            "transform": {
                "translation": dict(zip("xyz", moved, strict=True)),
                "rotation": dict(zip("xyzw", turned, strict=True)),
            },
        }
        for child, (moved, turned) in links.items()
    ]
    return message("tf2_msgs/msg/TFMessage", transforms=listed)


def true_activity(class_id: int, stamp_ns: int, origin: str, label: str = "") -> Any:
    """The true activity since the ground truth before it; `label` tells it to any list of names."""
    own = {"class_id": class_id, "label": label, "confidence": 1.0}
    model = f"ground truth ({origin})"
    return message(TRUE_ACTIVITY[1], header=header(stamp_ns), model=model, **own)


def message(type_name: str, **fields: Any) -> Any:
    """A message object, such as message("std_msgs/msg/Header", frame_id="map").

    A nested message may be given as a dict of its fields, a row of them as a list of dicts. What is
    not given is 0, "", False or empty; sequences of numbers become arrays. Raises DatasetError for
    a type that is not known and for a field that it does not have.
    """
    store = known_types()
    if type_name not in store.types:
        raise DatasetError(f"{type_name}: no such message; expected one like sensor_msgs/msg/Image")
    described = dict(store.fielddefs[type_name][1])
    if unknown := fields.keys() - described.keys():
        expected = f"expected some of {list(described)}"
        raise DatasetError(f"{type_name} has no field {sorted(unknown)}; {expected}")
    values = {
        name: _value(kind, fields[name]) if name in fields else _default(kind)
        for name, kind in described.items()
    }
    return store.types[type_name](**values)


def header(stamp_ns: int, frame_id: str = "") -> Any:
    """A std_msgs/msg/Header."""
    stamp = message("builtin_interfaces/msg/Time", sec=stamp_ns // NS, nanosec=stamp_ns % NS)
    return message("std_msgs/msg/Header", stamp=stamp, frame_id=frame_id)


def _value(kind: Any, given: Any) -> Any:
    """A field's value as rosbags wants it: numbers in a row as an array, dicts as messages."""
    node, detail = kind
    if node == Nodetype.NAME and isinstance(given, dict):
        return message(detail, **given)
    if node not in (Nodetype.ARRAY, Nodetype.SEQUENCE):
        return given
    if _numeric(detail[0]):
        return np.asarray(given, dtype=_dtype(detail[0]))
    return [_value(detail[0], one) for one in given]


def _default(kind: Any) -> Any:
    """A field's value when none is given."""
    node, detail = kind
    if node == Nodetype.NAME:
        return message(detail)
    if node == Nodetype.BASE:
        return {"string": "", "wstring": "", "bool": False}.get(detail[0], 0)
    length = detail[1] if node == Nodetype.ARRAY else 0
    if _numeric(detail[0]):
        return np.zeros(length, _dtype(detail[0]))
    return [_default(detail[0]) for _ in range(length)]


def _numeric(element: Any) -> bool:
    return bool(element[0] == Nodetype.BASE and element[1][0] not in ("string", "wstring"))


def _dtype(element: Any) -> np.dtype[Any]:
    name = element[1][0]
    return np.dtype({"byte": "uint8", "char": "uint8", "octet": "uint8"}.get(name, name))
