"""The encoders' last blocks trained on with the fusion, each subset taught by all (docs/fusion.md).

The paper's encoders stay as they were pre-trained; this stage is beyond it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn.functional import kl_div

from pta_ros.datasets.feature_set import FeatureSet, deviation_of
from pta_ros.datasets.reduced import ReducedSet
from pta_ros.model.encoders.last import last_parameters
from pta_ros.model.heads import PTAOutput
from pta_ros.model.pta import PTA
from pta_ros.training.augment import at_once, either_side
from pta_ros.training.fit import Setup, loss_stage
from pta_ros.training.losses import CROSS_ENTROPY, JOINT_ERRORS, task_loss
from pta_ros.training.parts import MAIN, modules_of
from pta_ros.training.purify import draw_subsets
from pta_ros.training.resume import Stage

#: Rows -> a set of features, and its rows for them.
Draw = Callable[[Tensor], tuple[FeatureSet, Tensor]]


def distil_stage(setup: Setup, model: PTA, draw: Draw) -> Stage:
    """The stage that trains the encoders' last blocks, projections, fusion and heads of `model`.

    A frame's drawn subset is to tell the truth, and what all of the frame's sensors tell, which
    teaches without being taught. What is refined is refined as when it is used. The weights and all
    statistics stay as they are. `draw` gives features with a gradient, such as `Encoded`.
    """
    config, settings = setup.config, setup.config.distil
    learning = _learning(model, config.freeze)
    theta = torch.optim.AdamW(learning, settings.learning_rate, weight_decay=settings.weight_decay)

    def loss_of(part: Tensor) -> Tensor:
        model.eval()
        data, rows = draw(part)
        present = data.present[rows]
        mask, device = draw_subsets(present), model.purify.logits.device
        there, mask = present.to(device), mask.to(device)
        finished = model.finish(data.features(model, rows, present), there)
        told = model.predict(finished, mask)
        task = task_loss(config.task_loss, told, data.truth(rows).to(device))
        if not settings.teacher:
            return task
        with torch.no_grad():
            teacher = model.predict(finished, there)
        return task + settings.teacher * apart(config.task_loss, told, teacher)

    budget = replace(
        config.meta, epochs=settings.epochs, batch=settings.batch,
        learning_rate=settings.learning_rate, schedule="one_cycle",
    )  # fmt: skip
    own = replace(setup, config=replace(config, meta=budget))
    stage = loss_stage("distil", own, model, theta, loss_of)
    return replace(stage, setting="distil.learning_rate")


def _learning(model: PTA, frozen: tuple[str, ...]) -> list[nn.Parameter]:
    """What learns, nothing of it in a part that is `frozen`; all else of the model does not."""
    model.requires_grad_(False)
    free = {m: encoder for m, encoder in model.encoders.items() if m not in frozen}
    found = [p for m, encoder in free.items() for p in last_parameters(m, encoder).values()]
    behind = modules_of(model, tuple(part for part in MAIN if part not in frozen))
    found += [p for module in behind for p in module.parameters()]
    for parameter in found:
        parameter.requires_grad_(True)
    return found


def apart(loss: str, told: PTAOutput, teacher: PTAOutput) -> Tensor:
    """How far answers are from their teacher's: the task's error, or the classes' divergence."""
    if loss == CROSS_ENTROPY:
        own, taught = (x.logits.log_softmax(dim=1) for x in (told, teacher))
        return kl_div(own, taught, reduction="batchmean", log_target=True)
    return JOINT_ERRORS[loss](told.joints, teacher.joints).mean()


@dataclass(frozen=True, eq=False)
class Encoded:
    """Draws rows of `data` as tokens of `encoders` that have a gradient; `augment`: changed."""

    encoders: Mapping[str, nn.Module]
    data: ReducedSet
    points: int
    augment: bool

    def __call__(self, rows: Tensor) -> tuple[FeatureSet, Tensor]:
        """A batch of rows and which they are; with the first `points` of the LiDAR's points."""
        index, data = rows.numpy(), self.data
        given = {m: torch.from_numpy(data.inputs[m][index]) for m in self.encoders}
        there = {m: torch.from_numpy(data.present[m][index]) for m in self.encoders}
        inputs, joints = given, torch.from_numpy(data.joints[index])
        if self.augment:
            inputs, joints, there = at_once(given, joints, there)
        tokens = {m: _encoded(encoder, inputs[m], there[m]) for m, encoder in self.encoders.items()}
        points = {m: inputs[m][:, : self.points] for m in ("lidar",) if m in inputs}
        drawn = FeatureSet(
            tokens, points, torch.stack(list(there.values()), dim=1), joints, rows,
            torch.from_numpy(data.labels[index]), either_side(deviation_of(data, index)),
        )  # fmt: skip
        return drawn, torch.arange(len(rows))


def _encoded(encoder: nn.Module, inputs: Tensor, real: Tensor) -> Tensor:
    """Tokens (B, L, C) of the inputs that are `real` (B,); zero elsewhere."""
    device = next(encoder.parameters()).device
    seen = encoder(inputs[real].to(device))
    return seen.new_zeros(len(inputs), *seen.shape[1:]).index_put((real.nonzero()[:, 0],), seen)
