"""A data set tree reduced once to the model's inputs, in memory-mapped arrays.

Decoding and reducing a frame costs more than a training step on it; a run reads the arrays only.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pta_ros.datasets.arrays import Halves, Layout, array_writer, read_arrays, read_or_make
from pta_ros.datasets.clips import ClipFiles, Tree
from pta_ros.datasets.large import Clips, FramesOfTree, stored
from pta_ros.datasets.problems import Problem, check_policy, stop_if_fatal, survey
from pta_ros.errors import DatasetError, DecodeError
from pta_ros.sensors import sensors_to_config
from pta_ros.sensors.base import Sensor
from pta_ros.workers.workforce import EVERY_CORE, Workforce

FORMAT = 6

_NAMES = "<U6"

Rows = tuple[dict[str, NDArray[Any]], list[Problem]]


@dataclass(frozen=True, eq=False)
class ReducedSet:
    """N frames: inputs (N, *shape) and presence (N,) by modality, joints (N, 17, 3) metres.

    Rows of a modality that are not present hold nothing meaningful. `subject` and `action` are
    named as in the data set (S01, A01); `problems` names all that could not be used. `fingerprint`
    stands for the inputs: it changes when they do. `deviation_m` (N, J): one sigma of joints that
    are estimates, 0 where they are certain; empty: all are. `sees` (N,) by modality: those of the
    present that see who is there; without one all do. Inputs take an array of row numbers; those of
    large frames are read from the tree each time.
    """

    inputs: Mapping[str, NDArray[np.float32] | FramesOfTree | Halves]
    present: dict[str, NDArray[np.bool_]]
    joints: NDArray[np.float32]
    scene: NDArray[np.str_]
    subject: NDArray[np.str_]
    action: NDArray[np.str_]
    number: NDArray[np.int32]
    problems: tuple[Problem, ...]
    fingerprint: str
    deviation_m: NDArray[np.float32] = field(default_factory=lambda: np.zeros((0, 0), np.float32))
    sees: Mapping[str, NDArray[np.bool_]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.joints)

    @cached_property
    def estimated(self) -> bool:
        """Whether any of the joints are estimates."""
        return bool(self.deviation_m.any())

    @property
    def labels(self) -> NDArray[np.int64]:
        """Class of every frame (N,), from 0: the action's number less one."""
        return np.char.lstrip(self.action, "A").astype(np.int64) - 1

    @property
    def usable(self) -> NDArray[np.bool_]:
        """Which frames have at least one modality that sees who is there (N,)."""
        some: NDArray[np.bool_] = np.any([self.seeing(m) for m in self.present], axis=0)
        return some

    def seeing(self, modality: str) -> NDArray[np.bool_]:
        """In which frames a modality sees who is there (N,)."""
        return self.sees.get(modality, self.present[modality])

    @property
    def clips(self) -> NDArray[np.str_]:
        """The clip of every frame, S01/A02, (N,)."""
        return np.char.add(np.char.add(self.subject, "/"), self.action)

    def rows_of(self, group: tuple[str, ...]) -> NDArray[np.int64]:
        """Rows of the usable frames of these subjects (S01), clips (S01/A02), scenes (E03)."""
        names = (self.subject, self.clips, self.scene)
        member = np.any([np.isin(name, group) for name in names], axis=0)
        return np.flatnonzero(member & self.usable)


def reduce_tree(
    tree: Tree,
    sensors: dict[str, Sensor],
    cache: Path,
    workforce: Workforce = EVERY_CORE,
    progress: Callable[[int, int], None] = lambda done, total: None,
    on_problem: str = "skip",
) -> ReducedSet:
    """Reduce every frame of `tree`, or read the result of an earlier call from `cache`.

    What cannot be used is left out and listed in `problems`; with `on_problem` "fatal" the first
    one raises DatasetError. `progress` is called with (usable clips done, of all). Raises
    DatasetError when nothing is usable or the cache cannot be written.
    """
    check_policy(on_problem)
    clips, problems = survey(tree, sensors)
    stop_if_fatal(problems, on_problem)
    work = _Work(clips, tree.joints, problems, sensors, workforce, progress, on_problem)
    fingerprint = _fingerprint(tree, sensors)
    data = read_or_make(
        cache / f"reduced-{fingerprint}",
        work.layout,
        lambda folder: _read(folder, work, fingerprint),
        lambda folder: _write(folder, work, tree.root),
    )
    stop_if_fatal(data.problems, on_problem)
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
    """The usable clips, the problems known before their frames are read, and how to reduce them.

    `joints` is their number in the truth of a frame.
    """

    clips: Clips
    joints: int
    problems: list[Problem]
    sensors: dict[str, Sensor]
    workforce: Workforce
    progress: Callable[[int, int], None]
    on_problem: str

    @property
    def layout(self) -> Layout:
        count = sum(len(clip.frame_numbers) for clip in self.clips)
        return {
            **{m: ("<f4", (count, *sensor.shape)) for m, sensor in stored(self.sensors).items()},
            **{f"{m}_present": ("|b1", (count,)) for m in self.sensors},
            "joints": ("<f4", (count, self.joints, 3)),
            "deviation": ("<f4", (count, self.joints)),
            "names": (_NAMES, (count, 3)),
            "number": ("<i4", (count,)),
        }


def _reduce_clip(sensors: dict[str, Sensor], clip: ClipFiles) -> Rows:
    """Reduce one clip: its rows of every array of the layout, and its problems."""
    if not clip.path.is_dir():  # its files would be noted as damaged ones, for good
        raise DatasetError(
            f"{clip.path}: not there any more, or not for a worker; expected the tree at the same "
            "place on all machines until it is reduced"
        )
    numbers, problems = clip.frame_numbers, []
    present = {m: np.zeros(len(numbers), bool) for m in sensors}
    kept = stored(sensors)
    inputs = {m: np.zeros((len(numbers), *s.shape), np.float32) for m, s in kept.items()}
    for row, number in enumerate(numbers):
        for modality, sensor in sensors.items():
            try:
                array = clip.read(modality, number)
                if array is not None:
                    reduced = sensor.prepare(array, str(clip.file(modality, number)))
                    if modality in kept:
                        inputs[modality][row] = reduced
                    present[modality][row] = True
            except DecodeError as error:
                problems.append(Problem(f"unusable {modality} file", str(error)))
    arrays: dict[str, NDArray[Any]] = {
        **inputs,
        **{f"{m}_present": flags for m, flags in present.items()},
        "joints": clip.joints_of(numbers),
        "deviation": clip.deviations_of(numbers),
        "names": np.asarray([(clip.scene, *clip.pair)] * len(numbers), _NAMES),
        "number": np.asarray(numbers, "<i4"),
    }
    return arrays, problems


def _write(folder: Path, work: _Work, root: Path) -> None:
    problems, some = list(work.problems), False
    reduced = work.workforce.in_order(partial(_reduce_clip, work.sensors), work.clips)
    with array_writer(folder, work.layout) as append, closing(reduced):
        for done, (arrays, found) in enumerate(reduced, start=1):
            stop_if_fatal(found, work.on_problem)
            for name, rows in arrays.items():
                append(name, rows)
            some = some or any(arrays[f"{m}_present"].any() for m in work.sensors)
            problems += found
            work.progress(done, len(work.clips))
    if not some:
        first = problems[0] if problems else "none"
        raise DatasetError(f"{root}: no usable frame; first problem: {first}")
    text = json.dumps([[problem.kind, problem.what] for problem in problems], indent=1)
    (folder / "problems.json").write_text(text)


def _read(folder: Path, work: _Work, fingerprint: str) -> ReducedSet:
    arrays = read_arrays(folder, work.layout)
    try:
        problems = [Problem(*pair) for pair in json.loads((folder / "problems.json").read_text())]
    except (OSError, ValueError, TypeError) as error:
        path = folder / "problems.json"
        raise DatasetError(f"{path}: {error}; expected a list of pairs") from error
    present = {m: arrays[f"{m}_present"] for m in work.sensors}
    return ReducedSet(
        inputs={
            m: arrays[m] if m in arrays else FramesOfTree(m, sensor, work.clips, present[m])
            for m, sensor in work.sensors.items()
        },
        present=present,
        joints=arrays["joints"],
        scene=arrays["names"][:, 0],
        subject=arrays["names"][:, 1],
        action=arrays["names"][:, 2],
        number=arrays["number"],
        problems=tuple(problems),
        fingerprint=fingerprint,
        deviation_m=arrays["deviation"],
    )
