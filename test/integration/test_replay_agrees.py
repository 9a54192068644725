"""The live fusion and the replay of its recording: same states, same weights, same skeletons.

Real processes on real topics: simulated sensors, one of which falls silent for a while, the fusion
node and a recorder. The recording is replayed through the same code without ROS. Where processes
compete for the machine, a frame may come to one in time for an estimate and to the other too late;
such estimates are of other frames, and may be one in ten. Tracks would carry the difference on to
those that follow, so here each instant stands by itself; that tracks are the same live and
replayed: test/nodes/test_worker.py.
"""

import signal
from dataclasses import dataclass, field, replace

import numpy as np
import pytest

pytestmark = [pytest.mark.ros, pytest.mark.slow]
NS = 1_000_000_000
MODALITIES = ("depth", "lidar", "csi")
SCRIPT = """\
script:
  duration_s: 8.0
  phases:
    - {name: all, start_s: 0, end_s: 3}
    - {name: lidar silent, start_s: 3, end_s: 5, faults: {lidar: silent}}
    - {name: all back, start_s: 5, end_s: 8}
"""
PAIRED_SHARE, WEIGHT, JOINT_M = 0.9, 1e-3, 1e-3


@dataclass
class Estimates:
    """Estimates by the stamps of the frames that they were made from."""

    joints_m: dict = field(default_factory=dict)
    weights: dict = field(default_factory=dict)
    states: dict = field(default_factory=dict)

    def add(self, stamps, joints_m, weights, states):
        self.joints_m[stamps], self.weights[stamps] = np.array(joints_m), np.array(weights)
        self.states[stamps] = states


class Listener:
    """Collects a replay's estimates."""

    def __init__(self):
        self.estimates = Estimates()
        self.newest_ns = 0

    def estimate(self, estimate):
        if estimate.predicted or estimate.stamp_ns <= self.newest_ns:
            return  # from no frame, or corrected by a late one
        self.newest_ns = estimate.stamp_ns
        streams = {status.modality: status for status in estimate.streams}
        self.estimates.add(
            tuple(estimate.stamps_ns.get(m, 0) for m in MODALITIES),
            estimate.joints_m,
            [estimate.weights.get(m, 0.0) for m in MODALITIES],
            tuple(streams[m].state.name for m in MODALITIES),
        )

    def frame(self, *_):
        pass

    def truth(self, *_):
        pass

    def states(self, *_):
        pass


def record(bench, folder):
    """A session of sensors, fusion and recorder; gives the path of the bag."""
    pytest.importorskip("open3d")
    script, bag = folder / "script.yaml", folder / "bag"
    script.write_text(SCRIPT)
    recorder = bench.start("recorder_node", "-p", f"bag:={bag}")
    fusion = bench.start("fusion_node", "-p", "tracks.enabled:=false")
    sim = ("-p", f"script:={script}", "-p", "wait_for_estimate:=true", "-p", "min_watchers:=1")
    sensors = bench.start("sim_node", *sim, "-p", "prerender:=20")
    bench.until(lambda: sensors.poll() is not None, 120.0, process=fusion)
    for process in (recorder, fusion):
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0, process.log.read_text()
    assert sensors.returncode == 0, sensors.log.read_text()
    return bag


def lived(bag):
    """What the fusion said live."""
    found, newest_ns = Estimates(), 0
    for raw in bag.messages({"/skeleton"}):
        msg = bag.decode(raw)
        streams = {each.modality: each for each in msg.modalities}
        names = {1: "LIVE", 2: "STALE", 0: "MISSING"}
        stamps = tuple(streams[m].stamp.sec * NS + streams[m].stamp.nanosec for m in MODALITIES)
        when_ns = msg.header.stamp.sec * NS + msg.header.stamp.nanosec
        if not any(stamps) or when_ns <= newest_ns:
            continue  # predicted, or corrected by a late frame
        newest_ns = when_ns
        found.add(
            stamps,
            [(p.x, p.y, p.z) for p in msg.positions],
            [streams[m].weight for m in MODALITIES],
            tuple(names.get(streams[m].state, "other") for m in MODALITIES),
        )
    return found


def replayed(bag):
    """What the replay says."""
    from pta_ros.evaluation.replay.source import FAULT_FREE, find_source, replay
    from pta_ros.fusion.engine import Engine
    from pta_ros.fusion.params import read_params

    params, streams = read_params(None)
    alone = replace(params, tracks=replace(params.tracks, enabled=False))
    engine = Engine.load(alone, streams)
    engine.start()
    listener = Listener()
    result = replay(engine, bag, find_source(bag, engine, {}, None), FAULT_FREE, listener)
    assert not result.losses
    return listener.estimates


def told(live, offline):
    """What the two have not in common, for whoever has to find out why."""
    only = [("live", s, live.states[s]) for s in live.states if s not in offline.states]
    only += [("replay", s, offline.states[s]) for s in offline.states if s not in live.states]
    return "\n".join(f"{who} only: stamps {stamps}, {states}" for who, stamps, states in only)


def test_live_and_replay_agree(bench, tmp_path):
    pytest.importorskip("rosbags")
    from pta_ros.bags.bag import Bag

    with Bag([record(bench, tmp_path)]) as bag:
        live, offline = lived(bag), replayed(bag)
    begin = max(next(iter(live.states)))  # the recorder may be there before the fusion is
    offline.states = {s: states for s, states in offline.states.items() if max(s) >= begin}
    pairs = [stamps for stamps in live.states if stamps in offline.states]
    most = max(len(live.states), len(offline.states))
    assert most > 60
    assert len(pairs) >= PAIRED_SHARE * most, told(live, offline)
    lidar = {live.states[stamps][1] for stamps in pairs}
    assert {"LIVE", "STALE"} <= lidar  # the silence is among what is compared
    for stamps in pairs:
        assert live.states[stamps] == offline.states[stamps], stamps
        assert np.abs(live.weights[stamps] - offline.weights[stamps]).max() <= WEIGHT
        apart_m = np.linalg.norm(live.joints_m[stamps] - offline.joints_m[stamps], axis=1)
        assert apart_m.max() <= JOINT_M
