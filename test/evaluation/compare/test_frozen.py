"""Frames of a data set through the live streams: a frozen sensor is noticed, a moving one used."""

from types import SimpleNamespace

import numpy as np
import torch

from pta_ros.evaluation.compare.corrupted import frozen_in_use, in_use

RNG = np.random.default_rng(0)
FRAMES = RNG.random((6, 4, 3), dtype=np.float32)


def test_a_sensor_that_moves_is_in_use_and_one_that_repeats_itself_is_not():
    assert in_use("lidar", list(FRAMES))
    assert not in_use("lidar", [FRAMES[0], FRAMES[1], FRAMES[1], FRAMES[1]])
    assert in_use("lidar", [FRAMES[1], FRAMES[1], FRAMES[1], *FRAMES[2:]])  # it came back


def test_a_frozen_frame_counts_as_long_as_the_stream_uses_it():
    data = SimpleNamespace(
        subject=np.repeat("S01", 6),
        action=np.repeat("A01", 6),
        present={"lidar": np.ones(6, bool)},
        inputs={"lidar": FRAMES},
    )
    assert not bool(frozen_in_use(data, "lidar", torch.arange(6)).any())
