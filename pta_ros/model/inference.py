"""A model made ready to run one sample at a time: the same function, in fewer and faster steps."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Mapping
from typing import TypeVar, cast

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval

from pta_ros.model.diffusion import Aligner
from pta_ros.model.heads import ActivityHead, PoseHead
from pta_ros.model.pta import PTA

T = TypeVar("T", bound=nn.Module)


@torch.inference_mode()
def trace_parts(model: PTA, shapes: Mapping[str, tuple[int, ...]]) -> None:
    """Replace the parts of `model`, in eval mode, by traced graphs for batches of one.

    `shapes` are those of the reduced frames. At batch 1 a third of the time goes into calls between
    small layers, and eager convolutions take torch's slow path.
    """
    config, device = model.config, model.purify.logits.device
    for modality, shape in shapes.items():
        example = torch.zeros(1, *shape, device=device)
        both = nn.Sequential(model.encoders[modality], model.projectors[modality]).eval()
        model.encoders[modality] = _freeze(both, example)
        model.projectors[modality] = nn.Identity()
    features = torch.zeros(len(config.modalities), config.tokens, config.dim, device=device)
    if isinstance(model.aligner, nn.ModuleDict):
        for modality, aligner in list(model.aligner.items()):
            model.aligner[modality] = _freeze(aligner, features[:1])
    else:
        model.aligner = cast(Aligner, _freeze(model.aligner, features))
    model.head = cast(PoseHead, _freeze(model.head, features[:1]))
    if model.activity is not None:
        model.activity = cast(ActivityHead, _freeze(model.activity, features[:1]))


def _freeze(module: nn.Module, example: torch.Tensor) -> nn.Module:
    with warnings.catch_warnings():
        # It warns of sizes and steps that become constants, which is meant, and of its own age.
        warnings.simplefilter("ignore")
        return torch.jit.freeze(torch.jit.trace(module, example, check_trace=False))


def fold_norms(model: T) -> T:
    """Copy of `model` in eval mode; a norm that follows its layer in a Sequential is folded in."""
    folded = copy.deepcopy(model).eval()
    for module in folded.modules():
        if isinstance(module, nn.Sequential):
            for name, norm in list(module.named_children()):
                if name.isdigit() and isinstance(norm, (nn.BatchNorm1d, nn.BatchNorm2d)):
                    _fold_into(module, int(name) - 1, norm)
    return folded


def _fold_into(sequence: nn.Sequential, index: int, norm: nn.modules.batchnorm._BatchNorm) -> None:
    layer = sequence[index]
    if isinstance(layer, nn.Linear):
        sequence[index] = fuse_linear_bn_eval(layer, norm)
    elif isinstance(layer, (nn.Conv1d, nn.Conv2d)):
        sequence[index] = fuse_conv_bn_eval(layer, norm)
    else:
        return
    sequence[index + 1] = nn.Identity()
