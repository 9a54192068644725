"""What is set on validation people once a model is trained: its deviations, and its gate."""

from __future__ import annotations

import torch
from torch import Tensor

from pta_ros.datasets.features import FeatureSet
from pta_ros.evaluation.poses import predict_subset
from pta_ros.evaluation.subsets import subsets
from pta_ros.model.projector import Projected
from pta_ros.model.pta import PTA
from pta_ros.model.purify import subset_number

#: Share of a normal variable within one standard deviation.
WITHIN_ONE = 0.6827
#: Share of good frames that the gate may doubt, and the least log odds at which it may.
FALSE_ALARMS = 0.005
LEAST_ODDS = 0.0


@torch.inference_mode()
def calibrate(model: Projected, data: FeatureSet, rows: Tensor) -> None:
    """Set `model.calibration` so that WITHIN_ONE of the errors lie within one deviation.

    One factor per subset of the modalities and joint: the quantile of |error| / deviation over the
    coordinates of `rows`, which must not be training rows (Kuleshov et al., 2018, for a normal).
    """
    model.eval().calibration.log_factor.zero_()
    for subset in subsets(model.config.modalities):
        joints, deviation, truth = predict_subset(model, data, rows, subset)
        if len(joints):
            ratio = (joints - truth).abs() / deviation[..., None]
            factor = ratio.transpose(0, 1).flatten(1).quantile(WITHIN_ONE, dim=1)
            member = torch.tensor([[m in subset for m in model.config.modalities]])
            model.calibration.log_factor[subset_number(member)[0]] = factor.log()


@torch.inference_mode()
def calibrate_gate(model: PTA, data: FeatureSet, rows: Tensor, batch: int = 256) -> None:
    """Set the gate's thresholds so that it doubts FALSE_ALARMS of the good frames `rows`.

    One for each subset of the modalities and modality in it; `rows` must not be training rows.
    """
    gate = model.eval().gate
    assert gate is not None, "a model with config.gate"
    for subset in subsets(model.config.modalities):
        member = torch.tensor([m in subset for m in model.config.modalities])
        whole = rows[data.present[rows][:, member].all(dim=1)]
        odds = [
            gate.log_odds(data.features(model, part, mask), mask, model.head)
            for part in whole.split(batch)
            for mask in [member.expand(len(part), -1)]
        ]
        if len(whole):
            reached = torch.cat(odds).quantile(1 - FALSE_ALARMS, dim=0)
            gate.threshold[subset_number(member[None])[0]] = reached.clamp(min=LEAST_ODDS)
