"""Bags of a few seconds, made of a synthetic clip's frames with a little noise of their own."""

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("rosbags")

from pta_ros.bags.bag import Bag, BagWriter
from pta_ros.bags.messages import TRUE_POSE, beside, reading, true_pose
from pta_ros.clock import split_ns
from pta_ros.datasets.mmfi import MmfiTree
from pta_ros.datasets.mmfi_files import FOLDERS
from pta_ros.evaluation.faults.injector import Fault, FaultPlan
from pta_ros.evaluation.replay.source import find_source, replay
from pta_ros.fusion.engine import Engine
from pta_ros.fusion.params import read_params
from pta_ros.sensors import SENSORS

T0 = 1_700_000_000 * 10**9
STEP = 10**8
FREE = FaultPlan("fault-free")


class Clip:
    """Frame n of three sensors: the clip's two frames in turn, each with noise of its own."""

    def __init__(self, tree):
        self._clip = MmfiTree(tree).clips[0]

    def messages(self, n, stamp_ns):
        rng = np.random.default_rng(n)
        read = {m: self._clip.read(m, 1 + n % 2) for m in FOLDERS}
        depth = np.where(read["depth"] > 0, read["depth"] + 0.001 * rng.integers(0, 2), 0)
        points = read["lidar"] + rng.normal(0, 0.002, read["lidar"].shape)
        csi = read["csi"] * rng.normal(1, 0.01, read["csi"].shape)
        arrays = {"depth": SENSORS["depth"]().compact(depth), "lidar": points, "csi": csi}
        sensors = {m: SENSORS[m]() for m in arrays}
        found = {f"/{s.topic}": reading(s, arrays[m], stamp_ns) for m, s in sensors.items()}
        found.update(beside(sensors["depth"], stamp_ns))
        truth = true_pose(self._clip.joints(1 + n % 2), stamp_ns, "synthetic")
        return {**found, TRUE_POSE[0]: truth}


@pytest.fixture(scope="session")
def clip(synthetic_tree):
    return Clip(synthetic_tree)


@pytest.fixture(scope="session")
def write_bag(clip, tmp_path_factory):
    """Write 10 Hz of messages; `skip(topic, n)` leaves one out, `stamp` is the sensors' clock.

    `clocks` says by how many ns a topic's clock is off, or None for stamps of zero.
    """

    def write(count=30, skip=lambda topic, n: False, namespace="", stamp=T0, clocks=None):
        path = tmp_path_factory.mktemp("bag") / "bag"
        with BagWriter(path) as bag:
            for n in range(count):
                messages = clip.messages(n, stamp + n * STEP).items()
                for late, (topic, msg) in enumerate(messages):
                    off = (clocks or {}).get(topic, 0)
                    sent = 0 if off is None else stamp + n * STEP + off
                    msg.header.stamp.sec, msg.header.stamp.nanosec = split_ns(sent)
                    if not skip(topic, n):
                        bag.write(namespace + topic, T0 + n * STEP + late * 10**6, msg)
        return path

    return write


@pytest.fixture(scope="session")
def engine():
    engine = Engine.load(*read_params(None))
    engine.start()
    return engine


@pytest.fixture(scope="session")
def run(engine):
    """Replay a bag; `faults` as (kind, modality, start, end, strength)."""

    def run(path, *faults, observer=None, truth=None):
        plan = FaultPlan("plan", tuple(Fault(*f, 0) for f in faults)) if faults else FREE
        with Bag([Path(path)]) as bag:
            source = find_source(bag, engine, {}, truth)
            return replay(engine, bag, source, plan, observer)

    return run


@pytest.fixture(scope="session")
def whole(write_bag):
    return write_bag()
