"""How right estimates are: one score each, of those that are to be judged."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pta_ros.demo.crowd import judge
from pta_ros.demo.records import Estimate, Joints, Run, Span
from pta_ros.metrics.pose import mpjpe

#: What the scores of each task are called.
METRIC = {"pose": "mpjpe_mm", "activity": "accuracy", "people": "mpjpe_mm"}


def scores(
    run: Run, estimates: Sequence[Estimate], pose_m: Joints | None = None
) -> NDArray[np.float64]:
    """MPJPE (mm) of skeletons, the mean of everybody's of people, of activities 100 where right
    and 0 where wrong; NaN: not known.

    A window that holds more than one activity is not judged, nor is a list of people without
    anybody who is there. `pose_m` (17, 3) is judged in place of every skeleton.
    """
    found = np.full(len(estimates), np.nan)
    for i, estimate in enumerate(estimates):
        tick = run.truth.get(estimate.stamp_ns)
        if tick is None:
            continue
        if run.task == "activity":
            found[i] = np.nan if tick.activity < 0 else 100.0 * (estimate.class_id == tick.activity)
        elif run.task == "people":
            errors = [one.error_mm.mean() for one in judge(tick, estimate).found]
            found[i] = np.mean(errors) if errors else np.nan
        else:
            joints_m = estimate.joints_m if pose_m is None else pose_m
            found[i] = 1e3 * mpjpe(joints_m[None], tick.joints_m[None])[0]
    return found


def expected(run: Run, span: Span) -> list[Estimate]:
    """The phase's estimates that used every sensor which sent good data, at that very instant.

    And no other sensor. These alone tell how accurate the fusion is: a late frame is the machine's.
    """
    return [
        e
        for e in run.within(span)
        if span.available
        and set(e.used) == set(span.available)
        and all(e.streams[m].used_ns == e.stamp_ns for m in span.available)
    ]
