"""Third stage: the gate, trained on frames that go wrong, with everything else as it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from pta_ros.datasets.features import FeatureSet
from pta_ros.model.pta import PTA
from pta_ros.training.config import TrainConfig
from pta_ros.training.fit import fit_stage
from pta_ros.training.purify import draw_subsets
from pta_ros.training.resume import Figures, Stage

#: Features of corrupted frames: modality -> kind -> tokens of the same rows as the clean ones.
Corrupted = Mapping[str, Mapping[str, FeatureSet]]


def gate_stage(
    config: TrainConfig,
    model: PTA,
    clean: FeatureSet,
    corrupted: Corrupted,
    rows: Tensor,
    validate: Callable[[], Figures],
    progress: Callable[[int, int], None],
) -> Stage:
    """The stage that trains `model.gate` alone, on `rows`, each modality corrupted at random.

    It learns which frames were corrupted (binary cross-entropy), not what error they cause: on the
    people whom the encoders know, all sensors look better than they are.
    """
    gate = model.gate
    assert gate is not None, "a model with config.gate"
    model.requires_grad_(False)
    gate.requires_grad_(True)
    theta = torch.optim.AdamW(
        gate.parameters(), config.gate.learning_rate, weight_decay=config.gate.weight_decay
    )

    def step(number: int, count: int, part: Tensor) -> Figures:
        model.eval()
        gate.train()
        mask = draw_subsets(clean.present[part])
        with torch.no_grad():
            seen, bad = mix(clean, corrupted, part, config.gate.corrupt)
            features = seen.features(model, torch.arange(len(part)), mask)
        odds = gate.log_odds(features, mask, model.head)[mask]
        loss = binary_cross_entropy_with_logits(odds, bad[mask].to(odds.dtype))
        theta.zero_grad()
        loss.backward()
        theta.step()
        return {"loss_gate": float(loss.detach())}

    return fit_stage("gate", config, model, {"theta": theta}, rows, step, validate, progress)


def mix(
    clean: FeatureSet, corrupted: Corrupted, rows: Tensor, share: float
) -> tuple[FeatureSet, Tensor]:
    """Features of `rows`, each modality of each row corrupt with probability `share`; which (B, M).

    The columns are in the order of `corrupted`.
    """
    tokens, points, bad = {}, {}, []
    for modality, kinds in corrupted.items():
        own = clean.tokens[modality][rows]
        place = clean.points[modality][rows] if modality in clean.points else None
        chosen = torch.rand(len(rows)) < share
        which = torch.where(chosen, torch.randint(len(kinds), (len(rows),)), -1)
        for number, view in enumerate(kinds.values()):
            hit = which == number
            own[hit] = view.tokens[modality][rows[hit]]
            if place is not None:
                place[hit] = view.points[modality][rows[hit]]
        tokens[modality] = own
        if place is not None:
            points[modality] = place
        bad.append(chosen)
    mixed = FeatureSet(tokens, points, clean.present[rows], clean.joints[rows], rows)
    return mixed, torch.stack(bad, dim=1)
