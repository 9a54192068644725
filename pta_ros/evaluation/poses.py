"""Pose error of a model over every subset of its modalities, from one pass over the encoders."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pta_ros.evaluation.metrics import joint_errors, pa_mpjpe
from pta_ros.evaluation.subsets import subset_name, subsets
from pta_ros.model.pta import PTA, scatter_rows
from pta_ros.training.features import TokenSet


@dataclass(frozen=True)
class SubsetResult:
    """Errors of one subset over `frames` frames, averaged over frames; millimetres.

    `coverage_1std` is the share of coordinates within one predicted deviation (0.68 if normal).
    """

    subset: str
    refined: bool
    frames: int
    mpjpe_mm: float
    pa_mpjpe_mm: float
    per_joint_mm: tuple[float, ...]
    coverage_1std: float


@torch.inference_mode()
def evaluate_subsets(
    model: PTA, data: TokenSet, rows: Tensor, refine: bool, batch: int = 256
) -> list[SubsetResult]:
    """Evaluate `model` on `rows` for all subsets; frames that lack a member are left out of it."""
    model.eval()
    return [
        _one_subset(model, data, rows, subset, refine, batch)
        for subset in subsets(model.config.modalities)
    ]


def _one_subset(
    model: PTA, data: TokenSet, rows: Tensor, subset: tuple[str, ...], refine: bool, batch: int
) -> SubsetResult:
    members = torch.tensor([m in subset for m in model.config.modalities])
    rows = rows[data.present[rows][:, members].all(dim=1)]
    joints, deviations = [], []
    for part in rows.split(batch):
        mask = members.expand(len(part), -1)
        features = data.features(model, part, mask)
        if refine:
            features = scatter_rows(model.aligner(features[mask]), mask)
        out = model.predict(features, mask)
        joints.append(out.joints.numpy())
        deviations.append(out.log_std.exp().numpy())
    return _summary(
        subset, refine, np.concatenate(joints), np.concatenate(deviations),
        data.joints[rows].numpy(),
    )  # fmt: skip


def _summary(
    subset: tuple[str, ...],
    refine: bool,
    joints: NDArray[np.floating],
    deviations: NDArray[np.floating],
    truth: NDArray[np.floating],
) -> SubsetResult:
    errors = 1000 * joint_errors(joints, truth)
    return SubsetResult(
        subset=subset_name(subset),
        refined=refine,
        frames=len(joints),
        mpjpe_mm=float(errors.mean()),
        pa_mpjpe_mm=float(1000 * pa_mpjpe(joints, truth).mean()),
        per_joint_mm=tuple(float(e) for e in errors.mean(axis=0)),
        coverage_1std=float((np.abs(joints - truth) <= deviations[..., None]).mean()),
    )


def mean_pose_error_mm(mean_pose_m: NDArray[np.floating], truth: NDArray[np.floating]) -> float:
    """MPJPE of always answering the training set's mean pose: what a blind system scores."""
    return float(1000 * joint_errors(mean_pose_m[None], truth).mean())
