"""A room's Wi-Fi CSI taught by depth and LiDAR: only CSI's own encoder and projection learn.

They learn through the frozen alignment and head, so that every answer without CSI stays as it is,
to the bit. The last fifth of the time judges. Deviations are fitted anew for CSI alone: beside
depth or LiDAR the teacher cannot tell errors, which are its own, and the factors stay. For
the same reason a model that is settled to hear CSI alone only (model/settle.py) goes on so.
"""

from __future__ import annotations

import copy
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pta_ros.checkpoint import Checkpoint
from pta_ros.datasets.feature_set import FeatureSet
from pta_ros.datasets.features import cache_features
from pta_ros.datasets.reduced import ReducedSet
from pta_ros.errors import ConfigError, TrainingError
from pta_ros.metrics.evaluate import SubsetResult, mean_pose_error_mm, outputs_of, pose_result
from pta_ros.metrics.pose import joint_errors, mpjpe
from pta_ros.metrics.subsets import subset_name, subsets
from pta_ros.model.pta import PTA
from pta_ros.model.purify import subset_number
from pta_ros.people.centred import trunk
from pta_ros.training.evidence import evidence_of, log_odds
from pta_ros.training.fit import calibrate
from pta_ros.training.lesson import TAUGHT, Lesson, Parts, divide
from pta_ros.training.losses import mean_joint_distance
from pta_ros.training.prepare import Watcher
from pta_ros.training.pretrain import one_cycle
from pta_ros.training.resume import Figures, Stage, batches, finite, run_stage
from pta_ros.training.single import mean_pose

TEACHERS = ("depth", "lidar")
EPOCHS, BATCH, RATE, DECAY = 10, 64, 1e-3, 1e-2
#: Deviation of the noise on the inputs: no two rooms, days and cards are quite alike.
NOISE = 0.01
#: The gate leaves out no more good frames of the taught sensor than all but this share.
_KEPT = 0.999
#: A taught model is written where its error alone is below this share of the error before.
_BETTER = 0.9


@dataclass(frozen=True, eq=False)
class Judged:
    """One subset of sensors on the judging part: pose errors, of the trunk (`centre_m`), and of
    every instant (`errors_mm`)."""

    pose: SubsetResult
    centre_m: float
    errors_mm: NDArray[np.floating]

    def to_dict(self) -> dict[str, Any]:
        """Plain containers, for JSON."""
        within = {f"within_{n}": getattr(self.pose, f"coverage_{n}std") for n in (1, 2)}
        told = {"frames": self.pose.frames, "mpjpe_mm": self.pose.mpjpe_mm}
        return {**told, "centre_m": self.centre_m, **within}


@dataclass(frozen=True, eq=False)
class Taught:
    """A taught model, and by subset what it and the one before say on the judging part."""

    model: PTA
    parts: Parts
    before: dict[str, Judged]
    after: dict[str, Judged]
    mean_pose_mm: float

    @property
    def errors_mm(self) -> NDArray[np.floating]:
        """Of the taught sensor alone after teaching, at every judging instant (K,)."""
        return self.after[TAUGHT].errors_mm

    def check(self) -> None:
        """Raise TrainingError where the taught model is not better."""
        before, after = (told[TAUGHT].pose.mpjpe_mm for told in (self.before, self.after))
        if not after < min(_BETTER * before, self.mean_pose_mm):
            raise TrainingError(
                f"CSI alone is off by {after:.0f} mm after teaching, {before:.0f} mm before, "
                f"always the mean pose by {self.mean_pose_mm:.0f} mm; expected less than the last "
                f"and than {_BETTER} of the one before: no model is written, record longer and "
                "walk everywhere"
            )

    def to_dict(self) -> dict[str, Any]:
        """Plain containers, for JSON: figures, and the instants that were used and left out."""
        parts = {n: len(getattr(self.parts, n)) for n in ("train", "calibrate", "judge")}
        return {
            "seconds": round(self.parts.seconds, 1),
            "instants": {**parts, "left_out": self.parts.left_out},
            "mean_pose_mm": self.mean_pose_mm,
            "before": {name: one.to_dict() for name, one in self.before.items()},
            "after": {name: one.to_dict() for name, one in self.after.items()},
        }


def check_model(loaded: Checkpoint) -> None:
    """Raise ConfigError for a model that cannot be taught."""
    config, advice = loaded.model.config, "expected one of one person, such as mmfi_lite"
    if loaded.finder is not None or not config.has("pose"):
        what = "finds people" if loaded.finder is not None else "tells no pose"
        raise ConfigError(f"model {loaded.name} {what}; {advice}")
    if TAUGHT not in config.modalities or not set(TEACHERS) & set(config.modalities):
        raise ConfigError(
            f"model {loaded.name} has {', '.join(config.modalities)}; expected {TAUGHT}, and depth "
            "or lidar to teach it"
        )


def teach(
    loaded: Checkpoint, lesson: Lesson, folder: Path, watcher: Watcher, epochs: int = EPOCHS
) -> Taught:
    """A copy of the model that has learned the room of `lesson`; `folder` lets a killed run go on.

    Raises ConfigError and DatasetError for a model and a lesson that cannot do it.
    """
    check_model(loaded)
    parts = divide(lesson)
    student, data = copy.deepcopy(loaded.model), lesson.data
    if student.settled is not None:  # how weak CSI is alone was found elsewhere
        alone = student.mask({TAUGHT: torch.zeros(1)}, None)
        student.settled.kept[subset_number(alone)] = 1.0
    train, fit, last = (torch.from_numpy(r) for r in (parts.train, parts.calibrate, parts.judge))
    stage = _stage(student, data, train, watcher, epochs)
    run_stage(stage, folder, _identity(loaded, lesson, parts), watcher.epoch)
    student.eval().requires_grad_(True)
    held = encoded(student, data, fit, folder, watcher)
    _trust(student, held)
    calibrate(student, held, torch.arange(len(fit)), [(TAUGHT,)])
    always = mean_pose(data.joints[parts.train])
    before, after = (judge(m, data, last, folder, watcher) for m in (loaded.model, student))
    error_mm = mean_pose_error_mm(always, data.joints[parts.judge])
    return Taught(student, parts, before, after, error_mm)


def _stage(student: PTA, data: ReducedSet, rows: Tensor, watcher: Watcher, epochs: int) -> Stage:
    """The stage that trains the taught sensor's encoder and projection alone."""
    module = nn.ModuleDict(
        {"encoder": student.encoders[TAUGHT], "projector": student.projectors[TAUGHT]}
    )
    student.eval().requires_grad_(False)
    module.requires_grad_(True)
    theta = torch.optim.AdamW(module.parameters(), RATE, weight_decay=DECAY)
    progress = watcher.progress("teach")

    def epoch(number: int) -> Figures:
        module.train()
        total, plan = 0.0, batches(rows, BATCH)
        for i, part in enumerate(plan):
            for group in theta.param_groups:
                group["lr"] = RATE * one_cycle((number + i / len(plan)) / epochs)
            loss = _loss(student, data, part)
            theta.zero_grad()
            loss.backward()
            theta.step()
            total += finite({"loss": float(loss.detach())})["loss"] * len(part)
            progress(i + 1, len(plan))
        return {"mpjpe_mm": 1000 * total / len(rows)}

    return Stage("teach", module, {"theta": theta}, epochs, epoch, setting="the teaching rate")


def _loss(student: PTA, data: ReducedSet, rows: Tensor) -> Tensor:
    """Distance to the teacher's joints, of plain and refined features half and half, metres."""
    index = rows.numpy()
    x = torch.from_numpy(data.inputs[TAUGHT][index])
    x = x + NOISE * torch.randn_like(x)
    mask = student.mask({TAUGHT: x}, None)
    plain = student.features(student.encode({TAUGHT: x}, mask), {TAUGHT: x}, mask)
    truth = torch.from_numpy(data.joints[index])
    both = (student.predict(f, mask).joints for f in (plain, student.align(plain, mask)))
    return 0.5 * sum((mean_joint_distance(joints, truth) for joints in both), torch.zeros(()))


def _identity(loaded: Checkpoint, lesson: Lesson, parts: Parts) -> str:
    """Stands for the model and the lesson that a stage was begun with."""
    digest = hashlib.sha256(json.dumps([lesson.data.fingerprint, loaded.name]).encode())
    for array in (lesson.data.joints, parts.train):
        digest.update(array.tobytes())
    for tensor in loaded.model.state_dict().values():
        digest.update(tensor.numpy().tobytes())
    return digest.hexdigest()


def encoded(
    model: PTA, data: ReducedSet, rows: Tensor, folder: Path, watcher: Watcher
) -> FeatureSet:
    """Features of some rows, kept below `folder`."""
    return cache_features(
        dict(model.encoders.items()), model.config.channels, data, folder / "features", rows,
        progress=watcher.progress("encode"), position_points=model.config.tokens,
    )  # fmt: skip


def _with_taught(model: PTA) -> list[tuple[str, ...]]:
    return [subset for subset in subsets(model.config.modalities) if TAUGHT in subset]


@torch.inference_mode()
def _trust(model: PTA, data: FeatureSet) -> None:
    """Raise the gate's thresholds of the taught sensor, so that good frames of it pass."""
    if model.gate is None:
        return
    names, count = model.config.modalities, len(data.rows)
    column, evidence = names.index(TAUGHT), evidence_of(model, data, torch.arange(count))
    for subset in _with_taught(model):
        member = torch.tensor([m in subset for m in names])
        there = data.present[:, member].all(dim=1)
        if len(subset) > 1 and bool(there.any()):
            odds = log_odds(model, evidence, member.expand(count, -1))[there, column]
            limit = model.gate.threshold[subset_number(member[None])[0], column]
            limit.copy_(torch.maximum(limit, odds.quantile(_KEPT)))


def judge(
    model: PTA, data: ReducedSet, rows: Tensor, folder: Path, watcher: Watcher
) -> dict[str, Judged]:
    """What a model says of `rows`, against the joints of `data`: the taught sensor alone, beside
    each other one, and all; a subset that no row has is left out."""
    held = encoded(model.eval(), data, rows, folder, watcher)
    names, found = model.config.modalities, {}
    others = [tuple(m for m in names if m in (one, TAUGHT)) for one in names]
    for subset in dict.fromkeys([(TAUGHT,), *others, names]):
        out, kept = outputs_of(model, held, torch.arange(len(rows)), subset)
        joints, truth = out.joints.numpy(), held.joints[kept].numpy()
        if len(kept):
            name = subset_name(subset)
            pose = pose_result(name, joints, out.log_std.exp().numpy(), truth)
            centre_m = float(joint_errors(trunk(joints), trunk(truth)).mean())
            found[name] = Judged(pose, centre_m, 1e3 * mpjpe(joints, truth))
    return found


def provenance(taught: Taught, loaded: Checkpoint, **told: Any) -> dict[str, Any]:
    """The model's provenance, with where and by whom it was taught."""
    own = {"from": loaded.name, **told, **taught.to_dict()}
    return {**loaded.provenance, "taught": own}
