"""What every training run begins with: reduced frames, their split, what it starts from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from pta_ros import __version__
from pta_ros.datasets import open_tree
from pta_ros.datasets.clips import made_of, made_with
from pta_ros.datasets.people import PeopleSet, people_set
from pta_ros.datasets.problems import problem_lines
from pta_ros.datasets.reduced import ReducedSet, reduce_tree
from pta_ros.errors import DatasetError
from pta_ros.imported.xfi import weights_sha256
from pta_ros.model.pta import PTA
from pta_ros.sensors import sensors_from_config
from pta_ros.sensors.base import Sensor
from pta_ros.training.begin import Source
from pta_ros.training.config import TrainConfig
from pta_ros.training.deal import Splits, split_rows
from pta_ros.training.pretrain import rows_with
from pta_ros.training.rehearse import check_classes, check_csi, rehearse
from pta_ros.training.resume import Figures
from pta_ros.training.single import mean_pose
from pta_ros.training.start import Start, matched
from pta_ros.workers.workforce import EVERY_CORE, Workforce


class Watcher(Protocol):
    """Receives the progress and the figures of a run; the command line shows them."""

    def progress(self, task: str) -> Callable[[int, int], None]:
        """Return a function that takes (done, total) of a named task."""

    def epoch(self, stage: str, number: int, figures: Figures) -> None:
        """Receive the figures of one epoch."""

    def note(self, text: str) -> None:
        """Receive one line of text."""


class Silent:
    """Shows nothing, such as for all processes of a run but the first."""

    def progress(self, task: str) -> Callable[[int, int], None]:
        """Show nothing."""
        return lambda done, total: None

    def epoch(self, stage: str, number: int, figures: dict[str, float]) -> None:
        """Show nothing."""

    def note(self, text: str) -> None:
        """Show nothing."""


@dataclass(frozen=True, eq=False)
class Prepared:
    """Data of a run: reduced frames, the sensors that made them, rows and subjects of each split.

    The splits are train, meta_val, val and test; for XRF55 test holds other repeats of the same
    subjects, and unseen the subjects who are in no other split. `imported` holds the SHA-256 of the
    imported encoders' weights by modality; empty without them. `people_of` is the set in which
    people are searched, of a wide tree. `start` is what is kept of the model that the run begins
    with.
    """

    data: ReducedSet
    sensors: dict[str, Sensor]
    splits: Splits
    rows: dict[str, Tensor]
    imported: dict[str, str] = field(default_factory=dict)
    people_of: PeopleSet | None = None
    start: Start | None = None

    @property
    def given(self) -> bool:
        """Whether the start gives its encoders alone, which stay, and everything else is new."""
        return self.start is not None and self.start.given


def prepare(
    config: TrainConfig,
    root: Path,
    cache: Path,
    watcher: Watcher,
    source: Source | None = None,
    workforce: Workforce = EVERY_CORE,
) -> Prepared:
    """Reduce the tree, split its subjects, and see that every stage of the run can be trained.

    `source` is the model that it starts from; what is kept of it is told. `workforce` reduces.

    Raises CheckpointError for imported encoders that are not there, ConfigError for a model that
    cannot be built: both first, as reducing may take hours. Raises DatasetError for a split, or a
    modality of it, without frames, and for classes without a name.
    """
    if config.model.joint_tokens:
        return _prepare_people(config, root, cache, watcher, source, workforce)
    imported = _imported_sha256(config)
    given = {m: config.sensors.get(m, {}) for m in config.model.modalities}
    sensors = sensors_from_config(given)
    rehearse(config, sensors)
    start = _start(config, source, watcher)
    check_classes(config, root)
    tree = open_tree(root, sensors)
    check_csi(tree, sensors)
    shown = watcher.progress("reduce frames")
    data = reduce_tree(tree, sensors, cache, workforce, shown, config.on_problem)
    for line in problem_lines(data.problems):
        watcher.note(line)
    rows, splits = split_rows(config.split, data, by_scene=made_of(root) is not None)
    for name, found in rows.items():
        if not len(found):
            raise DatasetError(f"{root}: no usable frame of {name} group {splits[name]}")
    if not config.imported:
        for modality in sensors:
            rows_with(data, modality, rows["train"], rows["val"])
    apart = "test" if config.model.has("pose") else "unseen"  # others are tested by other repeats
    _note_known(start, root, splits, splits.get(apart, ()), watcher)
    known, highest = len(config.model.classes), int(data.labels[data.usable].max())
    if config.model.has("activity") and highest >= known:
        raise DatasetError(
            f"{root}: action A{highest + 1:02d}, but model.classes names {known}; "
            "expected a name for each action: add them, or leave model.classes out"
        )
    return Prepared(data, sensors, splits, rows, imported, start=start)


def _start(config: TrainConfig, source: Source | None, watcher: Watcher) -> Start | None:
    """What the run's model keeps of `source`, told to the watcher."""
    if source is None:
        return None
    start = matched(source, PTA(config.model))
    for line in (*start.lines(), *source.notes):
        watcher.note(line)
    start.check(config.freeze)
    return start


def _note_known(
    start: Start | None, root: Path, splits: Splits, tested: tuple[str, ...], watcher: Watcher
) -> None:
    """Tell, or refuse, what the model that the run starts from was trained on already."""
    for line in start.known(made_with(root), splits["train"], tested) if start else ():
        watcher.note(line)


def _prepare_people(
    config: TrainConfig,
    root: Path,
    cache: Path,
    watcher: Watcher,
    source: Source | None,
    workforce: Workforce,
) -> Prepared:
    """Of a wide tree, whose scenes are its splits: everybody who is seen, centred."""
    start = _start(config, source, watcher)
    data = people_set(root, cache, watcher.progress("centre people"), workforce)
    people = data.people
    rows, splits = split_rows(config.split, people, by_scene=True)
    for name, found in rows.items():
        if not len(found):
            raise DatasetError(f"{root}: nobody is seen in the clips for {name}")
    for modality in config.model.modalities:
        rows_with(people, modality, rows["train"], rows["val"])
    _note_known(start, root, splits, splits["test"], watcher)
    sensors = sensors_from_config({m: {} for m in config.model.modalities})
    return Prepared(people, sensors, splits, rows, people_of=data, start=start)


def _imported_sha256(config: TrainConfig) -> dict[str, str]:
    if not config.imported:
        return {}
    return {m: weights_sha256(imported_folder(config), m) for m in config.model.modalities}


def imported_folder(config: TrainConfig) -> Path:
    """The folder of `config.imported`."""
    return Path(config.imported).expanduser()


def identity_of(ready: Prepared, settings: Any) -> str:
    """A digest of the data and settings of a run."""
    digest = hashlib.sha256(np.ascontiguousarray(ready.data.joints).tobytes())
    if ready.data.estimated:
        digest.update(np.ascontiguousarray(ready.data.deviation_m).tobytes())
    joints = digest.hexdigest()
    source = ready.start.source if ready.start else None
    begun = [source.taken or source.sha256] if source else []
    text = json.dumps([settings, ready.splits, joints, *begun], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def shown_sha256(data: ReducedSet) -> str:
    """Of which sensors are present in every frame, and which see who is there."""
    told = [data.present[m] for m in data.present] + [data.seeing(m) for m in data.present]
    return hashlib.sha256(np.packbits(told).tobytes()).hexdigest()


def statistics_of(ready: Prepared) -> dict[str, Any]:
    """Statistics of the training data for a checkpoint: mean pose (J, 3), number of frames."""
    if not ready.data.joints.shape[1]:
        return {"frames": len(ready.rows["train"])}
    train_joints = ready.data.joints[ready.rows["train"].numpy()]
    return {"mean_pose_m": mean_pose(train_joints).tolist(), "frames": len(train_joints)}


def provenance_of(
    config: TrainConfig, root: Path, ready: Prepared, seconds: float
) -> dict[str, Any]:
    """Where weights come from: versions, data (synthetic or not), settings, splits."""
    return {
        "pta_ros": __version__,
        "torch": torch.__version__,
        "synthetic": made_with(root) or False,
        "training": config.to_dict(),
        **({"from": ready.start.to_dict()} if ready.start else {}),
        "splits": ready.splits,
        "rows": {name: len(rows) for name, rows in ready.rows.items()},
        "seconds_of_last_session": round(seconds),
    }
