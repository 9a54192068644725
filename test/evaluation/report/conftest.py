"""Made-up replays: a walking figure, a fusion that errs by a rule, states as told."""

from __future__ import annotations

import numpy as np
import pytest

from pta_ros.evaluation.faults.injector import Fault
from pta_ros.evaluation.replay.record import Change, Moment, Replayed
from pta_ros.evaluation.report.files import Context
from pta_ros.frames import StreamState, StreamStatus
from pta_ros.simulate import motion
from pta_ros.simulate.actions import action
from pta_ros.simulate.body import Subject
from pta_ros.simulate.kinematics import solve
from pta_ros.skeleton import BONES

MODALITIES = ("depth", "lidar", "csi")
BEGIN_NS, RATE_HZ = 1_700_000_000_000_000_000, 10.0
WEIGHTS = {"depth": 0.68, "lidar": 0.25, "csi": 0.07}
#: The made-up fusion errs by this many mm with the best sensor that it uses.
ERROR_MM = {"depth": 37.0, "lidar": 52.0, "csi": 200.0}
STAGES_MS = {"sample": 0.1, "encode": 3.0, "model": 4.0, "infer": 7.2, "finish": 0.2}


def walk(times_s):
    """Joints (N, 17, 3) in the camera frame, metres: a person of the simulator moves its arms."""
    subject = Subject.from_seed(7, 3)
    varied = motion.Variation.draw(7, 3, 1)
    joints = solve(subject, motion.channels(subject, action(13), times_s, varied))
    return (joints * [1.0, -1.0, -1.0] + [0.1, 1.0, 3.0]).astype(np.float32)


def _states(told, times_s):
    """State of one stream at each time; told: (seconds, state, reason), LIVE from 0.2 s before."""
    told = [(0.2, "LIVE", ""), *told]
    found = ["MISSING"] * len(times_s)
    for begin, state, _ in told:
        found = [state if t >= begin else s for s, t in zip(found, times_s, strict=True)]
    return found, [(begin, state, reason) for begin, state, reason in told]


def _made_up(
    name="fault-free", faults=(), states=None, worse=None, truth=True, seconds=30.0, losses=()
):
    """A replay whose streams are in the states told, by modality.

    `worse` (begin, end, mm) adds to the error between two times.
    """
    times = np.arange(0.3, seconds, 1.0 / RATE_HZ)
    used, changes, statuses = _streams(states or {}, times, round(seconds * RATE_HZ))
    kept = used.any(axis=1)
    times, used = times[kept], used[kept]
    stamps = BEGIN_NS + np.rint(times * 1e9).astype(np.int64)
    real = walk(times)
    aside = np.array([0.6, 0.0, 0.8]) * np.linspace(0.5, 1.5, 17)[:, None]
    wrong_mm = _errors_mm(times, used, worse)[:, None, None]
    run = Replayed(
        name=name, faults=tuple(faults), begin_ns=BEGIN_NS, end_ns=BEGIN_NS + int(seconds * 1e9),
        modalities=MODALITIES, stamp_ns=stamps,
        joints_m=(real + aside * wrong_mm / 1e3).astype(np.float32),
        std_m=np.full((len(times), 17), 0.03, np.float32), weights=_weights(used), used=used,
        frame_stamps_ns=np.where(used, stamps[:, None], 0),
        timings_ms={s: np.full(len(times), ms, np.float32) for s, ms in STAGES_MS.items()},
        truth_m=real if truth else np.full_like(real, np.nan),
        changes=changes, statuses=statuses, moments=(), losses=tuple(losses),
    )  # fmt: skip
    return Replayed(**{**vars(run), "moments": _moments(run)})


def _streams(states, times_s, messages):
    """Which sensors are used at each time (N, 3), the changes of state, the statuses at the end."""
    used, changes, statuses = np.zeros((len(times_s), 3), bool), [], []
    for column, modality in enumerate(MODALITIES):
        found, told = _states(states.get(modality, []), times_s)
        used[:, column] = [state == "LIVE" for state in found]
        changes += [Change(BEGIN_NS + int(t * 1e9), modality, s, why) for t, s, why in told]
        lost = int(np.count_nonzero(~used[:, column]))
        counts = {"received": messages - lost, "lost": lost}
        statuses.append(StreamStatus(modality, StreamState[found[-1]], 0.05, 10.0, **counts))
    return used, tuple(sorted(changes, key=lambda c: c.time_ns)), tuple(statuses)


def _weights(used):
    shares = np.where(used, list(WEIGHTS.values()), 0.0)
    return (shares / shares.sum(axis=1, keepdims=True)).astype(np.float32)


def _errors_mm(times_s, used, worse):
    """What the made-up fusion gets wrong at each time, by its best sensor."""
    best = np.where(used, list(ERROR_MM.values()), np.inf).min(axis=1, initial=np.inf)
    errors = best * (1.0 + 0.3 * np.sin(times_s) + 0.1 * np.cos(7 * times_s))
    if worse:
        errors[(times_s >= worse[0]) & (times_s < worse[1])] += worse[2]
    return errors


def _moments(run, count=2):
    errors = run.error_mm if np.isfinite(run.error_mm).any() else np.arange(len(run.stamp_ns))
    moments = []
    for row in np.argsort(-errors, kind="stable")[: count * 7 : 7]:
        body = walk((run.stamp_ns[[row]] - BEGIN_NS) / 1e9)[0]
        seen = {"depth": depth_of(body), "lidar": cloud_of(body), "csi": csi_of(int(row))}
        truth = run.truth_m[row] if np.isfinite(run.truth_m[row]).all() else None
        moments.append(
            Moment(
                stamp_ns=int(run.stamp_ns[row]), error_mm=float(run.error_mm[row]),
                frames={m: seen[m] for m, u in zip(MODALITIES, run.used[row], strict=True) if u},
                joints_m=run.joints_m[row], truth_m=truth,
                weights={m: float(w) for m, w in zip(MODALITIES, run.weights[row], strict=True)},
            )
        )  # fmt: skip
    return tuple(moments)


def _flesh(body, count):
    """Points around the bones."""
    rng = np.random.default_rng(1)
    bones = np.array(BONES)[rng.integers(0, len(BONES), count)]
    along = rng.random((count, 1))
    middle = body[bones[:, 0]] * along + body[bones[:, 1]] * (1 - along)
    return (middle + 0.05 * rng.standard_normal((count, 3))).astype(np.float32)


def depth_of(body):
    """A depth map (96, 128): the figure before a wall."""
    depth = np.full((96, 128), 4.2, np.float32)
    depth[:6] = 0.0
    points = _flesh(body, 6000)
    column = (570 * points[:, 0] / points[:, 2] + 319.5) / 5
    row = (570 * points[:, 1] / points[:, 2] + 239.5) / 5
    rows, columns = np.clip(row, 0, 95).astype(int), np.clip(column, 0, 127).astype(int)
    depth[rows, columns] = points[:, 2]
    return depth


def cloud_of(body):
    """A cloud (512, 3) in the LiDAR frame."""
    points = _flesh(body, 512)
    return np.stack([points[:, 2], -points[:, 0], -points[:, 1]], axis=1)


def csi_of(seed):
    """Amplitudes (3, 114, 10) with a ripple."""
    rng = np.random.default_rng(seed)
    ripple = 1 + 0.3 * np.sin(np.arange(114) / 9 + rng.random((3, 1)) * 6)
    return (ripple[:, :, None] + 0.05 * rng.standard_normal((3, 114, 10))).astype(np.float32)


@pytest.fixture(scope="session")
def made_up():
    """A maker of replays; see its arguments."""
    return _made_up


@pytest.fixture(scope="session")
def context():
    """What the made-up replays claim to come from."""
    return Context(
        bags=("made_up/walk_01",),
        topics={"depth": "/depth/image", "lidar": "/lidar/points", "csi": "/wifi/csi"},
        model="models/mmfi_lite", command="evaluate_bag made_up/walk_01",
        model_synthetic=True, data_synthetic=True, settings={"tracks": True},
    )  # fmt: skip


@pytest.fixture(scope="session")
def silent_lidar():
    """A fault of ten seconds, and the states it leads to."""
    fault = Fault("drop", "lidar", 10.0, 20.0, 1.0)
    states = {"lidar": [(10.3, "STALE", "no new frame for 0.31 s"), (20.4, "LIVE", "")]}
    return fault, states


@pytest.fixture
def activity_run(made_up):
    """Seven seconds of activities: a right answer, a wrong one, one not judged, one after a gap."""
    seconds = np.array([0.5, 1.0, 1.5, 2.0, 7.0])
    stamps = BEGIN_NS + (seconds * 1e9).astype(np.int64)
    count = len(seconds)
    return Replayed(
        name="fault-free", faults=(), begin_ns=BEGIN_NS, end_ns=BEGIN_NS + 8 * 10**9,
        modalities=MODALITIES, stamp_ns=stamps,
        joints_m=np.zeros((count, 0, 3), np.float32), std_m=np.zeros((count, 0), np.float32),
        weights=_weights(np.ones((count, 3), bool)), used=np.ones((count, 3), bool),
        frame_stamps_ns=np.repeat(stamps[:, None], 3, axis=1), timings_ms={},
        truth_m=np.zeros((count, 0, 3), np.float32), changes=(), statuses=(), moments=(), losses=(),
        classes=("walk", "run"), class_id=np.array([0, 0, 1, 1, 1]),
        confidence=np.full(count, 0.9, np.float32), true_class=np.array([0, 0, 0, -1, -1]),
        window_s=0.5, true_spans=((BEGIN_NS, BEGIN_NS + 2 * 10**9, 0),),
    )  # fmt: skip
