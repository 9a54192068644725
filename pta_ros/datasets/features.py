"""Features (encoder tokens) of frozen encoders, computed once into memory-mapped arrays.

One folder per modality, named by a fingerprint of all that its contents depend on (not of the
code: after a change of an encoder's forward(), delete the folders). Nothing removes old ones.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Generator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pta_ros.datasets.arrays import Layout, array_writer, copy_on_write, read_arrays, read_or_make
from pta_ros.datasets.encoding import CPU, Arrays, Block, Stowed, check_shape, encode
from pta_ros.datasets.feature_set import FeatureSet, deviation_of, presence_of
from pta_ros.datasets.reduced import ReducedSet
from pta_ros.datasets.views import CLEAN, View
from pta_ros.errors import ConfigError, DatasetError
from pta_ros.workers.workforce import Hired

FORMAT = 1


def cache_features(
    encoders: Mapping[str, nn.Module],
    channels: int,
    data: ReducedSet,
    folder: Path,
    rows: Tensor | None = None,
    view: View = CLEAN,
    progress: Callable[[int, int], None] = lambda done, total: None,
    batch: int = 128,
    position_points: int = 16,
    device: torch.device = CPU,
    hired: Hired | None = None,
) -> FeatureSet:
    """Encode `rows` (None: all) of `data` in one view, or read an earlier result from `folder`.

    `encoders` (modality -> module with `tokens`, in eval mode, on the CPU) give (B, tokens,
    `channels`); they encode on `device`, and are on the CPU again after that. Workers `hired` for
    `encode_sent` do it instead, on their CPUs: the same up to float rounding. `progress` is called
    with (frames done, of all) for each modality encoded. A cached array that is missing, or not of
    the dtype, shape and file size that is expected, is computed again. Raises ConfigError when an
    encoder or the view does not do what it should, DatasetError for rows that are not there and for
    a folder that cannot be written, and what workers raise.
    """
    rows = torch.arange(len(data)) if rows is None else rows
    if len(rows) and not 0 <= int(rows.min()) <= int(rows.max()) < len(data):
        found = f"{int(rows.min())} to {int(rows.max())}"
        raise DatasetError(f"rows are {found}; expected numbers below {len(data)}")
    tokens, points = {}, {}
    for modality, encoder in encoders.items():
        task = _Task(
            modality, encoder, channels, data, rows, view, batch, position_points, device, hired
        )
        arrays = task.arrays(folder, progress)
        tokens[modality] = arrays["tokens"]
        if "points" in arrays:
            points[modality] = arrays["points"]
    numbers = rows.numpy()
    present, sees = presence_of(data, encoders, numbers)
    joints, labels = (torch.from_numpy(x[numbers]) for x in (data.joints, data.labels))
    deviation = deviation_of(data, numbers)
    return FeatureSet(tokens, points, present, joints, rows, labels, deviation, sees)


@dataclass(frozen=True, eq=False)
class _Task:
    """How the arrays of one modality are made."""

    modality: str
    encoder: nn.Module
    channels: int
    data: ReducedSet
    rows: Tensor
    view: View
    batch: int
    position_points: int
    device: torch.device
    hired: Hired | None

    def arrays(self, folder: Path, progress: Callable[[int, int], None]) -> dict[str, Tensor]:
        if any(module.training for module in self.encoder.modules()):
            raise ConfigError(f"encoder of {self.modality} is in training mode; expected eval()")
        arrays = read_or_make(
            folder / f"{self.modality}-{self._fingerprint()}",
            self._layout,
            lambda made: read_arrays(made, self._layout),
            lambda part: self._write(part, progress),
        )
        return {name: torch.from_numpy(copy_on_write(array)) for name, array in arrays.items()}

    @property
    def _layout(self) -> Layout:
        count, shape = len(self.rows), self.data.inputs[self.modality].shape
        size = int(self.encoder.tokens)  # type: ignore[arg-type]
        layout = {"tokens": ("<f4", (count, size, self.channels))}
        if self.modality == "lidar":
            layout["points"] = ("<f4", (count, min(self.position_points, shape[1]), 3))
        return layout

    def _fingerprint(self) -> str:
        """Changes with the encoder, the frames, the view, and with which rows are present."""
        shapes = [list(shape) for _, shape in self._layout.values()]
        names = [type(self.encoder).__qualname__, self.data.fingerprint]
        view = [self.view.name, self.view.version]
        digest = hashlib.sha256(json.dumps([FORMAT, names, view, shapes]).encode())
        for name, tensor in self.encoder.state_dict().items():
            digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
            flat = tensor.detach().cpu().contiguous().reshape(-1)
            digest.update(flat.view(torch.uint8).numpy().tobytes())
        rows = self.rows.numpy().astype("<i8")
        digest.update(rows.tobytes())
        digest.update(np.packbits(self.data.present[self.modality][rows]).tobytes())
        return digest.hexdigest()[:32]

    def _write(self, folder: Path, progress: Callable[[int, int], None]) -> None:
        parts = self.rows.split(self.batch)
        real = [self.data.present[self.modality][rows.numpy()] for rows in parts]
        there = [rows[here] for rows, here in zip(parts, real, strict=True) if here.any()]
        done, made = 0, self._encoded(there, folder / "encoder.safetensors")
        with array_writer(folder, self._layout) as append, closing(made):
            for here in real:
                found = next(made) if here.any() else {}
                for name, rows in self._spread(found, here).items():
                    append(name, rows)
                done += len(here)
                progress(done, len(self.rows))

    def _encoded(self, parts: list[Tensor], file: Path) -> Generator[Arrays, None, None]:
        """What becomes of each part of the rows; `file` is there for workers until the end."""
        points = self._layout["points"][1][1] if "points" in self._layout else 0
        blocks = [Block.of(self.data, self.modality, rows, self.view, points) for rows in parts]
        try:
            if self.hired is None:
                self.encoder.to(self.device)
                for block in blocks:
                    yield encode(self.encoder, block, self.device)
            elif blocks:
                stowed = Stowed.at(file, self.encoder)
                yield from self.hired.in_order([(stowed, block.sent()) for block in blocks])
        finally:
            self.encoder.to(CPU)
            file.unlink(missing_ok=True)

    def _spread(self, found: Arrays, here: NDArray[np.bool_]) -> Arrays:
        """Rows of every array; those that are not present hold zero."""
        spread = {}
        for name, (dtype, (_, *shape)) in self._layout.items():
            spread[name] = rows = np.zeros((len(here), *shape), dtype)
            if found:
                values, expected = found[name], (int(here.sum()), *shape)
                check_shape(self.modality, f"{name} of its encoder", values.shape, expected)
                rows[here] = values
        return spread
