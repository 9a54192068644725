"""Predicted deviations made true on validation data (Kuleshov et al., 2018, for a normal)."""

from __future__ import annotations

import torch
from torch import Tensor

from pta_ros.datasets.features import FeatureSet
from pta_ros.evaluation.poses import predict_subset
from pta_ros.evaluation.subsets import subsets
from pta_ros.model.projector import Projected

#: Share of a normal variable within one standard deviation.
WITHIN_ONE = 0.6827


@torch.inference_mode()
def calibrate(model: Projected, data: FeatureSet, rows: Tensor) -> None:
    """Set `model.calibration` so that WITHIN_ONE of the errors lie within one deviation.

    One factor per subset of the modalities and joint: the quantile of |error| / deviation over the
    coordinates of `rows`, which must not be training rows.
    """
    model.eval().calibration.log_factor.zero_()
    if not model.config.has("pose"):
        return
    for subset in subsets(model.config.modalities):
        joints, deviation, truth = predict_subset(model, data, rows, subset)
        if len(joints):
            ratio = (joints - truth).abs() / deviation[..., None]
            factor = ratio.transpose(0, 1).flatten(1).quantile(WITHIN_ONE, dim=1)
            member = torch.tensor([[m in subset for m in model.config.modalities]])
            model.calibration.log_factor[model.calibration.subset(member)[0]] = factor.log()
