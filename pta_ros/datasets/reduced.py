"""A data set tree reduced once to the model's inputs, in memory-mapped arrays.

Decoding and reducing a frame costs more than a training step on it; a run reads the arrays only.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pta_ros.datasets import xrf55
from pta_ros.datasets.arrays import ArrayWriter, Layout, read_arrays, read_or_make
from pta_ros.datasets.mmfi import Clip, MmfiTree
from pta_ros.datasets.problems import Fault, check_policy, stop_if_fatal, survey
from pta_ros.datasets.xrf55 import Xrf55Clip, Xrf55Tree
from pta_ros.errors import DatasetError, DecodeError
from pta_ros.sensors import sensors_to_config
from pta_ros.sensors.base import Sensor

FORMAT = 3

#: The data sets that are read; a clip's frames are MM-Fi's frames, or XRF55's repeats.
Tree = MmfiTree | Xrf55Tree
AnyClip = Clip | Xrf55Clip

_NAMES = "<U6"


def open_tree(root: Path, modalities: Collection[str]) -> Tree:
    """The data set that has these modalities; raises DatasetError when it is not at `root`."""
    return Xrf55Tree(root) if set(modalities) <= set(xrf55.FOLDERS) else MmfiTree(root)


#: Frames of more values than this are not stored: a data set of full depth images would take
#: hundreds of gigabytes for the one time that a frozen encoder needs each of them.
LARGE = 200_000


class FramesOfTree:
    """Frames (N, *shape) of one modality, read and reduced anew whenever rows are asked for."""

    def __init__(
        self,
        modality: str,
        sensor: Sensor,
        clips: tuple[AnyClip, ...],
        present: NDArray[np.bool_],
    ) -> None:
        self._modality, self._sensor, self._present = modality, sensor, present
        self._frames = [(clip, number) for clip in clips for number in clip.frame_numbers]
        self.shape = (len(self._frames), *sensor.shape)

    def __getitem__(self, rows: NDArray[np.integer[Any]]) -> NDArray[np.float32]:
        """Frames of row numbers (B,); those that are not present hold zero."""
        frames = np.zeros((len(rows), *self._sensor.shape), np.float32)
        for frame, row in zip(frames, rows.tolist(), strict=True):
            if self._present[row]:
                clip, number = self._frames[row]
                array = clip.read(self._modality, number)
                assert array is not None
                frame[:] = self._sensor.prepare(array, str(clip.file(self._modality, number)))
        return frames


@dataclass(frozen=True, eq=False)
class ReducedSet:
    """N frames: inputs (N, *shape) and presence (N,) by modality, joints (N, 17, 3) metres.

    Rows of a modality that are not present hold nothing meaningful. `subject` and `action` are
    named as in the data set (S01, A01); `faults` names all that could not be used. `fingerprint`
    stands for the inputs: it changes when they do. Inputs take an array of row numbers; those of
    large frames are read from the tree each time.
    """

    inputs: Mapping[str, NDArray[np.float32] | FramesOfTree]
    present: dict[str, NDArray[np.bool_]]
    joints: NDArray[np.float32]
    scene: NDArray[np.str_]
    subject: NDArray[np.str_]
    action: NDArray[np.str_]
    number: NDArray[np.int32]
    faults: tuple[Fault, ...]
    fingerprint: str

    def __len__(self) -> int:
        return len(self.joints)

    @property
    def labels(self) -> NDArray[np.int64]:
        """Class of every frame (N,), from 0: the action's number less one."""
        return np.char.lstrip(self.action, "A").astype(np.int64) - 1

    @property
    def usable(self) -> NDArray[np.bool_]:
        """Which frames have at least one modality (N,)."""
        some: NDArray[np.bool_] = np.any(list(self.present.values()), axis=0)
        return some

    @property
    def clips(self) -> NDArray[np.str_]:
        """The clip of every frame, S01/A02, (N,)."""
        return np.char.add(np.char.add(self.subject, "/"), self.action)

    def rows_of(self, group: tuple[str, ...]) -> NDArray[np.int64]:
        """Row numbers of the usable frames of these subjects (S01) or clips (S01/A02)."""
        member = np.isin(self.subject, group) | np.isin(self.clips, group)
        return np.flatnonzero(member & self.usable)


def reduce_tree(
    tree: Tree,
    sensors: dict[str, Sensor],
    cache: Path,
    jobs: int = 0,
    progress: Callable[[int, int], None] = lambda done, total: None,
    on_fault: str = "skip",
) -> ReducedSet:
    """Reduce every frame of `tree`, or read the result of an earlier call from `cache`.

    What cannot be used is left out and listed in `faults`; with `on_fault` "fatal" the first fault
    raises DatasetError. `progress` is told (usable clips done, of all). Raises DatasetError when
    nothing is usable or the cache cannot be written, ConfigError for another `on_fault`.
    """
    check_policy(on_fault)
    clips, faults = survey(tree)
    stop_if_fatal(faults, on_fault)
    work = _Work(
        clips, tree.joints, faults, sensors, jobs or os.cpu_count() or 1, progress, on_fault
    )
    fingerprint = _fingerprint(tree, sensors)
    data = read_or_make(
        cache / f"reduced-{fingerprint}",
        work.layout,
        lambda folder: _read(folder, work, fingerprint),
        lambda folder: _write(folder, work, tree.root),
    )
    stop_if_fatal(data.faults, on_fault)
    return data


def _fingerprint(tree: Tree, sensors: dict[str, Sensor]) -> str:
    """Changes with the tree's files, their sizes and dates, and with the reduction settings."""
    settings = [FORMAT, str(tree.root.resolve()), sensors_to_config(sensors), tree.missing_clips]
    digest = hashlib.sha256(json.dumps(settings).encode())
    for clip in tree.clips:
        digest.update(f"\n{clip.scene} {clip.subject} {clip.action}\n{clip.stamp()}".encode())
    return digest.hexdigest()[:16]


@dataclass(frozen=True)
class _Work:
    """The usable clips, the faults known before their frames are read, and how to reduce them.

    `joints` is their number in the truth of a frame.
    """

    clips: tuple[AnyClip, ...]
    joints: int
    faults: list[Fault]
    sensors: dict[str, Sensor]
    jobs: int
    progress: Callable[[int, int], None]
    on_fault: str

    @property
    def layout(self) -> Layout:
        count = sum(len(clip.frame_numbers) for clip in self.clips)
        return {
            **{m: ("<f4", (count, *sensor.shape)) for m, sensor in _stored(self.sensors).items()},
            **{f"{m}_present": ("|b1", (count,)) for m in self.sensors},
            "joints": ("<f4", (count, self.joints, 3)),
            "names": (_NAMES, (count, 3)),
            "number": ("<i4", (count,)),
        }


@dataclass(frozen=True)
class _Job:
    clip: AnyClip
    sensors: dict[str, Sensor]


def _reduce_clip(job: _Job) -> tuple[dict[str, NDArray[Any]], list[Fault]]:
    """Reduce one clip: its rows of every array of the layout, and its faults."""
    clip, sensors, faults = job.clip, job.sensors, []
    numbers = clip.frame_numbers
    present = {m: np.zeros(len(numbers), bool) for m in sensors}
    stored = _stored(sensors)
    inputs = {m: np.zeros((len(numbers), *s.shape), np.float32) for m, s in stored.items()}
    for row, number in enumerate(numbers):
        for modality, sensor in sensors.items():
            try:
                array = clip.read(modality, number)
                if array is not None:
                    source = str(clip.file(modality, number))
                    reduced = sensor.prepare(array, source)
                    if modality in stored:
                        inputs[modality][row] = reduced
                    present[modality][row] = True
            except DecodeError as error:
                faults.append(Fault(f"unusable {modality} file", str(error)))
    arrays: dict[str, NDArray[Any]] = {
        **inputs,
        **{f"{m}_present": flags for m, flags in present.items()},
        "joints": clip.joints_of(numbers),
        "names": np.asarray([(clip.scene, *clip.pair)] * len(numbers), _NAMES),
        "number": np.asarray(numbers, "<i4"),
    }
    return arrays, faults


def _stored(sensors: dict[str, Sensor]) -> dict[str, Sensor]:
    """The sensors whose reduced frames are small enough to be kept."""
    return {m: s for m, s in sensors.items() if np.prod(s.shape) <= LARGE}


def _write(folder: Path, work: _Work, root: Path) -> None:
    faults, some = list(work.faults), False
    # Spawned, not forked: a parent that has used torch or ROS holds threads a fork would break.
    pool = ProcessPoolExecutor(work.jobs, mp_context=multiprocessing.get_context("spawn"))
    try:
        with ArrayWriter(folder, work.layout) as out:
            results = pool.map(_reduce_clip, [_Job(c, work.sensors) for c in work.clips])
            for done, (arrays, found) in enumerate(results, start=1):
                stop_if_fatal(found, work.on_fault)
                for name, rows in arrays.items():
                    out.append(name, rows)
                some = some or any(arrays[f"{m}_present"].any() for m in work.sensors)
                faults += found
                work.progress(done, len(work.clips))
    finally:
        pool.shutdown(cancel_futures=True)
    if not some:
        first = faults[0] if faults else "none"
        raise DatasetError(f"{root}: no usable frame; first fault: {first}")
    text = json.dumps([[fault.kind, fault.what] for fault in faults], indent=1)
    (folder / "faults.json").write_text(text)


def _read(folder: Path, work: _Work, fingerprint: str) -> ReducedSet:
    arrays = read_arrays(folder, work.layout)
    try:
        faults = [Fault(*pair) for pair in json.loads((folder / "faults.json").read_text())]
    except (OSError, ValueError, TypeError) as error:
        raise DatasetError(
            f"{folder / 'faults.json'}: {error}; expected a list of pairs"
        ) from error
    large = {
        m: FramesOfTree(m, sensor, work.clips, arrays[f"{m}_present"])
        for m, sensor in work.sensors.items()
        if m not in arrays
    }
    return ReducedSet(
        inputs={m: large[m] if m in large else arrays[m] for m in work.sensors},
        present={m: arrays[f"{m}_present"] for m in work.sensors},
        joints=arrays["joints"],
        scene=arrays["names"][:, 0],
        subject=arrays["names"][:, 1],
        action=arrays["names"][:, 2],
        number=arrays["number"],
        faults=tuple(faults),
        fingerprint=fingerprint,
    )
