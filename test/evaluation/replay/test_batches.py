"""Frames encoded and instants fused in batches: as one by one, and the same every time."""

import numpy as np
import pytest

from pta_ros.bags.bag import Bag
from pta_ros.clock import to_ns
from pta_ros.evaluation.replay import source as sources
from pta_ros.evaluation.replay.batches import BATCH, Chunk, batches_of, foresight_of
from pta_ros.evaluation.replay.decode import Arrival
from pta_ros.evaluation.replay.source import FAULT_FREE, find_source, replay
from pta_ros.frames import Frame, Sample

SHAPES = {"depth": (96, 128), "lidar": (512, 3), "csi": (3, 114, 10)}


def joints_of(engine, path):
    with Bag([path]) as bag:
        return replay(engine, bag, find_source(bag, engine, {}, None), FAULT_FREE).joints_m


def test_batches_change_the_last_bits_only_and_are_the_same_every_time(engine, whole, monkeypatch):
    encode, calls = engine.estimator.model.encode_one, []
    monkeypatch.setattr(
        engine.estimator.model, "encode_one", lambda m, x: calls.append(m) or encode(m, x)
    )
    first = joints_of(engine, whole)
    assert not calls  # every frame was encoded before it was asked for
    np.testing.assert_array_equal(joints_of(engine, whole), first)

    monkeypatch.setattr(sources, "foresight_of", lambda engine: None)
    engine.estimator._encoded.clear()
    alone = joints_of(engine, whole)
    assert calls
    assert np.abs(alone - first).max() < 1e-4  # metres
    assert not np.array_equal(alone[:1], alone[1:2])


class Asked:
    """A clip of `count` instants at 10 Hz, lidar 20 ms behind; which batches were fused."""

    def __init__(self, engine, monkeypatch, count=BATCH):
        rng = np.random.default_rng(0)
        self.frames = {
            m: [
                Frame(m, to_ns(1 + 0.1 * n + 0.02 * (m == "lidar")), rng.random(shape, np.float32))
                for n in range(count)
            ]
            for m, shape in SHAPES.items()
        }
        self.estimator, self.sizes = engine.estimator, []
        predict = engine.estimator.predict
        monkeypatch.setattr(
            engine.estimator,
            "predict",
            lambda features, *given: self.sizes.append(len(features)) or predict(features, *given),
        )
        self.foresight = foresight_of(engine)
        arrivals = [Arrival(f.stamp_ns, f.modality, f) for own in self.frames.values() for f in own]
        self.foresight.learn(Chunk(arrivals, batches_of(engine).encoded(arrivals)))

    def answers_as_one_by_one(self, **places):
        """Ask for one instant, of the n-th frame of each sensor that is named."""
        frames = {m: self.frames[m][n] for m, n in places.items()}
        sample = Sample(next(iter(frames.values())).stamp_ns, frames)  # the first one leads
        expected = self.estimator(sample)
        self.sizes.pop()
        found = self.foresight(sample)
        np.testing.assert_allclose(found.joints_m, expected.joints_m, atol=1e-4)
        assert found.weights == pytest.approx(expected.weights)
        assert set(found.alone) == set(expected.alone) == set(frames)
        for name, people in expected.alone.items():
            np.testing.assert_allclose(found.alone[name][0].joints, people[0].joints, atol=1e-4)


def test_instants_that_follow_as_expected_are_fused_in_one_batch(engine, monkeypatch):
    asked = Asked(engine, monkeypatch)
    for n in range(BATCH):
        asked.answers_as_one_by_one(depth=n, lidar=n, csi=n)
    assert asked.sizes == [BATCH]


def test_a_subset_has_batches_of_its_own(engine, monkeypatch):
    asked = Asked(engine, monkeypatch)
    for n in range(4):
        asked.answers_as_one_by_one(depth=n, lidar=n, csi=n)
        asked.answers_as_one_by_one(depth=n, lidar=n)
    assert asked.sizes == [BATCH, BATCH]


def test_where_what_follows_was_wrong_less_is_answered_ahead(engine, monkeypatch):
    asked = Asked(engine, monkeypatch)
    order = np.random.default_rng(1).permutation(BATCH)
    for n in range(8):  # no instant is like the one before
        asked.answers_as_one_by_one(depth=n, lidar=int(order[n]), csi=int(order[-1 - n]))
    assert asked.sizes[:5] == [16, 8, 4, 2, 1]
    assert max(asked.sizes[5:]) <= 2


def test_frames_that_nobody_encoded_are_left_to_the_estimator(engine, monkeypatch):
    asked = Asked(engine, monkeypatch)
    frame = Frame("csi", 1, np.random.default_rng(2).random(SHAPES["csi"], np.float32))
    sample = Sample(1, {"csi": frame})
    expected = engine.estimator(sample).joints_m
    np.testing.assert_array_equal(asked.foresight(sample).joints_m, expected)
