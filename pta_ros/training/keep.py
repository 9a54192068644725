"""How pre-trained models of single sensors are kept beside the fusion, and what they weigh."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pta_ros.datasets.features import FeatureSet, Truth
from pta_ros.metrics.evaluate import outputs_of
from pta_ros.metrics.subsets import subsets
from pta_ros.model.config import PTAConfig
from pta_ros.model.heads import PTAOutput
from pta_ros.model.pretrained import KeepingProjector
from pta_ros.model.pta import PTA
from pta_ros.model.purify import subset_number
from pta_ros.training.losses import task_error
from pta_ros.training.single import SingleModality

Array = NDArray[np.float64]

#: Of single models in the mean of two poses; the first of equals is taken.
SHARES = tuple(round(0.05 * step, 2) for step in range(21))


def keep(config: PTAConfig, singles: Mapping[str, SingleModality]) -> PTA:
    """A model of `config`, untrained but for `singles` (modality -> model), which it keeps."""
    model = PTA(config)
    assert model.pretrained is not None, "a model with config.pretrained"
    for modality, single in singles.items():
        projector = cast(KeepingProjector, model.projectors[modality])
        projector.kept.load_state_dict(single.projector.state_dict())
        model.pretrained.heads[modality].load_state_dict(single.head.state_dict())
    return model


@torch.inference_mode()
def fit_exponents(model: PTA, data: FeatureSet, rows: Tensor, loss: str) -> None:
    """Fit `model.pretrained.exponents` of every subset: the least task error `loss` on `rows`.

    Those must be samples of `data` that nothing was trained on. A subset that no row has stays as
    it is.
    """
    pretrained, names = model.eval().pretrained, model.config.modalities
    assert pretrained is not None, "a model with config.pretrained"
    for subset in subsets(names):
        number = int(subset_number(torch.tensor([[m in subset for m in names]]))[0])
        told = []
        for alone in ((0.0, 1.0), (1.0, 0.0)):
            pretrained.exponents[number] = pretrained.exponents.new_tensor(alone)
            out, found = outputs_of(model, data, rows, subset)
            told.append(out)
        if len(found):
            fitted = _fitted(told[1], told[0], data.truth(found), loss)
            pretrained.exponents[number] = pretrained.exponents.new_tensor(fitted)


def _fitted(
    fusion: PTAOutput, single: PTAOutput, truth: Truth, loss: str
) -> Array | tuple[float, float]:
    """The exponents of two answers to the same samples."""
    if not fusion.joints.shape[1]:
        both = torch.stack([fusion.logits, single.logits]).double().numpy()
        return pool(both, truth.labels.numpy())
    errors = {}
    for share in SHARES:
        mean = fusion._replace(joints=torch.lerp(fusion.joints, single.joints, share))
        errors[share] = float(task_error(loss, mean, truth))
    best = min(errors, key=errors.__getitem__)
    return 1 - best, best


def pool(told: Array, labels: NDArray[np.integer]) -> Array:
    """Exponents (A,), none negative, of A answers' log probabilities `told` (A, N, K).

    Those with which their product, normalised, has the least cross entropy of `labels` (N,).
    """
    from scipy.optimize import minimize  # late: the systems' names are known without it
    from scipy.special import log_softmax

    right = np.take_along_axis(told, labels[None, :, None], axis=2)[..., 0]  # (A, N)

    def loss(exponents: Array) -> tuple[float, Array]:
        logs = log_softmax(np.tensordot(exponents, told, axes=1), axis=1)
        entropy = -np.take_along_axis(logs, labels[:, None], axis=1).mean()
        slope = (np.exp(logs) * told).sum(axis=2) - right
        return float(entropy), np.asarray(slope.mean(axis=1))

    start = np.full(len(told), 1 / len(told))
    bounds = [(0.0, None)] * len(told)
    return np.asarray(minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds).x)
