"""Real message objects of the three sensors, small and healthy, and faults over 1 s to 2 s."""

from __future__ import annotations

import copy
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

pytest.importorskip("rosbags")

from pta_ros.bags.messages import header, message, reading
from pta_ros.bags.records import Raw
from pta_ros.bags.types import known_types
from pta_ros.evaluation.faults.injector import KINDS, Fault, FaultPlan, Injector
from pta_ros.sensors import SENSORS

# A busy machine must not fail a property.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")

BEGIN_NS = 1_700_000_000_000_000_000
STRENGTH = {"rate": 2.0, "delay": 0.3, "noise": 0.1, "clock_jump": -0.5}


def image(seed=0, encoding="16UC1", padding=0, big=False, stamp_ns=BEGIN_NS):
    """48x64 pixels at 1 to 3 m, the first four columns without a return."""
    metres = np.random.default_rng(seed).uniform(1, 3, (48, 64))
    metres[:, :4] = 0
    kind = "f4" if encoding == "32FC1" else "u2"
    values = metres if encoding == "32FC1" else np.rint(metres * 1000)
    wire = values.astype(np.dtype(kind).newbyteorder(">" if big else "<"))
    rows = b"".join(row.tobytes() + b"\xaa" * padding for row in wire)
    return message(
        "sensor_msgs/msg/Image",
        header=header(stamp_ns, "camera"),
        height=48,
        width=64,
        encoding=encoding,
        is_bigendian=int(big),
        step=64 * wire.itemsize + padding,
        data=np.frombuffer(rows, np.uint8),
    )


def cloud(seed=0, count=400, rows=1, kind="f4", big=False, stamp_ns=BEGIN_NS):
    """Points of a person at 3 m, with 4 bytes before x and an intensity behind z."""
    order = np.dtype(kind).newbyteorder(">" if big else "<")
    names = ("pad", "x", "y", "z", "intensity")
    point = np.dtype([(n, "<u4" if n in ("pad", "intensity") else order) for n in names])
    table = np.zeros(count, point)
    xyz = np.random.default_rng(seed).normal((3, 0, 0), (0.1, 0.2, 0.4), (count, 3))
    for name, column in zip("xyz", xyz.T, strict=True):
        table[name] = column
    table["pad"], table["intensity"] = 0xAAAAAAAA, np.arange(count)
    fields = [
        message(
            "sensor_msgs/msg/PointField",
            name=name,
            offset=point.fields[name][1],
            datatype={"f4": 7, "f8": 8}[kind] if name in "xyz" else 6,
            count=1,
        )
        for name in ("intensity", "x", "y", "z")
    ]
    return message(
        "sensor_msgs/msg/PointCloud2",
        header=header(stamp_ns, "lidar"),
        height=rows,
        width=count // rows,
        fields=fields,
        is_bigendian=big,
        point_step=point.itemsize,
        row_step=point.itemsize * (count // rows),
        data=np.frombuffer(table.tobytes(), np.uint8),
        is_dense=True,
    )


def csi(seed=0, stamp_ns=BEGIN_NS):
    """A smooth channel of 3 antennas, 114 subcarriers, 10 packets."""
    ripple = 30 + 5 * np.sin(np.arange(114) / 9)[None, :, None] + np.arange(3)[:, None, None]
    noise = np.random.default_rng(seed).normal(0, 0.3, (3, 114, 10))
    return message(
        "pta_msgs/msg/CsiFrame",
        header=header(stamp_ns, "radio"),
        antennas=3,
        subcarriers=114,
        packets=10,
        amplitude=(ripple + noise).astype(np.float32).reshape(-1),
        center_frequency_hz=5.32e9,
    )


def packet(modality, shape):
    """A maker of messages of a windowed sensor."""

    def make(seed=0, stamp_ns=BEGIN_NS):
        values = np.random.default_rng(seed).uniform(1, 3, shape)
        return reading(SENSORS[modality](), values, stamp_ns)

    return make


MAKERS = {"depth": image, "lidar": cloud, "csi": csi}
MAKERS |= {m: packet(m, s) for m, s in (("radar", (256, 128)), ("wifi", (10, 270)), ("rfid", 23))}


def a_fault(kind, modality="depth", strength=None, seed=0, start_s=1.0, end_s=2.0, **more):
    """A fault from 1 s to 2 s, of a usual strength if none is given."""
    if strength is None:
        strength = KINDS[kind].default or STRENGTH.get(kind, 0.5)
    return Fault(kind, modality, start_s, end_s, strength, seed, **more)


def an_injector(*faults):
    return Injector(FaultPlan("test", faults), BEGIN_NS)


def same(one, other):
    """Whether two messages serialise to the same bytes."""
    store = known_types()
    data = [bytes(store.serialize_cdr(msg, msg.__msgtype__)) for msg in (one, other)]
    return data[0] == data[1]


def at(seconds):
    return BEGIN_NS + round(seconds * 1e9)


def raws(count=30, period_s=0.1, topic="t", size=40):
    """Messages at 10 Hz from the bag's begin, each with bytes of its own."""
    return [Raw(topic, "x", at(i * period_s), bytes([i]) * size) for i in range(count)]


def carried(injector, messages, modality="depth"):
    """What arrives, in order of arrival."""
    out = [one for raw in messages for one in injector.transport(modality, raw)]
    return sorted(out + injector.flush(), key=lambda raw: raw.time_ns)


def damaged(msg, kind, modality, time_s=1.5, **more):
    """The message with one fault; fails when the fault changed its input."""
    before = copy.deepcopy(msg)
    injector = an_injector(a_fault(kind, modality, **more))
    found = injector.content(modality, at(time_s), msg)
    assert same(before, msg)
    return found


def decoded(modality, msg):
    """What the sensor reads."""
    return SENSORS[modality]().decode(msg, "topic")


@pytest.fixture(scope="session")
def kit():
    """The helpers above, by name."""
    return SimpleNamespace(**globals())
