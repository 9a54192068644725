"""A wide tree reduced once: the bird's-eye grid of every frame, and every person centred.

Poses of sensors are never known exactly: each clip is tilted and raised by a little, and each
centre is moved, as a search will miss it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from pta_ros.datasets.arrays import Halves, Layout, array_writer, read_arrays, read_or_make
from pta_ros.datasets.empty import PLACES, empty_places
from pta_ros.datasets.reduced import ReducedSet
from pta_ros.datasets.wide import SCENES, Clip, clips_of
from pta_ros.people import birdseye, centred
from pta_ros.people.centred import CLOUD_SHAPE, PATCH_SHAPE
from pta_ros.people.readings import LidarReading, Readings
from pta_ros.workers.workforce import EVERY_CORE, Workforce

FORMAT = 6
NOBODY = 255
#: Most people of a frame, and most filled voxels that are kept of one.
MOST_PEOPLE, VOXELS = 4, 16_384
#: Who shows a sensor fewer joints, pixels or points than this is hidden from it.
VISIBLE_JOINTS, VISIBLE_COUNTS = 4, (60, 15)
#: Deviations of a sensor's assumed tilt (degrees) and height (metres), and of a found centre.
_TILT_DEG, _HEIGHT_M, _CENTRE_M = 2.5, 0.15, (0.05, 0.05, 0.06)


@dataclass(frozen=True, eq=False)
class PeopleSet:
    """F frames to search people in, and the N people that are seen, centred.

    `voxels` (F, VOXELS) indices, -1 for none, `values` likewise; `centres` (F, 4, 3) metres, NaN
    for nobody; `visible` (F, 4, 2): to depth, to LiDAR; `frame_split` (F,) 0, 1, 2. `people` has a
    row for each person and frame, joints in the centred frame, and two for places in the frame with
    nobody (datasets/empty.py): their joints are NaN. As on a robot a sensor is present that shows
    anything of the place, be it a wall in front of the person; `people.sees` tells those that see
    the person. `sight` (N, 2, 17): joints that the sensors see; `who` (N,): the person's number in
    the clip, NOBODY for none.
    """

    voxels: NDArray[np.int32]
    values: NDArray[np.float16]
    centres: NDArray[np.float32]
    visible: NDArray[np.bool_]
    frame_split: NDArray[np.uint8]
    people: ReducedSet
    sight: NDArray[np.bool_]
    who: NDArray[np.uint8]

    def frames_of(self, split: str) -> NDArray[np.int64]:
        """Numbers of a split's frames."""
        return np.flatnonzero(self.frame_split == list(SCENES).index(split))


def people_set(
    root: Path,
    cache: Path,
    progress: Callable[[int, int], None] = lambda done, total: None,
    workforce: Workforce = EVERY_CORE,
) -> PeopleSet:
    """Reduce the wide tree at `root`, or read the result of an earlier call from `cache`.

    Raises DatasetError when the tree is not there or not whole.
    """
    folders = [(split, f) for split in SCENES for f in clips_of(root, split)]
    clips = [Clip.open(folder) for _, folder in folders]
    splits = [list(SCENES).index(split) for split, _ in folders]
    named = [[*c.folder.parts[-2:], *c.people.shape, len(c.frames)] for c in clips]
    listed = [FORMAT, str(root.resolve()), named]
    fingerprint = hashlib.sha256(json.dumps(listed).encode()).hexdigest()[:16]
    rows = sum(int(_seen(clip).sum()) + PLACES * len(clip.frames) for clip in clips)
    layout = _layout(sum(len(c.frames) for c in clips), rows)

    def write(folder: Path) -> None:
        tasks = list(zip(clips, splits, strict=True))
        reduced = workforce.in_order(_reduced, tasks)
        with array_writer(folder, layout) as append, closing(reduced):
            for done, arrays in enumerate(reduced, start=1):
                for name, part in arrays.items():
                    append(name, part)
                progress(done, len(clips))

    read = partial(_read, layout=layout, fingerprint=fingerprint)
    return read_or_make(cache / f"people-{fingerprint}", layout, read, write)


def visible(clip: Clip) -> NDArray[np.bool_]:
    """Whom (T, P, 2) depth and LiDAR see well enough."""
    enough = (clip.sight.sum(axis=3) >= VISIBLE_JOINTS) & (
        clip.counts >= np.array(VISIBLE_COUNTS)[:, None]
    )
    seen: NDArray[np.bool_] = np.moveaxis(np.asarray(enough), 1, 2)
    return seen


def _seen(clip: Clip) -> NDArray[np.bool_]:
    """Who (frames, P) is seen by any sensor, at the instants of `clip.frames`."""
    return np.asarray(visible(clip).any(axis=2))[list(clip.frames)]


def _layout(frames: int, rows: int) -> Layout:
    return {
        "voxels": ("<i4", (frames, VOXELS)),
        "values": ("<f2", (frames, VOXELS)),
        "centres": ("<f4", (frames, MOST_PEOPLE, 3)),
        "visible": ("|b1", (frames, MOST_PEOPLE, 2)),
        "frame_split": ("|u1", (frames,)),
        "depth": ("<f2", (rows, *PATCH_SHAPE)),
        "lidar": ("<f2", (rows, *CLOUD_SHAPE)),
        "present": ("|b1", (rows, 2)),
        "sees": ("|b1", (rows, 2)),
        "joints": ("<f4", (rows, 17, 3)),
        "deviation": ("<f4", (rows, 17)),
        "sight": ("|b1", (rows, 2, 17)),
        "names": ("<U6", (rows, 3)),
        "number": ("<i4", (rows,)),
        "who": ("|u1", (rows,)),
    }


def _reduced(task: tuple[Clip, int]) -> dict[str, NDArray[Any]]:
    """The rows of one clip, of a split, in every array of the layout."""
    clip, split = task
    scene, subject, action = clip.folder.parts[-3:]
    digest = hashlib.sha256(f"{split} {subject}".encode()).digest()
    rng = np.random.default_rng(int.from_bytes(digest[:8], "little"))
    tilt = _Tilt.draw(rng)
    frames, people = len(clip.frames), clip.people.shape[1]
    seen = visible(clip)
    rows = _seen(clip)
    layout = _layout(frames, int(rows.sum()) + PLACES * frames)
    out = {name: np.zeros(shape, dtype) for name, (dtype, shape) in layout.items()}
    out["voxels"][:], out["centres"][:], out["frame_split"][:] = -1, np.nan, split
    out["names"][:] = (scene, subject, action)
    out["joints"][:], out["who"][:] = np.nan, NOBODY
    row = 0
    for frame, number in enumerate(clip.frames):
        readings = tilt.readings(clip.readings(number))
        joints = tilt.points(clip.people[number].astype(np.float64))
        index, values = birdseye.fill(readings)
        kept = np.sort(rng.permutation(len(index))[:VOXELS])
        out["voxels"][frame, : len(kept)], out["values"][frame, : len(kept)] = (
            index[kept], values[kept])  # fmt: skip
        out["centres"][frame, :people] = centred.trunk(joints)
        out["visible"][frame, :people] = seen[number]
        for who in np.flatnonzero(rows[frame]):
            missed = np.clip(rng.normal(0.0, _CENTRE_M), -0.15, 0.15)
            centre = centred.centre_at(centred.trunk(joints[who]) + missed, readings)
            _look(out, row, readings, centre)
            out["sees"][row] = out["present"][row] & seen[number, who]
            out["joints"][row], out["sight"][row] = (
                centre.to_centred(joints[who]), clip.sight[number][:, who])  # fmt: skip
            out["number"][row], out["who"][row] = number, who
            out["deviation"][row] = clip.deviation[number, who]
            row += 1
        trunks = centred.trunk(joints)[np.isfinite(joints[:, 0, 0]), :2]
        for place in empty_places(readings, index, trunks, rng):
            if place is not None:
                _look(out, row, readings, centred.centre_at(place, readings))
                out["sees"][row] = out["present"][row]
            out["number"][row] = number
            row += 1
    return out


def _look(
    out: dict[str, NDArray[Any]], row: int, readings: Readings, centre: centred.Centre
) -> None:
    """Fill a row with what is around `centre`, of the sensors that show anything there."""
    depth, lidar = readings.depth, readings.lidar
    patch = centred.depth_patch(depth, centre) if depth else None
    cloud = centred.lidar_cloud(lidar, centre) if lidar else None
    for column, (name, reading) in enumerate({"depth": patch, "lidar": cloud}.items()):
        if reading is not None:
            out[name][row], out["present"][row, column] = reading, True


@dataclass(frozen=True, eq=False)
class _Tilt:
    """A small error of what is known of the robot: its sensors turned and raised together."""

    turn: NDArray[np.float64]
    up_m: float
    pivot: NDArray[np.float64]

    @classmethod
    def draw(cls, rng: np.random.Generator) -> _Tilt:
        angles = np.clip(rng.normal(0.0, _TILT_DEG, 2), -10, 10)
        turn = Rotation.from_euler("xy", angles, degrees=True).as_matrix()
        up = float(np.clip(rng.normal(0.0, _HEIGHT_M), -0.3, 0.3))
        return cls(np.asarray(turn), up, np.array([0.0, 0.0, 1.0]))

    def points(self, points: NDArray[np.floating]) -> NDArray[np.float64]:
        moved = (points - self.pivot) @ self.turn.T + self.pivot
        return np.asarray(moved + np.array([0.0, 0.0, self.up_m]))

    def readings(self, readings: Readings) -> Readings:
        depth, lidar = readings.depth, readings.lidar
        if depth is not None:
            turn, place = self.turn @ depth.rotation, self.points(depth.place)
            depth = replace(depth, rotation=turn, place=place)
        if lidar is not None:
            cloud = self.points(lidar.cloud).astype(np.float32)
            lidar = LidarReading(cloud, self.points(lidar.place))
        return Readings(depth, lidar)


def _read(folder: Path, layout: Layout, fingerprint: str) -> PeopleSet:
    arrays = read_arrays(folder, layout)
    names, sensors = arrays["names"], ("depth", "lidar")
    shown, sees = (np.array(arrays[name]).T for name in ("present", "sees"))
    people = ReducedSet(
        inputs={m: Halves(arrays[m]) for m in sensors},
        present=dict(zip(sensors, shown, strict=True)),
        sees=dict(zip(sensors, sees, strict=True)),
        joints=arrays["joints"],
        scene=names[:, 0],
        subject=names[:, 1],
        action=names[:, 2],
        number=arrays["number"],
        problems=(),
        fingerprint=fingerprint,
        deviation_m=arrays["deviation"],
    )
    return PeopleSet(
        arrays["voxels"], arrays["values"], arrays["centres"], arrays["visible"],
        arrays["frame_split"], people, arrays["sight"], arrays["who"],
    )  # fmt: skip
