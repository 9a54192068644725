"""One training run from a tree to a checkpoint folder; a killed run continues where it stopped."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from pta_ros import __version__, checkpoint
from pta_ros.datasets.mmfi import MmfiTree
from pta_ros.datasets.reduced import ReducedSet, reduce_tree
from pta_ros.datasets.splits import SubjectSplits, subject_splits
from pta_ros.errors import DatasetError
from pta_ros.evaluation.poses import evaluate_subsets
from pta_ros.model.pta import PTA
from pta_ros.sensors import sensors_from_config
from pta_ros.sensors.base import Sensor
from pta_ros.training.config import TrainConfig
from pta_ros.training.features import TokenSet, encode_set
from pta_ros.training.loop import Figures, run_stage, seed_everything
from pta_ros.training.meta import meta_stage
from pta_ros.training.pretrain import pretrain_stage


class Watcher(Protocol):
    """What a run tells its surroundings; the command line shows it, tests ignore it."""

    def progress(self, task: str) -> Callable[[int, int], None]:
        """Return a function that takes (done, total) of a named task."""

    def epoch(self, stage: str, number: int, figures: Figures) -> None:
        """Take the figures of one epoch."""

    def note(self, text: str) -> None:
        """Take one line of text."""


@dataclass(frozen=True, eq=False)
class Prepared:
    """Data of a run: reduced frames, the sensors that made them, rows of each split."""

    data: ReducedSet
    sensors: dict[str, Sensor]
    splits: SubjectSplits
    rows: dict[str, Tensor]


def prepare(config: TrainConfig, root: Path, cache: Path, watcher: Watcher) -> Prepared:
    """Reduce the tree and split its subjects; raises DatasetError when a split has no frame."""
    given = {m: config.sensors.get(m, {}) for m in config.model.modalities}
    sensors = sensors_from_config(given)
    tree = MmfiTree(root)
    data = reduce_tree(tree, sensors, cache, progress=watcher.progress("reduce frames"))
    for fault in data.faults[:5]:
        watcher.note(f"left out: {fault}")
    if data.faults:
        watcher.note(f"{len(data.faults)} files could not be used and count as absent")
    splits = subject_splits(set(data.subject), config.split.seed, config.split.fractions())
    rows = {n: torch.from_numpy(data.rows_of(s)) for n, s in splits._asdict().items()}
    for name, found in rows.items():
        if not len(found):
            raise DatasetError(
                f"{root}: no usable frame of {name} subjects {splits._asdict()[name]}"
            )
    return Prepared(data, sensors, splits, rows)


def train(config: TrainConfig, root: Path, folder: Path, watcher: Watcher) -> None:
    """Train all stages and write `folder`/model; see the module's text."""
    begun = time.monotonic()
    folder.mkdir(parents=True, exist_ok=True)
    ready = prepare(config, root, folder / "cache", watcher)
    _write_json(folder / "config.json", config.to_dict())
    _write_json(folder / "splits.json", ready.splits._asdict())
    statistics = _statistics(ready)
    model = _build(config, torch.tensor(statistics["mean_pose_m"]))
    for modality in config.model.modalities:
        stage = pretrain_stage(
            config, modality, ready.data, ready.rows["train"], ready.rows["val"],
            watcher.progress(f"encoder {modality}"),
        )  # fmt: skip
        run_stage(stage, folder, _identity(config, ready, modality), watcher.epoch)
        encoder = stage.module.get_submodule("encoder").state_dict()
        model.encoders[modality].load_state_dict(encoder)
    tokens = encode_set(model, ready.data, watcher.progress("encode frames"))
    stage = meta_stage(
        config, model, tokens, ready.rows, watcher.progress("purify, align"),
        lambda: _validate(model, tokens, ready.rows["val"]),
    )  # fmt: skip
    run_stage(stage, folder, _identity(config, ready), watcher.epoch)
    provenance = _provenance(config, root, ready, time.monotonic() - begun)
    checkpoint.save(folder / "model", model, ready.sensors, statistics, provenance)


def _build(config: TrainConfig, mean_pose: Tensor) -> PTA:
    seed_everything(config.seed, "model")
    model = PTA(config.model)
    model.head.start_at(mean_pose)
    return model


def _validate(model: PTA, tokens: TokenSet, rows: Tensor) -> Figures:
    results = evaluate_subsets(model, tokens, rows, model.config.refine)
    return {f"val_{r.subset}_mm": r.mpjpe_mm for r in results}


def _identity(config: TrainConfig, ready: Prepared, modality: str | None = None) -> str:
    """What a stage's state depends on: of one encoder's stage, only its own settings."""
    values = config.to_dict()
    if modality is not None:
        values["pretrain"] = values["pretrain"].get(modality)
        values["sensors"] = values["sensors"].get(modality)
        del values["meta"]
    joints = hashlib.sha256(np.ascontiguousarray(ready.data.joints).tobytes()).hexdigest()
    text = json.dumps([values, ready.splits._asdict(), joints], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _statistics(ready: Prepared) -> dict[str, Any]:
    train_joints = ready.data.joints[ready.rows["train"].numpy()]
    return {"mean_pose_m": train_joints.mean(axis=0).tolist(), "frames": len(train_joints)}


def _provenance(config: TrainConfig, root: Path, ready: Prepared, seconds: float) -> dict[str, Any]:
    marker = root / "SYNTHETIC.json"
    return {
        "pta_ros": __version__,
        "torch": torch.__version__,
        "synthetic": json.loads(marker.read_text()) if marker.exists() else False,
        "training": config.to_dict(),
        "splits": ready.splits._asdict(),
        "rows": {name: len(rows) for name, rows in ready.rows.items()},
        "seconds_of_last_session": round(seconds),
    }


def _write_json(path: Path, value: Any) -> None:
    checkpoint.write_atomically(path, (json.dumps(value, indent=1, default=asdict) + "\n").encode())
