"""Which modalities the refinement serves, decided on people whom it was not trained on."""

from __future__ import annotations

import torch
from torch import Tensor

from pta_ros.datasets.features import FeatureSet
from pta_ros.metrics.evaluate import outputs_of
from pta_ros.model.pta import PTA
from pta_ros.training.losses import task_error


@torch.inference_mode()
def leave_plain_what_suffers(model: PTA, data: FeatureSet, rows: Tensor, loss: str) -> None:
    """Leave a modality's features plain where refined ones give more of the task loss alone.

    `rows` of `data` must be the meta-validation's: a refinement fits the people that it is trained
    on, the more closely the less a sensor says, and is worse than none for others. `loss` is the
    name of the task loss. A modality that no row has is left as it is.
    """

    def error(modality: str, refine: bool) -> float:
        out, kept = outputs_of(model, data, rows, (modality,), refine)
        return float(task_error(loss, out, data.truth(kept))) if len(kept) else 0.0

    model.eval().leave_plain(())
    suffers = (m for m in model.config.modalities if error(m, refine=True) > error(m, refine=False))
    model.leave_plain(tuple(suffers))
