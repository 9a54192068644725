"""Two modalities side by side: when one is late, and when it is not lateness that parts them."""

import numpy as np
import pytest

from pta_ros.clock import to_ns
from pta_ros.tracks.comparison import Look
from pta_ros.tracks.pairs import Guilt, Pair, PairConfig

RATE_HZ, DEVIATION_M, LAG_S = 10, 0.03, 0.3
SIDE = np.array([0.0, 1.0, 0.0])


def look(change, speed_mps):
    """A frame of a modality that is `change` (3,) metres off the track, beside a moving person."""
    velocity = np.broadcast_to(speed_mps * SIDE, (17, 3)).copy()
    off = np.broadcast_to(change, (17, 3)).copy()
    still, deviation = np.zeros((17, 3)), np.full(17, DEVIATION_M)
    off_m = float(np.linalg.norm(change))
    return Look(off, still, velocity, velocity, deviation, same=False, before=False, off_m=off_m)


def told(away, starts_s, seconds, sick):
    """Verdicts, frame by frame, of two of whom `sick` is off by `away(speed)` (3,) metres; the
    person sways from `starts_s` on."""
    pair, found = Pair(PairConfig()), []
    for number in range(round(seconds * RATE_HZ)):
        now_s = number / RATE_HZ
        speed = 1.0 * np.sin(3.0 * max(0.0, now_s - starts_s))
        looks = [look(np.zeros(3), speed), look(np.zeros(3), speed)]
        looks[sick] = look(away(speed), speed)
        pair.update(to_ns(now_s), 1.0 / RATE_HZ, {7: looks[0]}, {7: looks[1]})
        found.append(pair.guilty())
    return found


@pytest.mark.parametrize("sick", [0, 1])
def test_who_does_not_begin_to_move_with_the_other_is_late(sick):
    found = told(lambda speed: -LAG_S * speed * SIDE, 1.0, 2.0, sick)
    assert not any(found[:11])
    assert found[-1] == Guilt(sick, late=True)
    assert next(n for n, guilt in enumerate(found) if guilt) <= 15


@pytest.mark.parametrize("sick", [0, 1])
@pytest.mark.parametrize("lag_s", [-0.15, 0.15])
def test_a_distance_that_lateness_does_not_make_blames_nobody(sick, lag_s):
    """As of a mirrored sensor, whose distance goes a little with the motion, by chance."""
    found = told(lambda speed: np.array([0.9, 0.0, 0.4]) - lag_s * speed * SIDE, 1.0, 5.0, sick)
    assert not any(found)
