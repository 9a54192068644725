"""Pose error of a system over every subset of its modalities, from one pass over the encoders."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pta_ros.datasets.features import FeatureSet
from pta_ros.metrics.pose import joint_errors, pa_mpjpe
from pta_ros.metrics.subsets import subset_name, subsets
from pta_ros.model.heads import PTAOutput
from pta_ros.model.projector import Projected
from pta_ros.model.pta import PTA


@dataclass(frozen=True)
class SubsetResult:
    """Errors of one subset over `frames` frames, averaged over frames; millimetres.

    `coverage_1std` and `coverage_2std` are the shares of coordinates within one and two predicted
    deviations (0.683 and 0.954 if normal).
    """

    subset: str
    frames: int
    mpjpe_mm: float
    pa_mpjpe_mm: float
    per_joint_mm: tuple[float, ...]
    coverage_1std: float
    coverage_2std: float


def evaluate_subsets(
    model: Projected,
    data: FeatureSet,
    rows: Tensor,
    refine: bool | None = None,
    only: list[tuple[str, ...]] | None = None,
    unused: Tensor | None = None,
) -> list[SubsetResult]:
    """Evaluate `model` on `rows` for all subsets, or `only` some.

    Frames that lack a member are left out of a subset, and a subset that no frame has is left out
    of the results. `refine` as in PTA.complete. `unused` (frames of `data`, M) bool: what is there
    and not used all the same.
    """
    chosen = subsets(model.config.modalities) if only is None else only
    found = ((s, predict_subset(model, data, rows, s, refine, unused)) for s in chosen)
    return [_summary(s, *parts) for s, parts in found if len(parts[0])]


@torch.inference_mode()
def predict_subset(
    model: Projected,
    data: FeatureSet,
    rows: Tensor,
    subset: tuple[str, ...],
    refine: bool | None = None,
    unused: Tensor | None = None,
    batch: int = 256,
) -> tuple[Tensor, Tensor, Tensor]:
    """Joints (N, J, 3), deviations (N, J) and true joints, of the frames that have all members."""
    out, kept = outputs_of(model, data, rows, subset, refine, unused, batch)
    return out.joints, out.log_std.exp(), data.joints[kept]


@torch.inference_mode()
def outputs_of(
    model: Projected,
    data: FeatureSet,
    rows: Tensor,
    subset: tuple[str, ...],
    refine: bool | None = None,
    unused: Tensor | None = None,
    batch: int = 256,
) -> tuple[PTAOutput, Tensor]:
    """What the model says of the rows that have all members of `subset`, and those rows (N,)."""
    model.eval()
    members = torch.tensor([m in subset for m in model.config.modalities])
    rows = rows[data.present[rows][:, members].all(dim=1)]
    parts = []
    for part in rows.split(batch):  # one empty part where there is no row
        mask = members.expand(len(part), -1)
        mask = mask if unused is None else mask & ~unused[part]
        features = data.features(model, part, mask, members)
        choice = {"refine": refine} if isinstance(model, PTA) else {}
        parts.append(model.complete(features, mask, **choice))
    return PTAOutput(*(torch.cat(values) for values in zip(*parts, strict=True))), rows


def _summary(
    subset: tuple[str, ...], joints: Tensor, deviations: Tensor, truth: Tensor
) -> SubsetResult:
    errors = 1000 * joint_errors(joints.numpy(), truth.numpy())
    ratio = (joints - truth).abs() / deviations[..., None]
    return SubsetResult(
        subset=subset_name(subset),
        frames=len(joints),
        mpjpe_mm=float(errors.mean()),
        pa_mpjpe_mm=float(1000 * pa_mpjpe(joints.numpy(), truth.numpy()).mean()),
        per_joint_mm=tuple(float(e) for e in errors.mean(axis=0)),
        coverage_1std=float((ratio <= 1).float().mean()),
        coverage_2std=float((ratio <= 2).float().mean()),
    )


def mean_pose_error_mm(mean_pose_m: NDArray[np.floating], truth: NDArray[np.floating]) -> float:
    """MPJPE of always answering the training set's mean pose: what a blind system scores."""
    return float(1000 * joint_errors(mean_pose_m[None], truth).mean())
