"""Third stage: the gate, trained on frames that go wrong, with everything else as it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from pta_ros.datasets.features import FeatureSet
from pta_ros.model.pta import PTA
from pta_ros.training.config import TrainConfig
from pta_ros.training.fit import fit_stage
from pta_ros.training.loop import Figures, Stage
from pta_ros.training.purify import draw_subsets

#: Features of corrupted frames: modality -> kind -> tokens of the same rows as the clean ones.
Spoilt = Mapping[str, Mapping[str, FeatureSet]]


def gate_stage(
    config: TrainConfig,
    model: PTA,
    clean: FeatureSet,
    spoilt: Spoilt,
    rows: Tensor,
    validate: Callable[[], Figures],
    progress: Callable[[int, int], None],
) -> Stage:
    """The stage that trains `model.gate` alone, on `rows`, each modality spoilt at random.

    The gate learns from frames of people that the encoders were not trained on, as the weights do:
    on their own people all sensors look better than they are.
    """
    assert model.gate is not None, "a model with config.gate"
    model.requires_grad_(False)
    model.gate.requires_grad_(True)
    theta = torch.optim.AdamW(
        model.gate.parameters(), config.gate.learning_rate, weight_decay=config.gate.weight_decay
    )

    def step(number: int, count: int, part: Tensor) -> Figures:
        model.eval()
        mask = draw_subsets(clean.present[part])
        with torch.no_grad():
            seen = mix(clean, spoilt, part, config.gate.spoil)
            features = seen.features(model, torch.arange(len(part)), mask)
            if model.config.refine:
                features = model.align(features, mask)
        loss = relative_error(model.predict(features, mask).joints, clean.joints[part])
        theta.zero_grad()
        loss.backward()
        theta.step()
        return {"loss_log": float(loss.detach())}

    return fit_stage("gate", config, model, {"theta": theta}, rows, step, validate, progress)


def relative_error(joints: Tensor, truth: Tensor, floor_m: float = 0.05) -> Tensor:
    """Mean logarithm of every sample's MPJPE (metres, plus a floor), joints (B, J, 3).

    A millimetre counts by how good the sample could be: with the error itself the gate learns to
    save the hopeless samples at the price of the good ones.
    """
    error = torch.linalg.vector_norm(joints - truth, dim=-1).mean(dim=1)
    return (error + floor_m).log().mean()


def mix(clean: FeatureSet, spoilt: Spoilt, rows: Tensor, share: float) -> FeatureSet:
    """Features of `rows`, each modality of each row spoilt with probability `share`."""
    tokens, points = {}, {}
    for modality, kinds in spoilt.items():
        own = clean.tokens[modality][rows]
        place = clean.points[modality][rows] if modality in clean.points else None
        bad = torch.rand(len(rows)) < share
        which = torch.where(bad, torch.randint(len(kinds), (len(rows),)), -1)
        for number, view in enumerate(kinds.values()):
            hit = which == number
            own[hit] = view.tokens[modality][rows[hit]]
            if place is not None:
                place[hit] = view.points[modality][rows[hit]]
        tokens[modality] = own
        if place is not None:
            points[modality] = place
    return FeatureSet(tokens, points, clean.present[rows], clean.joints[rows], rows)
