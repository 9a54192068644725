"""What a recording of one's own room can teach: which instants count, and how time divides them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pta_ros.datasets.reduced import ReducedSet
from pta_ros.errors import DatasetError
from pta_ros.frames import FloatArray
from pta_ros.people.centred import trunk

#: The sensor that is taught.
TAUGHT = "csi"
#: Shares of the instants that train, and that train or calibrate; the rest judges.
TRAIN, CALIBRATE = 0.7, 0.8
#: Between the parts so much is left out: neighbours in time are alike.
_GAP_S = 2.0
LEAST_S = 60.0
#: A teacher whose mean deviation (metres, one sigma) is larger does not know where the person is.
UNSURE_M = 0.15
_STILL_M = 0.03
_SPOT_M, _SPOT_SHARE = 0.3, 0.9


@dataclass(frozen=True, eq=False)
class Lesson:
    """N instants of one room in any order: `data` with the teacher's joints, `times_s` (N,).

    `deviation_m` (N,) is the mean one of the teacher's joints. `repeats` counts frames of the
    taught sensor that are not in `data` because they repeated the one before.
    """

    data: ReducedSet
    times_s: NDArray[np.float64]
    deviation_m: FloatArray
    repeats: int = 0


@dataclass(frozen=True, eq=False)
class Parts:
    """Row numbers, in order of time: they train, calibrate and judge; `seconds` of them all."""

    train: NDArray[np.int64]
    calibrate: NDArray[np.int64]
    judge: NDArray[np.int64]
    left_out: dict[str, int]
    seconds: float


def divide(lesson: Lesson) -> Parts:
    """The instants that count, divided by time; raises DatasetError where they cannot teach."""
    rows, left_out = _usable(lesson)
    times = lesson.times_s
    first, second = (rows[int(share * len(rows))] for share in (TRAIN, CALIBRATE))
    early, late = times[rows] < times[first], times[rows] >= times[second]
    between = ~early & ~late
    train = rows[early & (times[rows] < times[first] - _GAP_S)]
    calibrate = rows[between & (times[rows] < times[second] - _GAP_S)]
    left_out["between the parts"] = int(early.sum() + between.sum() - len(train) - len(calibrate))
    return Parts(train, calibrate, rows[late], left_out, _seconds(times[rows], rows.size))


def _usable(lesson: Lesson) -> tuple[NDArray[np.int64], dict[str, int]]:
    """Rows of instants with the sensor and a sure teacher, and how many others there are."""
    data = lesson.data
    order = np.argsort(lesson.times_s, kind="stable")
    there = data.present[TAUGHT][order]
    _check_frozen(lesson, order[there])
    told = np.isfinite(data.joints[order]).all(axis=(1, 2))
    seen = order[there & told]
    _check_long(_seconds(lesson.times_s, len(seen)), "with the teacher and CSI")
    sure = lesson.deviation_m[seen] <= UNSURE_M
    if sure.mean() < 0.5:
        raise DatasetError(
            f"the teacher is unsure in {100 * (1 - sure.mean()):.0f} % of the instants (deviation "
            f"above {UNSURE_M} m); expected less than half: record where depth and LiDAR see the "
            "person well"
        )
    rows = seen[sure]
    _check_long(_seconds(lesson.times_s, len(rows)), "with a sure teacher and CSI")
    _check_moves(data.joints[rows])
    left_out = {
        "without CSI": int((~there).sum()),
        "without a teacher": int((there & ~told).sum()),
        "teacher unsure": int((~sure).sum()),
    }
    return rows, left_out


def _seconds(times_s: NDArray[np.float64], count: int) -> float:
    """What `count` instants last, at the usual step between all (N,)."""
    return count * float(np.median(np.diff(np.sort(times_s)))) if len(times_s) > 1 else 0.0


def _check_long(seconds: float, what: str) -> None:
    if seconds < LEAST_S:
        raise DatasetError(
            f"{seconds:.0f} s of instants {what}; expected {LEAST_S:.0f} s or more, better ten "
            "minutes: record longer, and see that all sensors are on"
        )


def _check_frozen(lesson: Lesson, rows: NDArray[np.int64]) -> None:
    """Raise DatasetError where most frames of the taught sensor repeat the one before."""
    same, last = lesson.repeats, None
    for row in rows:
        frame = np.asarray(lesson.data.inputs[TAUGHT][np.array([row])])
        same += last is not None and np.array_equal(frame, last)
        last = frame
    count = len(rows) + lesson.repeats
    if same > 0.5 * count:
        raise DatasetError(
            f"CSI is frozen: {same} of {count} frames repeat the one before; expected new readings "
            "each time: restart the receiver and record again"
        )


def _check_moves(joints: FloatArray) -> None:
    """Raise DatasetError for joints (N, 17, 3) over time that show one pose or one spot."""
    spread = float(np.sqrt(joints.var(axis=0).sum(axis=-1)).mean())
    if spread < _STILL_M:
        raise DatasetError(
            f"the person never moved: joints spread by {spread:.3f} m over time; expected "
            f"{_STILL_M} m or more: walk through the whole room while you record"
        )
    places = trunk(joints)
    off = np.linalg.norm(places - np.median(places, axis=0), axis=1)
    within = float((off <= _SPOT_M).mean())
    if within >= _SPOT_SHARE:
        raise DatasetError(
            f"the person stayed in one spot: {100 * within:.0f} % of the time within {_SPOT_M} m; "
            f"expected less than {100 * _SPOT_SHARE:.0f} %: walk through the whole room while you "
            "record"
        )
