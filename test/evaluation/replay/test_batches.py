"""Frames encoded in batches give what they give one by one, and the same every time."""

import gc

import numpy as np

from pta_ros.bags.bag import Bag
from pta_ros.evaluation.replay import source as sources
from pta_ros.evaluation.replay.source import FAULT_FREE, find_source, replay


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
    gc.collect()
    assert len(engine.estimator.ahead) <= 3  # what the estimator itself still holds

    monkeypatch.setattr(sources, "batched", lambda engine, arrivals: arrivals)
    engine.estimator._encoded.clear()
    alone = joints_of(engine, whole)
    assert calls
    assert np.abs(alone - first).max() < 1e-4  # metres
    assert not np.array_equal(alone[:1], alone[1:2])
