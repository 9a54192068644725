"""What the gate is shown of frames, made once: its training has small vectors to read, no model."""

from __future__ import annotations

import torch
from torch import Tensor

from pta_ros.datasets.feature_set import FeatureSet
from pta_ros.model.pta import PTA
from pta_ros.model.purify import pooled
from pta_ros.training.mixed import Corrupted, with_view

_BATCH = 256


@torch.no_grad()
def evidence_of(model: PTA, data: FeatureSet, rows: Tensor, only: str | None = None) -> FeatureSet:
    """Of `rows` (n,) what the gate is shown of each modality, or of `only` one, on the CPU.

    In place of tokens there is one vector of pooled features (n, 1, 2D), in place of points what
    the modality says alone: joints and the log of their deviations (n, J, C + 1). Rows of a
    modality that is not present hold zero.
    """
    names, present = model.config.modalities, data.present[rows]
    asked = torch.tensor([only in (None, m) for m in names])
    used = present & asked
    there = used.any(dim=1).nonzero()[:, 0]
    seen = [_shown(model, data, rows[part], used[part], asked) for part in there.split(_BATCH)]
    vectors, poses = (torch.cat(parts) for parts in zip(*seen, strict=True))
    tokens, points = {}, {}
    for column, modality in enumerate(names):
        if only in (None, modality):
            tokens[modality] = _spread(vectors[:, None, column], there, len(rows))
            points[modality] = _spread(poses[:, column], there, len(rows))
    truth = data.truth(rows)
    return FeatureSet(tokens, points, present, truth.joints, rows, truth.labels, truth.deviation)


def _shown(
    model: PTA, data: FeatureSet, rows: Tensor, mask: Tensor, asked: Tensor
) -> tuple[Tensor, Tensor]:
    features = data.features(model, rows, mask, asked)  # of no rows, too, where nobody has one
    joints, log_std = model.shown_alone(features, mask.to(features.device))
    poses = torch.cat([joints, log_std[..., None]], dim=-1).cpu()
    vectors = torch.where(mask[..., None], pooled(model.tokens(features)).cpu(), 0.0)
    return vectors, torch.where(mask[..., None, None], poses, 0.0)


def _spread(values: Tensor, there: Tensor, count: int) -> Tensor:
    """Rows of `values` at `there`, of `count` rows of which the others are zero."""
    return values.new_zeros(count, *values.shape[1:]).index_copy_(0, there, values)


def evidence_of_views(
    model: PTA, data: FeatureSet, rows: Tensor, corrupted: Corrupted
) -> Corrupted:
    """The same of every kind of corruption of every modality."""
    return {
        modality: {
            kind: evidence_of(model, with_view(data, modality, view), rows, modality)
            for kind, view in kinds.items()
        }
        for modality, kinds in corrupted.items()
    }


def log_odds(model: PTA, evidence: FeatureSet, mask: Tensor) -> Tensor:
    """The gate's log odds (n, M) of frames of which `mask` (n, M) is there; see evidence_of."""
    assert model.gate is not None, "a model with config.gate"
    names, device = model.config.modalities, model.purify.logits.device
    vectors = torch.stack([evidence.tokens[m][:, 0] for m in names], dim=1).to(device)
    poses = torch.stack([evidence.points[m] for m in names], dim=1).to(device)
    return model.gate.log_odds(vectors, mask.to(device), poses[..., :-1], poses[..., -1])
