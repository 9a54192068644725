"""People live and in the replay of the recording: the same people, joints within a millimetre.

A camera and a LiDAR of a synthetic hall, a person who comes and goes, the fusion node and a
recorder. Where processes compete for the machine a frame may come to one in time for an estimate
and to the other too late; such estimates are of other frames. Tracks would carry the difference on
to those that follow, so here each instant stands by itself; that tracks are the same live and
replayed: test/nodes/test_worker.py.
"""

import signal

import numpy as np
import pytest

pytestmark = [pytest.mark.ros, pytest.mark.slow]
NS = 1_000_000_000
NEVER_S = 180  # far more than it takes, even on a busy machine
TOPICS = "depth/image,lidar/points,people,skeleton"
PAIRED_SHARE, JOINT_M = 0.7, 1e-3


def record(bench, folder, people_model, hall_readings):
    """Nobody, one, two, nobody; gives the path of the bag and the parameter file."""
    from pta_msgs.msg import People

    params, bag = folder / "params.yaml", folder / "bag"
    params.write_text(
        "fusion: {ros__parameters: {tracks: {enabled: false}, "
        "depth: {extrinsic: '0 0 1 0 0 0', stale_after_s: 5.0}, "
        "lidar: {extrinsic: '0 0 1.3 0 0 0', stale_after_s: 5.0}}}"
    )
    told, scene = [], {}
    bench.node.create_subscription(People, "people", lambda m: told.append(len(m.people)), 10)
    recorder = bench.start("recorder_node", "-p", f"bag:={bag}", "-p", f"topics:={TOPICS}")
    arguments = ("-p", f"model:={people_model}", "-p", "device:=cpu", "--params-file", str(params))
    fusion = bench.start("fusion_node", *arguments)

    def send():
        bench.show(scene["now"])

    for places in ((), ((2.5, 0.4),), ((2.5, 0.4), (3.2, -0.9)), ()):
        scene["now"] = hall_readings(*places)
        wanted = [len(places)] * 6
        told.clear()
        bench.until(lambda wanted=wanted: told[-6:] == wanted, NEVER_S, send, fusion)
    for process in (recorder, fusion):
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0, process.log.read_text()
    return bag, params


def lived(bag):
    """Joints of everybody by the stamps of the frames that were used."""
    found, newest_ns = {}, 0
    for raw in bag.messages(["/people"]):
        msg = bag.decode(raw)
        stamps = tuple(m.stamp.sec * NS + m.stamp.nanosec for m in msg.modalities)
        when_ns = msg.header.stamp.sec * NS + msg.header.stamp.nanosec
        if not any(stamps) or when_ns <= newest_ns:
            continue  # predicted, or corrected by a late frame
        newest_ns = when_ns
        poses = [[(p.x, p.y, p.z) for p in one.skeleton.positions] for one in msg.people]
        found[stamps] = np.array(poses).reshape(-1, 17, 3)
    return found


def replayed(bag, params, people_model):
    from dataclasses import replace as changed

    from pta_ros.evaluation.replay.source import FAULT_FREE, find_source, replay
    from pta_ros.fusion.engine import Engine
    from pta_ros.fusion.params import read_params

    own, streams = read_params(params)
    engine = Engine.load(changed(own, model=str(people_model), device="cpu"), streams)
    engine.start()
    result = replay(engine, bag, find_source(bag, engine, {}, None), FAULT_FREE)
    ends = np.cumsum(result.people.counts)
    rows = np.split(result.people.joints_m, ends[:-1])
    return {tuple(s.tolist()): r for s, r in zip(result.frame_stamps_ns, rows, strict=True)}


def test_live_and_replay_agree_on_people(bench, tmp_path, people_model, hall_readings):
    pytest.importorskip("rosbags")
    from pta_ros.bags.bag import Bag

    path, params = record(bench, tmp_path, people_model, hall_readings)
    with Bag([path]) as bag:
        live, offline = lived(bag), replayed(bag, params, people_model)
    pairs = [stamps for stamps in live if stamps in offline]
    assert len(pairs) >= PAIRED_SHARE * len(live)
    assert {len(live[stamps]) for stamps in pairs} == {0, 1, 2}
    for stamps in pairs:
        assert len(live[stamps]) == len(offline[stamps]), stamps
        apart_m = np.linalg.norm(live[stamps] - offline[stamps], axis=-1)
        assert apart_m.max(initial=0.0) <= JOINT_M
