"""What a report is about, beside the replays: bag, model, command, settings."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pta_ros.frames import FloatArray
from pta_ros.sensors.depth import DepthSensor


@dataclass(frozen=True, eq=False)
class Context:
    """Where the replays come from.

    `topics` by modality (and "ground truth", when there is one). `data_synthetic` None: not known.
    `settings` are plain values (texts, numbers, lists, mappings). `camera` gives the intrinsics
    that project skeletons; `lidar_to_camera` (4, 4) moves points from the frame in which the model
    takes clouds to that of its skeletons, None: only the axes are turned, and the report says so.
    """

    bags: tuple[str, ...]
    topics: dict[str, str]
    model: str
    command: str
    model_synthetic: bool
    data_synthetic: bool | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    camera: DepthSensor = field(default_factory=DepthSensor)
    lidar_to_camera: FloatArray | None = None
