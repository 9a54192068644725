"""Blocks of frames and the encoder that they go through, in this process or in any other.

A block that is sent to a worker names files: of reduced frames (or of the tree, for large ones),
and of the encoder's weights. Both have to lie at the same place there.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pta_ros.datasets.arrays import Halves, Mapped
from pta_ros.datasets.large import FramesOfTree
from pta_ros.datasets.reduced import ReducedSet
from pta_ros.datasets.views import View
from pta_ros.errors import ConfigError, DatasetError
from pta_ros.tensors import load_tensors, save_tensors

CPU = torch.device("cpu")

#: Encoders that a worker keeps open.
_OPEN = 2

Arrays = dict[str, NDArray[Any]]

#: Frames by their numbers (B,): (B, *shape) float32.
Frames = NDArray[np.float32] | Halves | Mapped | FramesOfTree


@dataclass(frozen=True, eq=False)
class Block:
    """Frames (B,) of one modality, which are all present, as `view` shows them.

    They are `numbers` (B,) of `frames`; the view changes them by their `rows` (B,) in the set. The
    first `points` points of each (0: none) are kept beside its tokens. No tensors: those would
    cross processes as shared memory.
    """

    modality: str
    frames: Frames
    numbers: NDArray[np.int64]
    rows: NDArray[np.int64]
    view: View
    points: int = 0

    @classmethod
    def of(
        cls, data: ReducedSet, modality: str, rows: Tensor, view: View, points: int = 0
    ) -> Block:
        """Some rows of a set."""
        own = rows.numpy()
        shown = own if view.shown is None else view.shown(modality)[own]
        return cls(modality, data.inputs[modality], shown, own, view, points)

    def inputs(self) -> Tensor:
        """The frames (B, *shape) in this view; raises ConfigError where it changes their shape."""
        inputs = torch.from_numpy(self.frames[self.numbers])
        if self.view.change is None:
            return inputs
        changed = self.view.change(self.modality, inputs, torch.from_numpy(self.rows))
        what = f"inputs in view {self.view.name!r}"
        check_shape(self.modality, what, changed.shape, tuple(inputs.shape))
        return changed

    def sent(self) -> Block:
        """The same for another process, small: with files' names in place of what is in them."""
        view, frames, numbers = replace(self.view, shown=None), self.frames, self.numbers
        array = frames.array if isinstance(frames, Halves) else frames
        if isinstance(array, np.memmap):
            return replace(self, view=view, frames=Mapped.of(array))
        part = frames.only(numbers) if isinstance(frames, FramesOfTree) else frames[numbers]
        return replace(self, view=view, frames=part, numbers=np.arange(len(numbers)))


def check_shape(modality: str, what: str, found: tuple[int, ...], shape: tuple[int, ...]) -> None:
    """Raise ConfigError where something has another shape than it should."""
    if tuple(found) != shape:
        raise ConfigError(f"{modality}: {what} have shape {tuple(found)}; expected {shape}")


@torch.inference_mode()
def encode(encoder: nn.Module, block: Block, device: torch.device = CPU) -> Arrays:
    """Tokens (B, L, C) of a block by an encoder on `device`, and the points that it asks for."""
    inputs = block.inputs()
    made = {"tokens": encoder(inputs.to(device)).cpu().numpy()}
    if block.points:
        made["points"] = inputs[:, : block.points].numpy()
    return made


@dataclass(frozen=True)
class Stowed:
    """An encoder for other processes: its form, without any values, and the file of those."""

    file: Path
    form: nn.Module = field(compare=False, repr=False)

    @classmethod
    def at(cls, file: Path, encoder: nn.Module) -> Stowed:
        """Write the encoder's values; raises CheckpointError where that is impossible."""
        save_tensors(file, dict(_values(encoder)))
        return cls(file.absolute(), deepcopy(encoder).to("meta"))


@lru_cache(_OPEN)
def _opened(stowed: Stowed) -> nn.Module:
    """The encoder again; raises DatasetError where its file is not, CheckpointError for damage."""
    if not stowed.file.is_file():
        raise DatasetError(
            f"{stowed.file}: not there for a worker; expected the run folder at the same place on "
            "all machines"
        )
    values, encoder = load_tensors(stowed.file), deepcopy(stowed.form).to_empty(device="cpu")
    with torch.no_grad():
        for name, value in _values(encoder):
            value.copy_(values[name])
    return encoder


def _values(module: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """Parameters and buffers, those that a checkpoint leaves out as well."""
    yield from module.named_parameters(remove_duplicate=False)
    yield from module.named_buffers(remove_duplicate=False)


def encode_sent(task: tuple[Stowed, Block]) -> Arrays:
    """The work of a worker, who keeps the encoder open for its next blocks."""
    stowed, block = task
    return encode(_opened(stowed), block)
