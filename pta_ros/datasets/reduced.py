"""A data set tree reduced once to the model's inputs, in memory-mapped arrays.

Decoding and reducing a frame costs more than a training step on it; a run reads the arrays only.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import shutil
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pta_ros.datasets.mmfi import Clip, MmfiTree
from pta_ros.errors import DatasetError, DecodeError
from pta_ros.sensors import sensors_to_config
from pta_ros.sensors.base import Sensor

FORMAT = 1


@dataclass(frozen=True, eq=False)
class ReducedSet:
    """N frames: inputs (N, *shape) and presence (N,) by modality, joints (N, 17, 3) metres.

    Rows of a modality that are not present hold nothing meaningful. `subject` and `action` are
    named as in the data set (S01, A01); `faults` names every file that could not be used.
    """

    inputs: dict[str, NDArray[np.float32]]
    present: dict[str, NDArray[np.bool_]]
    joints: NDArray[np.float32]
    subject: NDArray[np.str_]
    action: NDArray[np.str_]
    faults: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.joints)

    def rows_of(self, subjects: tuple[str, ...]) -> NDArray[np.int64]:
        """Row numbers of the frames of these subjects that have at least one modality."""
        some = np.any(list(self.present.values()), axis=0)
        return np.flatnonzero(np.isin(self.subject, subjects) & some)


def reduce_tree(
    tree: MmfiTree,
    sensors: dict[str, Sensor],
    cache: Path,
    jobs: int = 0,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> ReducedSet:
    """Reduce every frame of `tree`, or read the result of an earlier call from `cache`.

    `progress` is told (clips done, clips in all). Raises DatasetError when nothing is usable.
    """
    folder = cache / f"reduced-{_fingerprint(tree, sensors)}"
    if not folder.is_dir():
        partial = Path(f"{folder}.{os.getpid()}.part")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        try:
            _write(tree, sensors, partial, jobs or os.cpu_count() or 1, progress)
            os.replace(partial, folder)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    return _read(folder, sensors)


def _fingerprint(tree: MmfiTree, sensors: dict[str, Sensor]) -> str:
    """Changes with the tree's files, their sizes and dates, and with the reduction settings."""
    clips = [[c.scene, c.subject, c.action, list(c.frame_numbers), _stamp(c)] for c in tree.clips]
    text = json.dumps([FORMAT, str(tree.root.resolve()), sensors_to_config(sensors), clips])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _stamp(clip: Clip) -> int:
    return (clip.path / "ground_truth.npy").stat().st_mtime_ns


@dataclass(frozen=True)
class _Job:
    clip: Clip
    sensors: dict[str, Sensor]


def _reduce_clip(job: _Job) -> tuple[dict[str, Any], dict[str, Any], Any, list[str]]:
    clip, faults = job.clip, []
    numbers = clip.frame_numbers
    present = {m: np.zeros(len(numbers), bool) for m in job.sensors}
    inputs = {m: np.zeros((len(numbers), *s.shape), np.float32) for m, s in job.sensors.items()}
    for row, number in enumerate(numbers):
        for modality, sensor in job.sensors.items():
            try:
                array = clip.read(modality, number)
                if array is not None:
                    inputs[modality][row] = sensor.prepare(
                        array, f"{clip.path} {modality} {number}"
                    )
                    present[modality][row] = True
            except (DecodeError, DatasetError) as error:
                faults.append(str(error))
    return inputs, present, clip.ground_truth[[n - 1 for n in numbers]], faults


def _write(
    tree: MmfiTree,
    sensors: dict[str, Sensor],
    folder: Path,
    jobs: int,
    progress: Callable[[int, int], None],
) -> None:
    total = sum(len(c.frame_numbers) for c in tree.clips)
    out = {
        m: _create(folder / f"{m}.npy", np.float32, (total, *s.shape)) for m, s in sensors.items()
    }
    flags = {m: _create(folder / f"{m}_present.npy", np.bool_, (total,)) for m in sensors}
    joints = _create(folder / "joints.npy", np.float32, (total, 17, 3))
    faults: list[str] = []
    at = 0
    # Spawned, not forked: a parent that has used torch or ROS holds threads a fork would break.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, mp_context=context) as pool:
        results = pool.map(_reduce_clip, [_Job(c, sensors) for c in tree.clips])
        for done, (inputs, present, truth, clip_faults) in enumerate(results, start=1):
            rows = slice(at, at + len(truth))
            for m in sensors:
                out[m][rows], flags[m][rows] = inputs[m], present[m]
            joints[rows] = truth
            faults += clip_faults
            at = rows.stop
            progress(done, len(tree.clips))
    if not any(f.any() for f in flags.values()):
        raise DatasetError(f"{tree.root}: no usable frame; first fault: {(faults or ['none'])[0]}")
    names = [c.pair for c in tree.clips for _ in c.frame_numbers]
    np.save(folder / "names.npy", np.asarray(names, "U3").reshape(-1, 2))
    (folder / "faults.json").write_text(json.dumps(faults, indent=1))


def _create(path: Path, dtype: type, shape: tuple[int, ...]) -> NDArray[Any]:
    return np.lib.format.open_memmap(path, "w+", dtype=dtype, shape=shape)


def _read(folder: Path, sensors: dict[str, Sensor]) -> ReducedSet:
    def array(name: str) -> NDArray[Any]:
        mapped: NDArray[Any] = np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False)
        return mapped

    names = array("names")
    return ReducedSet(
        inputs={m: array(m) for m in sensors},
        present={m: array(f"{m}_present") for m in sensors},
        joints=array("joints"),
        subject=names[:, 0],
        action=names[:, 1],
        faults=tuple(json.loads((folder / "faults.json").read_text())),
    )
