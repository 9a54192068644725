"""From features to what is told: purify, fusion, heads, and what is left out (method, Purify)."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from pta_ros.model.attention import WeightedAttention
from pta_ros.model.config import PTAConfig
from pta_ros.model.heads import ActivityHead, Answer, PTAOutput, answer
from pta_ros.model.pretrained import KeepingProjector, Pretrained
from pta_ros.model.projector import Projected, activity_head, main_head
from pta_ros.model.purify import ModalityWeights, ReliabilityGate, fuse_sets, subset_number
from pta_ros.model.settle import Settled


class Telling(Projected):
    """The last part of PTA: finished features (B, M, L, D), weighted, fused and read by heads."""

    def __init__(self, config: PTAConfig) -> None:
        super().__init__(config)
        modalities, blocks = len(config.modalities), config.attention
        if config.pretrained:
            keeping = {m: KeepingProjector(config, m) for m in config.modalities}
            self.projectors = nn.ModuleDict(keeping)
            self.feature_shape = (config.feature_tokens, config.dim)
        self.purify = ModalityWeights(modalities)
        self.attention = WeightedAttention(config.dim, blocks, config.dropout) if blocks else None
        self.head = main_head(config, config.mixers)
        self.own = _make_own(config, self.head) if config.own_heads else None
        self.pretrained = Pretrained(config) if config.pretrained else None
        self.activity = activity_head(config) if config.tasks[1:] else None
        self.gate = _make_gate(config) if config.gate else None
        self.settled = Settled(modalities, config.output_joints) if config.settle else None

    def predict(self, features: Tensor, mask: Tensor) -> PTAOutput:
        """The output of finished features (B, M, L, D) of the modalities in `mask` (B, M)."""
        return self.output(self.tell(features, mask[:, None]), mask, self.purify(mask))

    def predict_all(
        self, features: Tensor, finished: Tensor, mask: Tensor
    ) -> tuple[PTAOutput, PTAOutput]:
        """The output of all modalities in `mask` (B, M), and of each one alone, (B * M) rows.

        Of features (B, M, L, D) as projected and as finished. Rows alone of what is absent are to
        be ignored. That the gate leaves nothing out is computed ahead, with the rest.
        """
        heard = self.heard(mask)
        told = self.tell(finished, torch.cat([heard[:, None], one_by_one(finished)], dim=1))
        together, each = _split(told, len(mask))
        kept = self.trusted(features, mask, each)
        changed = (kept != heard).any(dim=1)
        if bool(changed.any()):
            again = self.tell(finished[changed], kept[changed][:, None])
            pairs = zip(together, again, strict=True)
            together = Answer(*(x.index_put((changed,), y) for x, y in pairs))
        whole = self.output(together, kept, self.purify(kept))
        return whole, self.output_alone(each, finished)

    def output_alone(self, each: Answer, finished: Tensor) -> PTAOutput:
        """The output of what `alone` says of each modality, (B * M) rows."""
        one = one_by_one(finished).flatten(0, 1)
        return self.output(each, one, self.purify(one))

    def trusted(self, features: Tensor, mask: Tensor, told: Answer) -> Tensor:
        """Which of the available frames to use, (B, M) bool.

        Those that the gate keeps and that are heard beside each other; without both all of them.
        `told` is what `alone` says of the finished features.
        """
        if self.gate is not None:
            mask = self.gate(self.tokens(features), mask, *self.shown(told, mask.shape))
        return self.heard(mask)

    def tokens(self, features: Tensor) -> Tensor:
        """Of features (B, M, L, D) those that are fused; pre-trained models read the rest."""
        return features[:, :, : self.config.tokens]

    def heard(self, mask: Tensor) -> Tensor:
        """Which of the modalities in `mask` (B, M) are heard beside each other, as was settled."""
        return mask if self.settled is None else self.settled.heard[subset_number(mask)]

    def alone(self, finished: Tensor) -> Answer:
        """What each modality says by itself, (B * M) rows, of finished features (B, M, L, D)."""
        return self.tell(finished, one_by_one(finished))

    def shown(self, told: Answer, shape: torch.Size) -> tuple[Tensor, Tensor]:
        """What `alone` says, as the gate wants it, of samples and modalities `shape` (B, M).

        Joints (B, M, J, 3) and log_std (B, M, J). Without poses the roots of the activities'
        probabilities, (B, M, K, 1) and (B, M, K).
        """
        if self.config.has("pose"):
            return told.joints.unflatten(0, shape), told.log_std.unflatten(0, shape)
        roots = told.logits.softmax(dim=1).sqrt().unflatten(0, shape)
        return roots[..., None], roots

    def fuse(self, features: Tensor, mask: Tensor) -> Tensor:
        """Features (B, M, L, D) of the modalities in `mask` (B, M) as one, (B, L, D)."""
        return self._fuse_sets(features, mask[:, None])[:, 0]

    def _fuse_sets(self, features: Tensor, masks: Tensor) -> Tensor:
        """As `fuse`, of R sets of modalities `masks` (B, R, M): (B, R, L, D)."""
        rows, features = masks.flatten(0, 1), self.tokens(features)
        weights = self.purify(rows).view(masks.shape)
        if self.attention is None:
            return fuse_sets(features, weights)
        fused: Tensor = self.attention(features, weights, self.purify.log(rows).view(masks.shape))
        return fused

    def tell(self, features: Tensor, masks: Tensor) -> Answer:
        """What features (B, M, L, D) say of R sets of them, `masks` (B, R, M): (B * R) rows."""
        fused = self._fuse_sets(features, masks).flatten(0, 1)
        result = answer(self.head, fused)
        weights = self.purify(masks.flatten(0, 1)).view(masks.shape)
        if self.own is not None:
            columns = zip(self.own.values(), self.tokens(features).unbind(dim=1), strict=True)
            each = torch.stack([head(column) for head, column in columns], dim=1)
            result = result._replace(logits=result.logits + fuse_sets(each, weights).flatten(0, 1))
        if self.pretrained is not None:
            kept = features[:, :, self.config.tokens :]
            result = self.pretrained(result, kept, masks, weights)
        if self.activity is not None:
            result = result._replace(logits=self.activity(fused))
        return result

    def output(self, result: Answer, mask: Tensor, weights: Tensor) -> PTAOutput:
        """See Projected; poses drawn to the mean pose as is settled for `mask` (B, M)."""
        if self.settled is not None:
            result = result._replace(joints=self.settled.draw(result.joints, mask))
        return super().output(result, mask, weights)


def one_by_one(features: Tensor) -> Tensor:
    """Every modality of features (B, M, L, D) by itself, (B, M, M) bool."""
    count, modalities = features.shape[:2]
    each = torch.eye(modalities, dtype=torch.bool, device=features.device)
    return each.expand(count, -1, -1)


def _split(told: Answer, count: int) -> tuple[Answer, Answer]:
    """The first row of each of `count` samples, and the others."""
    parts = [part.unflatten(0, (count, -1)) for part in told]
    return Answer(*(x[:, 0] for x in parts)), Answer(*(x[:, 1:].flatten(0, 1) for x in parts))


@torch.no_grad()
def _make_own(config: PTAConfig, head: nn.Module) -> nn.ModuleDict:
    """A head for each modality, beside which `head` begins at zero: as what is still to be said."""
    for parameter in cast(ActivityHead, head).score.parameters():
        parameter.zero_()
    return nn.ModuleDict({m: activity_head(config) for m in config.modalities})


def _make_gate(config: PTAConfig) -> ReliabilityGate:
    """A gate that compares poses or, in a model of activities alone, their probabilities."""
    modalities = len(config.modalities)
    if config.has("pose"):
        return ReliabilityGate(config.dim, config.joints, modalities)
    return ReliabilityGate(config.dim, len(config.classes), modalities, coordinates=1)
