"""What a demo is compared with: the mean pose, and the model without the sensor that fails.

The simulator's frames are made again from its seed and fed to the engine that the live node runs,
with the same parameters, without that stream. It loads torch and open3d.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from pta_ros.demo.records import Joints, Run, Span, Tick
from pta_ros.errors import CheckpointError
from pta_ros.frames import FloatArray, Frame
from pta_ros.fusion.engine import Engine
from pta_ros.fusion.pipeline import FusionPipeline
from pta_ros.metrics.pose import mpjpe
from pta_ros.simulate.recording import Session, SimFrame

#: Ticks before the phase that fill the streams and the smoother.
_RUN_UP = 10


def physical(frame: SimFrame, modality: str) -> FloatArray:
    """A simulated reading as the physical array that the sensor's decoder would give."""
    readings = {"lidar": frame.lidar_m, "csi": frame.csi}
    if modality == "depth":
        readings["depth"] = frame.depth_mm.astype(np.float32) / np.float32(1000.0)
    return np.asarray(readings[modality], dtype=np.float32)


@dataclass(frozen=True)
class Offline:
    """A started engine and the session whose frames it is to see."""

    engine: Engine
    session: Session

    def errors_mm(self, ticks: Iterable[Tick], without: str) -> dict[int, float]:
        """MPJPE (mm) per tick index, with the streams that were good at each tick but one."""
        pipeline = self.engine.pipeline()
        errors = {}
        for tick in ticks:
            self._push(pipeline, tick, without)
            estimate = pipeline.step(tick.stamp_ns)
            if estimate is not None:
                joints = estimate.joints_m.astype(np.float64)
                errors[tick.index] = 1e3 * float(mpjpe(joints[None], tick.joints_m[None])[0])
        return errors

    def _push(self, pipeline: FusionPipeline, tick: Tick, without: str) -> None:
        frame = self.session.frame(tick.index)
        for modality in pipeline.streams:
            if modality != without and tick.faults[modality] == "none":
                reading = physical(frame, modality)
                array = self.engine.sensors[modality].prepare(reading, "simulated")
                pipeline.push(Frame(modality, tick.stamp_ns, array, tick.stamp_ns), tick.stamp_ns)


def reference(run: Run, engine: Engine) -> dict[str, dict[int, float]]:
    """Per phase in which a stream turns corrupt or freezes: MPJPE (mm) per tick without it."""
    made = {name: run.session[name] for name in ("seed", "subject", "scene", "rate_hz")}
    engine.start()
    offline = Offline(engine, Session(*made.values()))
    found = {}
    for before, span, modality in corrupted(run):
        errors = offline.errors_mm((*before.ticks[-_RUN_UP:], *span.ticks), modality)
        inside = {tick.index for tick in span.ticks}
        found[span.name] = {i: error for i, error in errors.items() if i in inside}
    return found


def corrupted(run: Run) -> list[tuple[Span, Span, str]]:
    """(phase before, phase, modality) wherever a good stream turns corrupt or freezes."""
    return [
        (before, span, modality)
        for before, span in pairwise(run.spans)
        for modality, fault in span.faults.items()
        if fault in ("corrupt", "frozen") and before.faults[modality] == "none" and span.available
    ]


def mean_pose_m(engine: Engine) -> Joints:
    """The training set's mean pose (17, 3) of a model; raises CheckpointError without."""
    pose = np.asarray(engine.loaded.statistics.get("mean_pose_m", []), dtype=np.float64)
    if pose.shape != (17, 3):
        raise CheckpointError(
            f"model {engine.loaded.name}: statistics hold no mean_pose_m of 17 joints; "
            "train the model again"
        )
    return pose
