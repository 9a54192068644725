"""Stages of a training run: trained epoch by epoch, saved after each, resumed exactly."""

from __future__ import annotations

import hashlib
import json
import math
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pta_ros.errors import CheckpointError, TrainingError
from pta_ros.tensors import load_into, load_tensors, read_note, save_tensors
from pta_ros.training.distributed import ALONE, Ranks

Figures = dict[str, float]

#: A weight beyond this is as good as infinite: its square overflows single precision.
_LARGEST = 1e19


@dataclass
class Stage:
    """One stage: `epoch(number)` trains for one epoch; it and `validate` return figures to log.

    Everything that changes from epoch to epoch is in `module` and `optimizers`: random numbers
    are drawn anew from (seed, stage, epoch), so an epoch repeated after a kill is bit-equal.
    `ranks` are the processes that train it together; the module is on their device meanwhile, and
    on the CPU before and after. `setting` is the learning rate's name in the
    configuration.
    """

    name: str
    module: nn.Module
    optimizers: Mapping[str, torch.optim.Optimizer]
    epochs: int
    epoch: Callable[[int], Figures]
    seed: int = 0
    history: list[Figures] = field(default_factory=list)
    ranks: Ranks = ALONE
    validate: Callable[[], Figures] = dict
    setting: str = "meta.learning_rate"


def run_stage(
    stage: Stage,
    folder: Path,
    identity: str,
    report: Callable[[str, int, Figures], None],
) -> None:
    """Train `stage` to its end, continuing from `folder` where an earlier run stopped.

    `identity` stands for the configuration and data: a state of another one raises CheckpointError,
    as does a state that cannot be saved. `report(stage, epoch, figures)` is called after every
    epoch that is trained here. Of several processes the first one saves, and all continue from what
    it has saved. Raises TrainingError, and removes the state, when the training has diverged.
    """
    path = folder / f"{stage.name}.state.safetensors"
    stage.module.to(stage.ranks.device)  # its parameters stay the same objects to the optimizers
    stage.ranks.wait()  # for an earlier run of this stage to be saved
    begin = _restore(stage, path, identity) if path.exists() else 0
    for number in range(begin, stage.epochs):
        seed_everything(stage.seed, stage.name, number)
        try:
            figures = _trained(stage, number)
        except (FloatingPointError, np.linalg.LinAlgError) as error:
            path.unlink(missing_ok=True)  # continued from, it would diverge again
            rates = [g["lr"] for o in stage.optimizers.values() for g in o.param_groups]
            raise TrainingError(
                f"{stage.name}, epoch {number + 1}: diverged at a learning rate of {max(rates):g} "
                f"({error}); lower {stage.setting} and run the command again: finished stages are "
                "kept"
            ) from error
        stage.history.append(figures)
        if stage.ranks.first:
            _save(stage, path, identity, number + 1)
        report(stage.name, number, figures)
    stage.module.cpu()


def _trained(stage: Stage, number: int) -> Figures:
    """Train and validate for one epoch; FloatingPointError or LinAlgError when it has diverged."""
    figures = stage.epoch(number)
    for name, weight in stage.module.named_parameters():
        if not bool((weight.detach().abs() <= _LARGEST).all()):
            raise FloatingPointError(f"weights of {name} are not finite")
    return {**figures, **stage.validate()}


def finite(figures: Figures) -> Figures:
    """The losses of one step; raises FloatingPointError when one is not finite."""
    for name, value in figures.items():
        if not math.isfinite(value):
            raise FloatingPointError(f"{name} is {value}")
    return figures


def read_stage(stage: Stage, folder: Path, identity: str) -> None:
    """Fill `stage` from `folder`; raises CheckpointError when it is not trained to its end."""
    path = folder / f"{stage.name}.state.safetensors"
    done = _restore(stage, path, identity)
    if done < stage.epochs:
        raise CheckpointError(
            f"{path}: {done} of {stage.epochs} epochs are trained; finish them with train_pta"
        )


def seed_everything(*parts: Any) -> None:
    """Seed every generator in use from the parts, alike on every machine."""
    digest = hashlib.sha256(repr(parts).encode()).digest()
    seed = int.from_bytes(digest[:4], "little")
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - libraries draw from it
    torch.manual_seed(seed)


def _save(stage: Stage, path: Path, identity: str, done: int) -> None:
    tensors = {f"module.{k}": v for k, v in stage.module.state_dict().items()}
    groups = {}
    for name, optimizer in stage.optimizers.items():
        state = optimizer.state_dict()
        groups[name] = state["param_groups"]
        for index, entries in state["state"].items():
            for key, value in entries.items():
                tensors[f"optimizer.{name}.{index}.{key}"] = torch.as_tensor(value)
    note = {"identity": identity, "done": done, "groups": groups, "history": stage.history}
    save_tensors(path, tensors, {"state": json.dumps(note)})


def _restore(stage: Stage, path: Path, identity: str) -> int:
    tensors = load_tensors(path)
    note = json.loads(read_note(path).get("state", "{}"))
    if note.get("identity") != identity:
        raise CheckpointError(
            f"{path}: state of another configuration or data set; "
            "expected the one it was begun with: choose a new run folder"
        )
    load_into(stage.module, _strip(tensors, "module."), path)
    for name, optimizer in stage.optimizers.items():
        state: dict[int, dict[str, Tensor]] = {}
        for key, value in _strip(tensors, f"optimizer.{name}.").items():
            index, entry = key.split(".", 1)
            state.setdefault(int(index), {})[entry] = value
        optimizer.load_state_dict({"state": state, "param_groups": note["groups"][name]})
    stage.history[:] = note["history"]
    return int(note["done"])


def _strip(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {k[len(prefix) :]: v for k, v in tensors.items() if k.startswith(prefix)}


def batches(rows: Tensor, size: int) -> list[Tensor]:
    """Shuffled batches of row numbers; a last batch of one joins the one before it."""
    split = list(rows[torch.randperm(len(rows))].split(size))
    if len(split) > 1 and len(split[-1]) == 1:  # batch norm needs two
        split[-2:] = [torch.cat(split[-2:])]
    return split
