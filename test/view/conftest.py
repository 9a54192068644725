"""What the tests of the view show: one person, all sensors."""

import warnings
from types import SimpleNamespace

import numpy as np
import pytest

from pta_ros.frames import Estimate, Frame, StreamState, StreamStatus

S = 1_000_000_000
T0 = 1_700_000_000 * S
ARRAYS = {"depth": (96, 128), "lidar": (512, 3), "csi": (3, 114, 10)}


def frame(modality, stamp_ns=T0):
    rng = np.random.default_rng(stamp_ns % 2**32)
    return Frame(modality, stamp_ns, rng.uniform(1, 4, ARRAYS[modality]).astype(np.float32))


def joints(offset_m=0.0):
    return (np.arange(51, dtype=np.float32).reshape(17, 3) / 50) + np.float32(offset_m)


def estimate(stamp_ns=T0, offset_m=0.0, **weights):
    weights = weights or {"depth": 0.5, "lidar": 0.3, "csi": 0.2}
    std_m = np.full(17, 0.04, np.float32)
    times = {"encode": 4.0, "model": 9.0}
    stamps = dict.fromkeys(weights, stamp_ns)
    return Estimate(stamp_ns, joints(offset_m), std_m, weights, stamps, timings_ms=times)


def statuses(**states):
    states = {**dict.fromkeys(ARRAYS, "LIVE"), **states}
    return tuple(
        StreamStatus(m, StreamState[s], 0.1, 10.0, reason="" if s == "LIVE" else f"{m} is away")
        for m, s in states.items()
    )


@pytest.fixture
def made():
    """Makers of frames, estimates and states."""
    return SimpleNamespace(
        frame=frame, joints=joints, estimate=estimate, statuses=statuses, S=S, T0=T0
    )


@pytest.fixture
def read():
    """What a file holds: of every recording {entity: {column: [values as logged]}}; its layouts."""
    chunk = pytest.importorskip("rerun.chunk", reason="needs rerun-sdk 0.39 or newer")

    def read(path):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a stream that was cut off has no table of contents
            reader = chunk.RrdReader(path)
            streams = [list(reader.stream(store=entry)) for entry in reader.recordings()]
            return [content(stream) for stream in streams], reader.blueprints()

    return read


def content(pieces):
    found = {}
    for piece in pieces:
        batch = piece.to_record_batch()
        columns = found.setdefault(piece.entity_path, {})
        for name in batch.schema.names:
            column = batch.column(name)
            column = column.cast("int64") if name == "stamp" else column
            columns.setdefault(name, []).extend(column.to_pylist())
    return found
