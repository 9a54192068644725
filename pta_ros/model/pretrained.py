"""Models of single sensors as they were pre-trained, kept beside the fusion (beyond the paper)."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from pta_ros.model.config import PTAConfig
from pta_ros.model.encoders import token_count
from pta_ros.model.heads import Answer, answer
from pta_ros.model.projector import Projector, main_head
from pta_ros.model.purify import fuse_sets, subset_number


class KeepingProjector(Projector):
    """A projector that keeps that of a single-modality model, of width P, too.

    After its own L tokens come the K that the other's head reads, with zeros from P to D: the mean
    of its tokens, or all of them where each is of one joint.
    """

    def __init__(self, config: PTAConfig, modality: str) -> None:
        tokens, channels = token_count(config.encoders, modality), config.channels
        each = config.joint_tokens
        super().__init__(tokens, channels, config.tokens, config.dim, each)
        self.kept = Projector(tokens, channels, config.tokens, config.pretrained, each)
        self._wider, self._each = config.dim - config.pretrained, each

    def forward(self, encoded: Tensor) -> Tensor:
        """`encoded` (B, L_m, C) -> features (B, L + K, D)."""
        kept = self.kept(encoded)
        kept = kept if self._each else kept.mean(dim=1, keepdim=True)
        return torch.cat([super().forward(encoded), pad(kept, (0, self._wider))], dim=1)


class Pretrained(nn.Module):
    """What single-modality models say, pooled with what the fusion says.

    Training with the fusion makes a sensor stronger beside others and not always alone; answers
    that err differently are better together. They make a logarithmic opinion pool (Genest and
    Zidek, 1986): `exponents` (2**M, 2) of each subset are those of the fusion's probabilities and
    of the single models'. Of two poses, normal and equally sure, that is their weighted mean.
    training/keep.py fits the exponents; until then they are 1 and 0.
    """

    exponents: Tensor

    def __init__(self, config: PTAConfig) -> None:
        super().__init__()
        self._width, single = config.pretrained, replace(config, dim=config.pretrained)
        self.heads = nn.ModuleDict({m: main_head(single) for m in config.modalities})
        subsets = 2 ** len(config.modalities)
        self.register_buffer("exponents", torch.tensor([1.0, 0.0]).repeat(subsets, 1))

    def forward(self, told: Answer, last: Tensor, masks: Tensor, weights: Tensor) -> Answer:
        """What the fusion `told` of R sets of modalities, (B * R) rows, pooled.

        `last` (B, M, K, D) are the last tokens of KeepingProjector; sets are `masks` (B, R, M) bool
        with `weights` (B, R, M), by which the single models' answers are averaged.
        """
        said, numbers = self.said(last, weights), subset_number(masks.flatten(0, 1))
        fusion, single = self.exponents[numbers][..., None].unbind(dim=1)
        share = single / (fusion + single)
        return Answer(
            torch.lerp(told.joints, said.joints, share[..., None]),
            torch.lerp(told.log_std, said.log_std, share),
            fusion * log_chances(told.logits) + single * said.logits,
        )

    def said(self, last: Tensor, weights: Tensor) -> Answer:
        """The single models' answers, their logits as log probabilities, averaged: (B * R) rows."""
        columns = zip(self.heads.values(), last[..., : self._width].unbind(dim=1), strict=True)
        each = [answer(head, column) for head, column in columns]
        each = [x._replace(logits=log_chances(x.logits)) for x in each]
        parts = (torch.stack(part, dim=1) for part in zip(*each, strict=True))
        return Answer(*(fuse_sets(part, weights).flatten(0, 1) for part in parts))


def log_chances(logits: Tensor) -> Tensor:
    """Log probabilities of (B, K) classes; of presence alone (B, 1), whose log odds they are."""
    return logits.log_softmax(dim=1) if logits.shape[1] > 1 else logits
