"""Purify by itself: modality dropout, and weights learned for outputs that are already there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch
from torch import Generator, Tensor

from pta_ros.errors import ConfigError
from pta_ros.model.purify import ModalityWeights, fuse
from pta_ros.training.losses import Loss


def draw_subsets(
    present: Tensor, sees: Tensor | None = None, generator: Generator | None = None
) -> Tensor:
    """Modality dropout: per row a subset of what is `present` (B, M), (B, M) bool.

    Drawn uniformly from those with a modality that `sees` (B, M) what is to be told; None: all do.
    Raises ConfigError when a row has no such modality.
    """
    sees = present if sees is None else present & sees
    _each_has_one(sees)
    mask = _halve(present, generator)
    while bool((blind := ~(mask & sees).any(dim=1)).any()):
        mask[blind] = _halve(present[blind], generator)
    return mask


def _halve(present: Tensor, generator: Generator | None) -> Tensor:
    drawn = torch.rand(present.shape, generator=generator, device=present.device)
    return present & (drawn < 0.5)


def _each_has_one(present: Tensor) -> None:
    if bool((nothing := ~present.any(dim=1)).any()):
        row = int(nothing.nonzero()[0])
        raise ConfigError(f"row {row} has no modality at all; leave such rows out")


class Fitted(NamedTuple):
    """What was learned; modalities are in the order of the mapping that was given.

    `history` (steps, M): the weights over the full set after every step.
    """

    weights: ModalityWeights
    history: Tensor


def fit_modality_weights(
    outputs: Mapping[str, Tensor],
    targets: Tensor,
    loss: Loss,
    head: Callable[[Tensor], Tensor] | None = None,
    present: Tensor | None = None,
    steps: int = 500,
    batch: int = 64,
    learning_rate: float = 1e-2,
    seed: int = 0,
) -> Fitted:
    """Learn one weight per modality on held-out data, everything else as it is (Eq. 2, 4, 5).

    `outputs`: modality -> (N, ...), one shape for all. With `head` they are features (N, L, D) and
    the estimate is the head of their weighted sum; without, they are predictions (poses, logits),
    and the estimate is the weighted sum itself. `targets` (N, ...); `loss(estimate, target)` is a
    scalar; `present` (N, M) bool marks what is real (default: all), and the rest is never read.
    Every step draws a batch and a subset per row, and moves the weights by Adam.
    Use data that the modalities' own models were not trained on. For example, two pose models::

        poses = {"depth": depth_model(x), "csi": csi_model(y)}  # (N, 17, 3) each
        fitted = fit_modality_weights(poses, truth, torch.nn.functional.mse_loss)
        pose = fuse(torch.stack(list(poses.values()), dim=1), fitted.weights(mask))

    Raises ConfigError for nothing to fit, values that are not finite, and shapes that do not fit.
    """
    parts, present = _stacked(outputs, targets, present)
    weights = ModalityWeights(len(outputs)).to(parts)
    optimizer = torch.optim.Adam(weights.parameters(), learning_rate)
    generator = Generator().manual_seed(seed)
    history = []
    for _ in range(steps):
        rows = torch.randperm(len(parts), generator=generator)[:batch]
        fused = fuse(parts[rows], weights(draw_subsets(present[rows], generator=generator)))
        value = loss(fused if head is None else head(fused), targets[rows])
        optimizer.zero_grad()
        value.backward(inputs=list(weights.parameters()))
        optimizer.step()
        history.append(weights.logits.detach().softmax(dim=0))
    return Fitted(weights, torch.stack(history))


def _stacked(
    outputs: Mapping[str, Tensor], targets: Tensor, present: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Checked: outputs (N, M, ...) with zeros where absent, and presence (N, M)."""
    shapes = {name: tuple(value.shape) for name, value in outputs.items()}
    if not shapes:
        raise ConfigError("no modality is given; expected a tensor for one or more")
    if len(set(shapes.values())) > 1:
        raise ConfigError(f"outputs have the shapes {shapes}; expected one shape for all")
    parts = torch.stack([value.detach() for value in outputs.values()], dim=1)
    if not len(parts) or len(targets) != len(parts):
        raise ConfigError(
            f"{len(parts)} rows of outputs, {len(targets)} of targets; expected as many, not none"
        )
    if present is None:
        present = torch.ones(parts.shape[:2], dtype=torch.bool, device=parts.device)
    if present.dtype != torch.bool or present.shape != parts.shape[:2]:
        raise ConfigError(
            f"present is {present.dtype} {tuple(present.shape)}; expected bool "
            f"{tuple(parts.shape[:2])}, a column for each of {list(outputs)}"
        )
    _each_has_one(present)
    parts[~present] = 0.0
    if bool((bad := ~parts.flatten(2).isfinite().all(dim=2)).any()):
        row, column = bad.nonzero()[0].tolist()
        raise ConfigError(
            f"{list(outputs)[column]} has a value in row {row} that is not finite; "
            "mark it as not present"
        )
    return parts, present
