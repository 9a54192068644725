"""A model made ready to run one sample at a time: the same function, in fewer and faster steps."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import TypeVar, cast

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval

from pta_ros.model.align import Aligner
from pta_ros.model.attention import WeightedAttention
from pta_ros.model.encoders.xfi import DepthEncoder
from pta_ros.model.encoders.xfi_blocks import XfiEncoder
from pta_ros.model.encoders.xfi_fast import FastLidarEncoder
from pta_ros.model.encoders.xfi_lidar import LidarEncoder
from pta_ros.model.encoders.xfi_static import StaticLidarEncoder
from pta_ros.model.freeze import Freezer, Frozen
from pta_ros.model.heads import ActivityHead, PoseHead
from pta_ros.model.pta import PTA
from pta_ros.model.purify import ReliabilityGate
from pta_ros.people.birdseye import CHANNELS, SIZE

T = TypeVar("T", bound=nn.Module)

#: Of the layers of encoders `xfi`; everything else is computed in float32.
PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}


@torch.inference_mode()
def trace_parts(
    model: PTA,
    shapes: Mapping[str, tuple[int, ...]],
    precision: str = "float32",
    batch: int = 1,
    graphs: Frozen | None = None,
) -> None:
    """Replace the parts of `model`, in eval mode, by traced graphs for batches of `batch`.

    `shapes` are those of the reduced frames. At batch 1 a third of the time goes into calls between
    small layers, and eager convolutions take torch's slow path. `precision` is one of PRECISIONS.
    `graphs` is filled with what was traced, by part. Given again for the same weights, device and
    settings it is used in place of tracing: torch keeps every trace until the process ends.
    """
    freeze = Freezer({} if graphs is None else graphs)
    config, device = model.config, model.purify.logits.device
    _trace_encoders(model, shapes, precision, batch, freeze)
    features = torch.zeros(batch * len(config.modalities), config.tokens, config.dim, device=device)
    if isinstance(model.aligner, nn.ModuleDict):
        for modality, aligner in list(model.aligner.items()):
            model.aligner[modality] = freeze(aligner, features[:batch], f"align {modality}")
    else:
        model.aligner = cast(Aligner, freeze(model.aligner, features, "align"))
    _trace_attention(model, freeze, features[:batch])
    model.head = cast(PoseHead, freeze(model.head, features[:batch], "head"))
    _trace_pretrained(model, freeze, features[:batch])
    if model.activity is not None:
        model.activity = cast(ActivityHead, freeze(model.activity, features[:batch], "activity"))
    _trace_gate(model, freeze, features.view(batch, -1, *features.shape[1:]))


@torch.inference_mode()
def trace_encoders(
    model: PTA, shapes: Mapping[str, tuple[int, ...]], precision: str, batch: int
) -> None:
    """As `trace_parts`, of the encoders and what projects their tokens alone."""
    _trace_encoders(model, shapes, precision, batch, Freezer({}))


def _trace_encoders(
    model: PTA, shapes: Mapping[str, tuple[int, ...]], precision: str, batch: int, freeze: Freezer
) -> None:
    config, device = model.config, model.purify.logits.device
    for modality, shape in shapes.items():
        example = torch.zeros(batch, *shape, device=device)
        encoder, projector = model.encoders[modality].eval(), model.projectors[modality].eval()
        fast = _fast_encoder(encoder, PRECISIONS[precision]).to(device)
        if isinstance(fast, FastLidarEncoder):  # its steps depend on the cloud
            tokens = torch.zeros(batch, fast.tokens, config.channels, device=device)
            model.encoders[modality] = fast
            model.projectors[modality] = freeze(projector, tokens, modality)
        else:
            whole = nn.Sequential(fast, projector).eval()
            model.encoders[modality] = freeze(whole, example, modality)
            model.projectors[modality] = nn.Identity()


#: Batches that the encoders of a model that finds people are traced for, the largest first.
BATCHES = (4, 2, 1)


@torch.inference_mode()
def trace_people(
    model: PTA,
    finder: nn.Module,
    shapes: Mapping[str, tuple[int, ...]],
    precision: str = "float32",
    graphs: Frozen | None = None,
) -> nn.Module:
    """The traced `finder`; the parts of `model` are replaced by traced graphs for any batch.

    Both are in eval mode, their norms folded. `shapes` are those of the centred readings;
    `precision` is that of the convolutions; `graphs` as in `trace_parts`.
    """
    freeze = Freezer({} if graphs is None else graphs)
    config, device, dtype = model.config, model.purify.logits.device, PRECISIONS[precision]
    for modality, shape in shapes.items():
        encoder = of_precision(model.encoders[modality], dtype)
        whole = nn.Sequential(encoder, model.projectors[modality]).eval()
        model.encoders[modality] = _Batched(
            {n: freeze(whole, torch.zeros(n, *shape, device=device), f"{modality} {n}")
             for n in BATCHES}
        )  # fmt: skip
        model.projectors[modality] = nn.Identity()
    features = torch.zeros(len(shapes), config.tokens, config.dim, device=device)
    if not isinstance(model.aligner, nn.ModuleDict):
        model.aligner = cast(Aligner, freeze(model.aligner, features, "align"))
    _trace_attention(model, freeze, features[:1])
    model.head = cast(PoseHead, freeze(model.head, features[:1], "head"))
    _trace_pretrained(model, freeze, features[:1])
    grid = torch.zeros(1, CHANNELS, SIZE, SIZE, device=device)
    return freeze(of_precision(finder, dtype), grid, "finder")


@torch.inference_mode()
def quick_encoders(model: PTA, precision: str = "float32") -> None:
    """Replace the encoders of `model`, norms folded, by those whose steps depend on no input.

    They are not traced: for graphs (model/replayed.py). `precision` is one of PRECISIONS.
    """
    dtype = PRECISIONS[precision]
    for modality, encoder in model.encoders.items():
        device = model.purify.logits.device
        if isinstance(encoder, LidarEncoder):
            model.encoders[modality] = StaticLidarEncoder(encoder, dtype).eval().to(device)
        elif model.config.joint_tokens:
            model.encoders[modality] = of_precision(encoder, dtype)
        else:
            model.encoders[modality] = _fast_encoder(encoder, dtype)


def _trace_pretrained(model: PTA, freeze: Freezer, features: torch.Tensor) -> None:
    if model.pretrained is None:
        return
    config, heads = model.config, model.pretrained.heads
    kept = features[:, : config.feature_tokens - config.tokens, : config.pretrained]
    for modality, head in list(heads.items()):
        heads[modality] = freeze(head, kept, f"pre-trained {modality}")


def _trace_attention(model: PTA, freeze: Freezer, features: torch.Tensor) -> None:
    """Trace the fusion's blocks, where it has any, on features (B, L, D); M, R may change."""
    if model.attention is not None:
        modalities = len(model.config.modalities)
        logits = features.new_zeros(len(features), 1 + modalities, modalities)
        each = features[:, None].expand(-1, modalities, -1, -1)
        example = (each, logits.softmax(dim=2), logits.log_softmax(dim=2))
        model.attention = cast(WeightedAttention, freeze(model.attention, example, "attention"))


def _trace_gate(model: PTA, freeze: Freezer, features: torch.Tensor) -> None:
    """Trace the gate, where the model has one, on features (B, M, L, D)."""
    if model.gate is not None:
        mask = features.new_ones(features.shape[:2], dtype=torch.bool)
        shown = model.shown(model.alone(features), mask.shape)
        model.gate = cast(ReliabilityGate, freeze(model.gate, (features, mask, *shown), "gate"))


def of_precision(module: nn.Module, dtype: torch.dtype) -> nn.Module:
    """A module whose convolutions compute in `dtype` and see channels last; others stay as is."""
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d):
            layer.to(dtype)
            layer.weight.data = layer.weight.data.contiguous(memory_format=torch.channels_last)
    return module


class _Batched(nn.Module):
    """A module traced for some sizes of batches, of which any batch is put together."""

    def __init__(self, traced: Mapping[int, nn.Module]) -> None:
        super().__init__()
        self._traced = nn.ModuleDict({str(size): traced[size] for size in traced})

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """`x` (B, ...), B of any size but 0."""
        parts, at = [], 0
        while at < len(x):
            size = next(n for n in BATCHES if n <= len(x) - at)
            parts.append(self._traced[str(size)](x[at : at + size]))
            at += size
        return parts[0] if len(parts) == 1 else torch.cat(parts)


class _Float32(nn.Module):
    """What follows an encoder of lower precision is computed in float32."""

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        return tokens.float()


def _fast_encoder(encoder: nn.Module, dtype: torch.dtype) -> nn.Module:
    """An encoder, whose norms are folded, that gives the same tokens sooner.

    Convolutions see channels last. The three channels of a depth image are alike: one is convolved
    with the sum of their weights.
    """
    if isinstance(encoder, LidarEncoder):
        return FastLidarEncoder(encoder, dtype).eval()
    if not isinstance(encoder, XfiEncoder):
        return encoder
    if isinstance(encoder, DepthEncoder):
        first = cast(nn.Conv2d, encoder.reshape[0])
        first.weight.data, first.in_channels = first.weight.data.sum(dim=1, keepdim=True), 1
    encoder = encoder.to(dtype)
    for layer in encoder.modules():
        if isinstance(layer, nn.Conv2d):
            layer.weight.data = layer.weight.data.contiguous(memory_format=torch.channels_last)
    return nn.Sequential(encoder, _Float32()).eval()


def fold_norms(model: T) -> T:
    """Copy of `model` in eval mode; a norm that follows its layer is folded in.

    In a Sequential it does by its place, elsewhere where the module says so (`norm_pairs`).
    """
    folded = copy.deepcopy(model).eval()
    for module in folded.modules():
        for layer, norm in getattr(module, "norm_pairs", ()):
            conv = fuse_conv_bn_eval(getattr(module, layer), getattr(module, norm))
            setattr(module, layer, conv)
            setattr(module, norm, nn.Identity())
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
