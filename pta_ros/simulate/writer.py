"""Writes synthetic clips as a tree in MM-Fi's exact layout (ROOT/E01/S01/A01/...).

A clip is written beside its place and renamed when complete, so that an interrupted run leaves no
half clip; a clip that is already there is kept when it was written with the same settings.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from multiprocessing import get_context, parent_process
from multiprocessing.connection import wait
from pathlib import Path

import cv2
import numpy as np
import scipy.io

from pta_ros.errors import DatasetError
from pta_ros.simulate.recording import Recording, SimFrame, scene_of

MARKER = "SYNTHETIC.json"
FORMAT_VERSION = 1
FULL_FRAMES = 297  # of a clip of the real data set
RATE_HZ = 10.0
_PARTIAL = ".partial-"


@dataclass(frozen=True)
class TreePlan:
    """What a tree holds: `frames` per clip, `step` sensor periods (0.1 s) apart, from one seed."""

    seed: int
    subjects: tuple[int, ...]
    actions: tuple[int, ...]
    frames: int
    step: int
    preset: str = "custom"

    def clips(self) -> Iterator[tuple[int, int]]:
        """Every (subject, action), subject by subject."""
        return ((subject, action) for subject in self.subjects for action in self.actions)


def spread_step(frames: int) -> int:
    """The step (in sensor periods) that spreads `frames` over the real clip's 297, at most 1 s."""
    return int(np.clip(FULL_FRAMES // frames, 1, 10))


def clip_folder(root: Path, subject: int, action: int) -> Path:
    """MM-Fi's folder of a clip."""
    return root / scene_of(subject) / f"S{subject:02d}" / f"A{action:02d}"


def prepare(root: Path, plan: TreePlan) -> None:
    """Make or reopen the tree and write its marker.

    DatasetError when the folder holds anything that is not a synthetic tree of the same settings.
    """
    marker = root / MARKER
    settings = _settings(plan)
    if marker.is_file():
        runs = _runs_of(marker, settings)
    elif root.exists() and (not root.is_dir() or any(root.iterdir())):
        raise DatasetError(f"{root}: not empty and not a synthetic tree; choose another folder")
    else:
        runs = []
    root.mkdir(parents=True, exist_ok=True)
    runs = runs if asdict(plan) in runs else [*runs, asdict(plan)]
    partial = root / f"{_PARTIAL}{MARKER}"
    partial.write_text(json.dumps({**settings, "runs": runs}, indent=1, default=list) + "\n")
    partial.replace(marker)


def _settings(plan: TreePlan) -> dict[str, object]:
    """What every clip of one tree has in common."""
    common = {"seed": plan.seed, "frames": plan.frames, "step": plan.step, "rate_hz": RATE_HZ}
    return {"synthetic": True, "format": FORMAT_VERSION, **common}


def _runs_of(marker: Path, settings: dict[str, object]) -> list[dict[str, object]]:
    """The runs that filled the tree so far; DatasetError when it was made with other settings."""
    try:
        found = json.loads(marker.read_text())
        runs = [{**run, **{k: tuple(run[k]) for k in _LISTS}} for run in found["runs"]]
    except (ValueError, TypeError, KeyError) as error:
        raise DatasetError(f"{marker}: unreadable ({error!r}); remove the folder") from error
    different = [name for name, value in settings.items() if found.get(name) != value]
    if different:
        told = ", ".join(f"{n} {found.get(n)!r} (now {settings[n]!r})" for n in different)
        raise DatasetError(f"{marker.parent}: was written with {told}; choose another folder")
    return runs


_LISTS = ("subjects", "actions")


def write_clip(root: Path, plan: TreePlan, subject: int, action: int) -> bool:
    """Write one clip; False when it is there already."""
    folder = clip_folder(root, subject, action)
    if folder.is_dir():
        return False
    partial = folder.with_name(_PARTIAL + folder.name)
    shutil.rmtree(partial, ignore_errors=True)
    for sensor in ("depth", "lidar", "wifi-csi"):
        (partial / sensor).mkdir(parents=True)
    recording = Recording(plan.seed, subject, action, step_s=plan.step / RATE_HZ)
    for number in range(plan.frames):
        _write_frame(partial, number + 1, recording.frame(number))
    np.save(partial / "ground_truth.npy", recording.ground_truth(plan.frames))
    partial.replace(folder)
    return True


def _write_frame(folder: Path, number: int, frame: SimFrame) -> None:
    name = f"frame{number:03d}"
    png = folder / "depth" / f"{name}.png"
    if not cv2.imwrite(str(png), frame.depth_mm, _FAST_PNG):
        raise DatasetError(f"{png}: could not be written; check the space left on the disk")
    frame.lidar_m.astype(np.float64).tofile(folder / "lidar" / f"{name}.bin")
    csi = {"CSIamp": frame.csi, "CSIphase": np.zeros_like(frame.csi)}
    scipy.io.savemat(folder / "wifi-csi" / f"{name}.mat", csi)


_FAST_PNG = [cv2.IMWRITE_PNG_COMPRESSION, 1]


def write_tree(root: Path, plan: TreePlan, jobs: int = 1) -> Iterator[bool]:
    """Prepare the tree and write every clip on `jobs` processes; yields once per clip done.

    The value says whether the clip was written (False: it was there already).
    """
    prepare(root, plan)
    if jobs <= 1:
        for subject, action in plan.clips():
            yield write_clip(root, plan, subject, action)
        return
    pool = ProcessPoolExecutor(jobs, mp_context=get_context("spawn"), initializer=_start_worker)
    try:
        tasks = [pool.submit(write_clip, root, plan, *clip) for clip in plan.clips()]
        for task in as_completed(tasks):
            yield task.result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _start_worker() -> None:
    """One thread each; leave Ctrl-C to the parent, and never outlive it."""
    cv2.setNumThreads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = parent_process()
    if parent is not None:
        threading.Thread(target=_follow, args=(parent.sentinel,), daemon=True).start()


def _follow(sentinel: int) -> None:
    wait([sentinel])
    os._exit(1)
