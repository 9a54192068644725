"""What a process of its own reads and encodes gives the very numbers of a replay without it."""

import numpy as np
import pytest

from pta_ros.bags.bag import Bag
from pta_ros.errors import PtaError
from pta_ros.evaluation.faults.injector import Fault, FaultPlan
from pta_ros.evaluation.replay.apart import reading_apart
from pta_ros.evaluation.replay.source import FAULT_FREE, find_source, replay

PLAN = FaultPlan("noise", (Fault("noise", "csi", 0.5, 1.5, 0.4, 3),))


@pytest.fixture(scope="module")
def apart(engine):
    with reading_apart(engine) as found:
        yield found


def both(engine, path, plan, apart):
    with Bag([path]) as bag:
        source = find_source(bag, engine, {}, None)
        here = replay(engine, bag, source, plan)
        return here, replay(engine, bag, source, plan, apart=apart)


@pytest.mark.parametrize("plan", [FAULT_FREE, PLAN], ids=lambda plan: plan.name)
def test_it_gives_the_same_to_the_bit(engine, whole, apart, plan):
    here, there = both(engine, whole, plan, apart)
    assert len(here.stamp_ns) > 20
    for name in ("stamp_ns", "joints_m", "std_m", "weights", "truth_m", "frame_stamps_ns"):
        np.testing.assert_array_equal(getattr(there, name), getattr(here, name))
    assert there.heard == here.heard
    assert there.losses == here.losses
    assert there.changes == here.changes


def test_a_replay_that_is_left_does_not_hinder_the_next(engine, whole, apart):
    class Enough(Exception):
        pass

    class Observer:
        def states(self, time_ns, statuses):
            raise Enough

    with Bag([whole]) as bag:
        source = find_source(bag, engine, {}, None)
        with pytest.raises(Enough):
            replay(engine, bag, source, FAULT_FREE, Observer(), apart)
        found = replay(engine, bag, source, FAULT_FREE, apart=apart)
    assert len(found.stamp_ns) > 20


def test_what_cannot_be_read_there_is_told(engine, whole, apart, tmp_path):
    path = tmp_path / "cut.mcap"
    data = next(whole.glob("*.mcap")).read_bytes()
    path.write_bytes(data[: len(data) * 2 // 3])
    here, there = both(engine, path, FAULT_FREE, apart)
    assert any("ends early" in loss for loss in here.losses)
    assert there.losses == here.losses


def test_a_bag_that_is_gone_is_told(engine, whole, apart, tmp_path):
    path = tmp_path / "bag.mcap"
    path.write_bytes(next(whole.glob("*.mcap")).read_bytes())
    with Bag([path]) as bag:
        source = find_source(bag, engine, {}, None)
        path.unlink()
        with pytest.raises((PtaError, OSError), match=r"bag\.mcap"):
            replay(engine, bag, source, FAULT_FREE, apart=apart)
