"""Small recordings with known content, and MCAP files as rosbags does not write them."""

import struct
from types import SimpleNamespace
from zlib import crc32

import lz4.frame
import numpy as np
import pytest
import yaml

from pta_ros.bags.bag import Bag, BagWriter, Raw, header, message
from pta_ros.bags.types import known_types
from pta_ros.errors import DatasetError

T0 = 1_700_000_000 * 10**9
STEP = 10**8
A, B = "/depth/image", "/wifi/csi"


def image(value, size=2000):
    """A depth image whose pixels and stamp tell its number; noise, so that it stays large."""
    data = np.random.default_rng(value).integers(0, 256, size, np.uint8)
    data[-8:] = np.frombuffer(struct.pack("<Q", 0xC0FFEE00 + value), np.uint8)
    return message(
        "sensor_msgs/msg/Image",
        header=header(T0 + value * STEP, "camera"),
        encoding="16UC1",
        height=1,
        width=size // 2,
        step=size,
        data=data,
    )


def csi(value):
    return message("pta_msgs/msg/CsiFrame", header=header(T0 + value * STEP), amplitude=[value] * 9)


def serialized(msg):
    return bytes(known_types().serialize_cdr(msg, msg.__msgtype__))


def sequence(count, first=0, size=2000):
    """`count` images with a CSI frame 1 ms after each, as Raw, in order of time."""
    found = []
    for i in range(first, first + count):
        for topic, msg, after in ((A, image(i, size), 0), (B, csi(i), 10**6)):
            time_ns = T0 + i * STEP + after
            found.append(Raw(topic, msg.__msgtype__, time_ns, serialized(msg)))
    return found


def write(path, raws, storage="mcap", compression=""):
    with BagWriter(path, storage, compression) as bag:
        for raw in raws:
            bag.write_raw(raw.topic, raw.type, raw.time_ns, raw.data)
    return path


def read(*paths, topics=(A, B)):
    """All messages of a recording, and what was lost."""
    with Bag(paths) as bag:
        return list(bag.messages(topics)), bag.losses


def refusal(*paths):
    """What opening these paths is refused with; None when it is not."""
    try:
        with Bag(paths):
            return None
    except DatasetError as error:
        return str(error)


def content(folder):
    """The one storage file of a recording's folder."""
    (found,) = [path for path in folder.iterdir() if path.name != "metadata.yaml"]
    return found


def join(folder, *bags):
    """One folder with the files of several recordings, as a recorder that splits leaves it."""
    folder.mkdir()
    names = []
    for bag in bags:
        file = content(bag)
        names.append(file.name)
        file.rename(folder / file.name)
    known = {"rosbag2_bagfile_information": {"version": 9, "relative_file_paths": names}}
    (folder / "metadata.yaml").write_text(yaml.safe_dump(known))
    return folder


def record(op, *parts):
    data = b"".join(parts)
    return struct.pack("<BQ", op, len(data)) + data


def string(text):
    return struct.pack("<I", len(text.encode())) + text.encode()


def channels(raws, schemas=True):
    """Schema and channel records; without `schemas` the types come without definitions."""
    found = []
    for i, (topic, kind) in enumerate(dict.fromkeys((r.topic, r.type) for r in raws), start=1):
        text = known_types().generate_msgdef(kind, ros_version=2)[0] if schemas else ""
        encoding = "ros2msg" if schemas else ""
        number = struct.pack("<H", i)
        found.append(record(3, number, string(kind), string(encoding), string(text)))
        found.append(record(4, number, number, string(topic), string("cdr"), struct.pack("<I", 0)))
    return found


def mcap(path, raws, chunk=0, compression="", schemas=True, end=True, checksum=False):
    """An MCAP file without index: messages in chunks of `chunk`, or bare when 0."""
    ids = {topic: i for i, topic in enumerate(dict.fromkeys(r.topic for r in raws), start=1)}
    heads = channels(raws, schemas)
    bare = [
        (r.time_ns, record(5, struct.pack("<HIQQ", ids[r.topic], 0, r.time_ns, r.time_ns), r.data))
        for r in raws
    ]
    out = [b"\x89MCAP0\r\n", record(1, string(""), string("test"))]
    if not chunk:
        out += [*heads, *(each for _, each in bare)]
    for i in range(0, len(bare) if chunk else 0, chunk or 1):
        part = bare[i : i + chunk]
        data = b"".join([*(heads if i == 0 else []), *(each for _, each in part)])
        packed = lz4.frame.compress(data) if compression == "lz4" else data
        times = [time_ns for time_ns, _ in part]
        about = struct.pack("<QQQ", min(times), max(times), len(data))
        about += struct.pack("<I", crc32(data) if checksum else 0)
        size = struct.pack("<Q", len(packed))
        out.append(record(6, about, string(compression), size, packed))
    if end:
        out += [record(15, bytes(4)), record(2, bytes(20)), b"\x89MCAP0\r\n"]
    path.write_bytes(b"".join(out))
    return path


@pytest.fixture(scope="session")
def bags():
    """The helpers of this file, as attributes."""
    return SimpleNamespace(**globals())
