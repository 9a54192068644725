"""Pose errors and accuracies of a system over every subset of its modalities.

The encoders run once: a FeatureSet holds what they gave. `Metric` says of each figure how it is
written and which of two values is better.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from statistics import pstdev, stdev

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pta_ros.datasets.feature_set import FeatureSet
from pta_ros.metrics.paired import People, of_people
from pta_ros.metrics.pose import joint_errors, pa_mpjpe
from pta_ros.metrics.subsets import subset_name, subsets
from pta_ros.model.heads import PTAOutput
from pta_ros.model.projector import Projected
from pta_ros.model.pta import PTA


def _sample_deviation(values: Sequence[float]) -> float | None:
    return stdev(values) if len(values) > 1 else None


@dataclass(frozen=True)
class Metric:
    """One figure of a result: its attribute's name, its title and unit, and which is better.

    Values as close as `tie` are equal: they differ in floating point, not in skill. `deviation` is
    that of the values over several seeds, None where there is none.
    """

    key: str
    title: str
    unit: str
    tie: float
    higher_is_better: bool = False
    deviation: Callable[[Sequence[float]], float | None] = _sample_deviation

    def rise(self, before: float, after: float) -> float:
        """How much worse `after` is, in `rise_unit`; negative when it is better."""
        return before - after if self.higher_is_better else 100 * (after - before) / before

    @property
    def rise_unit(self) -> str:
        """Errors rise by a share of the error before; accuracies are percent already."""
        return "points" if self.higher_is_better else "%"


MPJPE = Metric("mpjpe_mm", "MPJPE", "mm", tie=0.001)
PA_MPJPE = Metric("pa_mpjpe_mm", "PA-MPJPE", "mm", tie=0.001)
COVERAGE = tuple(
    Metric(f"coverage_{n}std", f"within {n} std", "", 0.0, higher_is_better=True) for n in (1, 2)
)
ACCURACY = Metric("accuracy", "accuracy", "%", 1e-9, higher_is_better=True, deviation=pstdev)


@dataclass(frozen=True)
class SubsetResult:
    """Errors of one subset over `frames` frames, averaged over frames; millimetres.

    `per_joint_mm` follows `skeleton.JOINT_NAMES`. `coverage_1std` and `coverage_2std` are the
    shares of coordinates within one and two predicted deviations (0.683 and 0.954 if normal).
    `people` is empty where it was not asked for.
    """

    subset: str
    frames: int
    mpjpe_mm: float
    pa_mpjpe_mm: float
    per_joint_mm: tuple[float, ...]
    coverage_1std: float
    coverage_2std: float
    people: People = field(default_factory=dict)


@dataclass(frozen=True)
class ActivityResult:
    """Accuracy of one subset over `samples` samples; percent.

    `confusion` (K, K) counts samples: rows are the true classes, columns the answers. `people` as
    in SubsetResult.
    """

    subset: str
    samples: int
    accuracy: float
    confusion: tuple[tuple[int, ...], ...]
    people: People = field(default_factory=dict)

    def figures(self) -> dict[str, str | int | float]:
        """Plain values, without the confusion and people."""
        return {"subset": self.subset, "samples": self.samples, "accuracy": self.accuracy}


def evaluate_subsets(
    model: Projected,
    data: FeatureSet,
    rows: Tensor,
    refine: bool | None = None,
    only: Sequence[tuple[str, ...]] | None = None,
    unused: Tensor | None = None,
    people: NDArray[np.str_] | None = None,
) -> list[SubsetResult]:
    """Pose errors of `model` on `rows` for all subsets, or `only` some.

    A frame that lacks a member, or in which none sees who is there, is left out of the subset, and
    a subset that no frame has is left out of the results. `refine` as in PTA.complete. `unused`
    (frames of `data`, M) bool: sensors that are there and not used all the same. `people` (frames
    of `data`,): whom they show; the results tell of each person, too.
    """
    found = _outputs(model, data, rows, refine, only, unused)
    return [
        pose_result(
            name, out.joints.numpy(), out.log_std.exp().numpy(), data.joints[kept].numpy(),
            _of(people, kept),
        )
        for name, out, kept in found
    ]  # fmt: skip


def _of(people: NDArray[np.str_] | None, rows: Tensor) -> NDArray[np.str_] | None:
    return None if people is None else people[rows.numpy()]


def evaluate_activities(
    model: Projected,
    data: FeatureSet,
    rows: Tensor,
    refine: bool | None = None,
    only: Sequence[tuple[str, ...]] | None = None,
    people: NDArray[np.str_] | None = None,
) -> list[ActivityResult]:
    """Accuracies of `model` on `rows` for all subsets; all else as in evaluate_subsets."""
    return [
        _activity_result(name, out, data.truth(kept).labels, _of(people, kept))
        for name, out, kept in _outputs(model, data, rows, refine, only)
    ]


def _outputs(
    model: Projected,
    data: FeatureSet,
    rows: Tensor,
    refine: bool | None,
    only: Sequence[tuple[str, ...]] | None = None,
    unused: Tensor | None = None,
) -> Iterator[tuple[str, PTAOutput, Tensor]]:
    """Each subset that some row has, by name, with what `outputs_of` gives for it."""
    for subset in subsets(model.config.modalities) if only is None else only:
        out, kept = outputs_of(model, data, rows, subset, refine, unused)
        if len(kept):
            yield subset_name(subset), out, kept


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
    """What the model gives for some of the rows, and which they are (N,).

    Those that have all members of `subset` and one that sees who is there.
    """
    model.eval()
    members = torch.tensor([m in subset for m in model.config.modalities])
    told = data.present[rows][:, members].all(dim=1) & data.seeing(rows)[:, members].any(dim=1)
    rows = rows[told]
    parts = []
    for part in rows.split(batch):  # one empty part where there is no row
        mask = members.expand(len(part), -1)
        mask = mask if unused is None else mask & ~unused[part]
        features = data.features(model, part, mask, members)
        choice = {"refine": refine} if isinstance(model, PTA) else {}
        parts.append(model.complete(features, mask.to(features.device), **choice))
    return PTAOutput(*(torch.cat(values).cpu() for values in zip(*parts, strict=True))), rows


def predict_subset(
    model: Projected, data: FeatureSet, rows: Tensor, subset: tuple[str, ...], batch: int = 256
) -> tuple[Tensor, Tensor, Tensor]:
    """Joints (N, J, 3), deviations (N, J) and true joints, of the frames of `outputs_of`."""
    out, kept = outputs_of(model, data, rows, subset, batch=batch)
    return out.joints, out.log_std.exp(), data.joints[kept]


def pose_result(
    name: str,
    joints_m: NDArray[np.floating],
    deviation_m: NDArray[np.floating],
    truth_m: NDArray[np.floating],
    people: NDArray[np.str_] | None = None,
) -> SubsetResult:
    """Errors of estimates (N, J, 3) with deviations (N, J) against their truth (N, J, 3).

    `people` (N,): whom each frame shows.
    """
    errors = 1000 * joint_errors(joints_m, truth_m)
    aligned = 1000 * pa_mpjpe(joints_m, truth_m)
    each = {MPJPE.key: errors.mean(axis=1), PA_MPJPE.key: aligned}
    ratio = np.abs(joints_m - truth_m) / deviation_m[..., None]
    return SubsetResult(
        subset=name,
        frames=len(truth_m),
        mpjpe_mm=float(errors.mean()),
        pa_mpjpe_mm=float(aligned.mean()),
        per_joint_mm=tuple(float(e) for e in errors.mean(axis=0)),
        coverage_1std=float((ratio <= 1).mean()),
        coverage_2std=float((ratio <= 2).mean()),
        people=of_people(each, people),
    )


def _activity_result(
    name: str, out: PTAOutput, labels: Tensor, people: NDArray[np.str_] | None
) -> ActivityResult:
    answers = out.logits.argmax(dim=1)
    counts = confusion(labels, answers, out.logits.shape[1]).tolist()
    right = 100 * (answers == labels).float()
    return ActivityResult(
        name, len(labels), float(right.mean()), tuple(tuple(row) for row in counts),
        of_people({ACCURACY.key: right.numpy()}, people),
    )  # fmt: skip


def confusion(labels: Tensor, answers: Tensor, classes: int) -> Tensor:
    """How often each true class (row) got each answer (column): (K, K) counts."""
    return torch.bincount(labels * classes + answers, minlength=classes**2).view(classes, classes)


def mean_pose_error_mm(mean_pose_m: NDArray[np.floating], truth: NDArray[np.floating]) -> float:
    """MPJPE of always answering the training set's mean pose: what a blind system scores."""
    return float(1000 * joint_errors(mean_pose_m[None], truth).mean())
