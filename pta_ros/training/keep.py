"""How pre-trained models of single sensors are kept beside the fusion, and what they weigh."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeVar, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pta_ros.datasets.feature_set import Truth
from pta_ros.metrics.evaluate import outputs_of
from pta_ros.metrics.subsets import subsets
from pta_ros.model.config import PTAConfig
from pta_ros.model.heads import PTAOutput
from pta_ros.model.pretrained import KeepingProjector
from pta_ros.model.pta import PTA
from pta_ros.model.purify import subset_number
from pta_ros.training.fresh import Draw
from pta_ros.training.losses import task_error
from pta_ros.training.single import SingleModality

Array = NDArray[np.float64]
T = TypeVar("T", PTAOutput, Truth)

#: Fewer samples would fit exponents to their own chance.
LEAST = 100
#: The least exponent of the fusion: with none of both there would be no answer.
_SOME = 0.01
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
def fit_exponents(model: PTA, draw: Draw, rows: Tensor, loss: str, draws: int = 1) -> None:
    """Fit `model.pretrained.exponents` of every subset: the least task error `loss` on `rows`.

    Neither encoders nor fusion may have been trained on those. `draw` gives them `draws` times,
    each subset as the fusion saw it in training: single models never saw what is corrupted, and
    are heard less beside others for it. A subset that fewer than LEAST rows have hears the fusion.
    """
    pretrained, names = model.eval().pretrained, model.config.modalities
    assert pretrained is not None, "a model with config.pretrained"
    for subset in subsets(names):
        mask = torch.tensor([[m in subset for m in names]])
        exponents = pretrained.exponents[int(subset_number(mask)[0])]
        seen = [draw(rows, mask.expand(len(rows), -1)) for _ in range(draws)]
        told = []
        for alone in ((1.0, 0.0), (0.0, 1.0)):
            exponents.copy_(exponents.new_tensor(alone))
            each = [outputs_of(model, *shown, subset) for shown in seen]
            told.append(_joined(outputs for outputs, _ in each))
        truth = _joined(data.truth(some) for (data, _), (_, some) in zip(seen, each, strict=True))
        fusion, single = told
        enough = len(truth.joints) >= LEAST * draws
        best = _fitted(fusion, single, truth, loss) if enough else (1.0, 0.0)
        exponents.copy_(exponents.new_tensor(best))


def _joined(parts: Iterable[T]) -> T:
    """Named tuples of tensors (n, ...) as one."""
    each = list(parts)
    return type(each[0])(*(torch.cat(values) for values in zip(*each, strict=True)))


def _fitted(
    fusion: PTAOutput, single: PTAOutput, truth: Truth, loss: str
) -> Array | tuple[float, float]:
    """The exponents of the fusion's answers and of those of single models, to the same samples."""
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

    Those with which their product, normalised, has the least cross entropy of `labels` (N,). The
    first is _SOME at least.
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
    bounds = [(_SOME, None), *[(0.0, None)] * (len(told) - 1)]
    return np.asarray(minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds).x)
