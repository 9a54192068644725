"""A model of people on MM-Fi's own layout: one camera and one LiDAR in a fixed place, one person.

Poses of the sensors are those of the package's simulator: a level camera, the LiDAR above it
(simulate/room.py). Of everybody found the nearest to the truth, seen from above, is judged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pta_ros.datasets.mmfi import Clip, MmfiTree
from pta_ros.errors import DatasetError
from pta_ros.fusion.people import PeopleEstimator, Person
from pta_ros.metrics.evaluate import SubsetResult, pose_result
from pta_ros.metrics.markdown import grid
from pta_ros.metrics.presence import match
from pta_ros.metrics.subsets import spaced, subset_name, subsets
from pta_ros.people.readings import OPTICAL, DepthReading, LidarReading, Readings
from pta_ros.sensors.camera import Intrinsics
from pta_ros.simulate.room import CAMERA_HEIGHT, LIDAR_ABOVE_CAMERA
from pta_ros.simulate.scene import CameraModel

Array = NDArray[np.float64]

_PLACES = {
    "depth": np.array([0.0, 0.0, CAMERA_HEIGHT]),
    "lidar": np.array([0.0, 0.0, CAMERA_HEIGHT + LIDAR_ABOVE_CAMERA]),
}


def evaluate_mmfi(
    root: Path,
    estimator: PeopleEstimator,
    subjects: Sequence[str] | None,
    progress: Callable[[int, int], None],
) -> tuple[str, dict[str, Any]]:
    """A table as Markdown, and its figures, of `subjects` (S01 ..); None takes everybody.

    Raises DatasetError when a subject is not in the tree.
    """
    tree = MmfiTree(root)
    wanted = tree.subjects if subjects in (None, ["all"]) else tuple(subjects or ())
    if missing := sorted({*wanted} - {*tree.subjects}):
        raise DatasetError(f"subjects {missing} are not in the tree; expected {tree.subjects}")
    clips = [clip for clip in tree.clips if clip.subject in wanted]
    sets = subsets(estimator.modalities)
    pairs: dict[tuple[str, ...], list[tuple[Array, Person]]] = {chosen: [] for chosen in sets}
    frames = 0
    for done, clip in enumerate(clips, start=1):
        for readings, truth in instants(clip):
            frames += 1
            for chosen in sets:
                given = Readings(**{m: getattr(readings, m) for m in chosen})
                if (found := match(truth[None], estimator(given)).get(0)) is not None:
                    pairs[chosen].append((truth, found))
        progress(done, len(clips))
    results = [_result(chosen, own) for chosen, own in pairs.items() if own]
    report = {
        "model": estimator.source.name,
        "subjects": list(wanted),
        "frames": frames,
        "results": [asdict(result) for result in results],
    }
    return _table(results, frames), report


def instants(clip: Clip) -> Iterator[tuple[Readings, Array]]:
    """Every frame's readings in the level frame, and its joints (17, 3) there."""
    camera = CameraModel()
    lens = Intrinsics(camera.width, camera.height, camera.fx, camera.fy, camera.cx, camera.cy)
    for number in clip.frame_numbers:
        depth, points = clip.read("depth", number), clip.read("lidar", number)
        yield (
            Readings(
                depth=None
                if depth is None
                else DepthReading(depth, lens, OPTICAL, _PLACES["depth"]),
                lidar=None
                if points is None
                else LidarReading.of(points, np.eye(3), _PLACES["lidar"]),
            ),
            clip.joints(number) @ OPTICAL.T + _PLACES["depth"],
        )


def _result(chosen: tuple[str, ...], pairs: list[tuple[Array, Person]]) -> SubsetResult:
    truth, joints, deviation = (
        np.array(values)
        for values in zip(*((t, p.joints, p.deviation_m) for t, p in pairs), strict=True)
    )
    return pose_result(subset_name(chosen), joints, deviation, truth)


def _table(results: Sequence[SubsetResult], frames: int) -> str:
    rows = [
        [spaced(r.subset), f"{r.frames / frames:.1%}", f"{r.mpjpe_mm:.1f}", f"{r.pa_mpjpe_mm:.1f}",
         f"{r.coverage_1std:.0%}", f"{r.coverage_2std:.0%}"]
        for r in results
    ]  # fmt: skip
    header = ["subset", f"found of {frames} frames", "MPJPE mm", "PA-MPJPE mm"]
    return grid([*header, "within 1 std", "within 2 std"], rows)
