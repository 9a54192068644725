"""Ten thousand hostile clouds: a reading, nobody or a DecodeError, and no memory to speak of."""

import tracemalloc
from types import SimpleNamespace

import numpy as np

from pta_ros.errors import DecodeError, NobodySeen
from pta_ros.sensors import LidarSensor

SENSOR = LidarSensor()
#: Python's own objects, whatever the size of the message.
ALLOWANCE = 100_000


def random_cloud(rng):
    """A cloud that is sound but for up to three of its parts."""
    height, width = (int(n) for n in rng.choice([1, 1, 2, 16, 64, 200], 2))
    step = int(rng.choice([12, 16, 24, 32, 48]))
    kinds = rng.choice([7, 7, 7, 7, 8], 3)
    offsets = np.cumsum([0, *(4 if k == 7 else 8 for k in kinds)])[:3]
    fields = [
        SimpleNamespace(name=n, offset=int(o), datatype=int(k), count=1)
        for n, o, k in zip("xyz", offsets, kinds, strict=True)
    ]
    data = np.zeros((height * width, step // 4), np.float32)
    data[:, :3] = rng.uniform((1, -2, -1), (5, 2, 1), (len(data), 3))
    msg = SimpleNamespace(
        height=height, width=width, fields=fields, is_bigendian=bool(rng.random() < 0.1),
        point_step=step, row_step=step * width, data=data.tobytes(), is_dense=True,
    )  # fmt: skip
    for _ in range(rng.integers(0, 4)):
        spoil(msg, rng)
    return msg


def spoil(msg, rng):
    """Damage one part of a cloud."""
    odd = [0, 1, 3, 4, 7, 12, 10**6, 2**31, 2**32 - 1, -1, None, 1.5, "12", np.nan]
    field = msg.fields[int(rng.integers(len(msg.fields)))] if msg.fields else msg
    part = str(rng.choice(["size", "size", "field", "bytes", "cut", "fields", "data"]))
    if part == "size":
        names = ["height", "width", "point_step", "row_step", "is_bigendian"]
        setattr(msg, str(rng.choice(names)), odd[rng.integers(len(odd))])
    elif part == "field":
        name = str(rng.choice(["offset", "datatype", "count", "name"]))
        setattr(field, name, odd[rng.integers(len(odd))])
    elif part == "bytes" and isinstance(msg.data, bytes):
        msg.data = rng.integers(0, 256, len(msg.data), np.uint8).tobytes()
    elif part == "cut" and isinstance(msg.data, bytes):
        msg.data = msg.data[: int(rng.integers(0, len(msg.data) + 1))]
    elif part == "fields":
        msg.fields = [msg.fields[:2], [], list(msg.fields) * 2][rng.integers(3)]
    elif part == "data":
        msg.data = [b"", None, 7, [1, 2], np.zeros(64, np.uint8)][rng.integers(5)]


def test_nothing_but_readings_and_decode_errors_within_four_times_the_message():
    rng = np.random.default_rng(14)
    outcomes = {"read": 0, "nobody": 0, "refused": 0}
    SENSOR.reduce(rng.uniform((2, -1, 0), (4, 1, 1), (900, 3)).astype(np.float32))  # libraries load
    tracemalloc.start()
    try:
        for number in range(10_000):
            msg = random_cloud(rng)
            size = len(msg.data) if isinstance(msg.data, bytes) else 0
            tracemalloc.reset_peak()
            before = tracemalloc.get_traced_memory()[0]
            try:
                reduced = SENSOR.process(msg, "t")
                SENSOR.remark(msg, reduced, "t")
                assert reduced.shape == (512, 3)
                assert np.isfinite(reduced).all()
                outcomes["read"] += 1
            except NobodySeen:
                outcomes["nobody"] += 1
            except DecodeError:
                outcomes["refused"] += 1
            used = tracemalloc.get_traced_memory()[1] - before
            assert used <= 4 * size + ALLOWANCE, f"message {number}: {used} of {size} bytes"
    finally:
        tracemalloc.stop()
    assert min(outcomes.values()) > 500, outcomes  # each of them is tried
