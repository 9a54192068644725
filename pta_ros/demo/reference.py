"""What the model would have said without the failing stream: the same instants, offline.

The simulator's frames are made again from its seed and fed to the same sensors, pipeline and model
that the live node runs.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pta_ros import checkpoint
from pta_ros.demo.faults import transitions
from pta_ros.demo.records import Joints, Run, Tick
from pta_ros.errors import CheckpointError
from pta_ros.frames import FloatArray, Frame
from pta_ros.fusion.estimator import Estimator
from pta_ros.fusion.pipeline import FusionPipeline
from pta_ros.fusion.smoothing import OneEuroFilter, SmoothingConfig
from pta_ros.fusion.streams import Stream, StreamConfig
from pta_ros.metrics.pose import mpjpe
from pta_ros.sensors.base import Sensor
from pta_ros.simulate.recording import Session, SimFrame

#: Ticks before the phase that fill the streams and the smoother.
_RUN_UP = 10


@dataclass(frozen=True)
class ReferenceSettings:
    """How the live node ran its model: `smoothing` None means without."""

    refine: bool = True
    gate: bool = True
    smoothing: SmoothingConfig | None = None


def physical(frame: SimFrame, modality: str) -> FloatArray:
    """A simulated reading as the physical array that the sensor's decoder would give."""
    if modality == "depth":
        return frame.depth_mm.astype(np.float32) / np.float32(1000.0)
    return np.asarray(frame.lidar_m if modality == "lidar" else frame.csi, dtype=np.float32)


@dataclass(frozen=True)
class Offline:
    """A loaded model and the session whose frames it is to see."""

    sensors: dict[str, Sensor]
    estimator: Estimator
    session: Session
    settings: ReferenceSettings

    def errors_mm(self, ticks: Iterable[Tick], without: str) -> dict[int, float]:
        """MPJPE (mm) per tick index, with the streams that were good at each tick but one."""
        filter_ = OneEuroFilter(self.settings.smoothing) if self.settings.smoothing else None
        streams = {m: Stream(m, StreamConfig()) for m in self.sensors if m != without}
        pipeline = FusionPipeline(streams, self.estimator, filter_)
        errors = {}
        for tick in ticks:
            self._push(pipeline, tick)
            estimate = pipeline.step(tick.stamp_ns)
            if estimate is not None:
                joints = estimate.joints_m.astype(np.float64)
                errors[tick.index] = 1e3 * float(mpjpe(joints[None], tick.joints_m[None])[0])
        return errors

    def _push(self, pipeline: FusionPipeline, tick: Tick) -> None:
        frame = self.session.frame(tick.index)
        for modality in pipeline.streams:
            if tick.faults[modality] == "none":
                array = self.sensors[modality].prepare(physical(frame, modality), "simulated")
                pipeline.push(Frame(modality, tick.stamp_ns, array, tick.stamp_ns), tick.stamp_ns)


def reference(
    run: Run, loaded: checkpoint.Checkpoint, settings: ReferenceSettings
) -> dict[str, dict[int, float]]:
    """Per garbage or frozen phase: MPJPE (mm) per tick index without the failing stream."""
    told = run.session
    session = Session(told["seed"], told["subject"], told["scene"], told["rate_hz"])
    estimator = Estimator(loaded.model, "cpu", settings.refine, settings.gate)
    offline = Offline(loaded.sensors, estimator, session, settings)
    found = {}
    for before, span, modality, fault in transitions(run):
        if fault != "silent":
            errors = offline.errors_mm((*before.ticks[-_RUN_UP:], *span.ticks), modality)
            inside = {tick.index for tick in span.ticks}
            found[span.name] = {i: error for i, error in errors.items() if i in inside}
    return found


def mean_pose_m(loaded: checkpoint.Checkpoint, folder: Path) -> Joints:
    """The training set's mean pose (17, 3) from a checkpoint; raises CheckpointError without."""
    pose = np.asarray(loaded.statistics.get("mean_pose_m", []), dtype=np.float64)
    if pose.shape != (17, 3):
        raise CheckpointError(
            f"{folder}: statistics hold no mean_pose_m of 17 joints; train the model again"
        )
    return pose
