"""How far features are refined, decided on people whom the refinement was not trained on."""

from __future__ import annotations

import torch
from torch import Tensor

from pta_ros.datasets.feature_set import FeatureSet
from pta_ros.metrics.evaluate import outputs_of
from pta_ros.model.pta import PTA
from pta_ros.training.losses import task_error

#: Of the way from plain to refined features; the first of equals is taken.
SHARES = (1.0, 0.75, 0.5, 0.25, 0.0)


@torch.inference_mode()
def choose_shares(model: PTA, data: FeatureSet, rows: Tensor, loss: str) -> None:
    """Set how far each modality's features are refined: where it alone has the least task loss.

    A refinement fits the people that it is trained on, the more closely the less a sensor says, and
    all the way it may be worse than none for others. So `rows` of `data` must be those of
    meta-validation people. `loss` is the task loss's name. A modality that no row has keeps 1.
    """

    def error(modality: str, share: float) -> float:
        model.refine_by({modality: share})
        out, kept = outputs_of(model, data, rows, (modality,), refine=True)
        return float(task_error(loss, out, data.truth(kept))) if len(kept) else 0.0

    names = model.config.modalities
    model.refine_by({m: min(SHARES, key=lambda share: error(m, share)) for m in names})
