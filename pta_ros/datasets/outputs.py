"""One's own models' outputs, each of one modality, in an NPZ file: predictions and what is true.

Keys: one array per modality, all of one shape, and either `labels` (N,) of whole numbers, to
outputs (N, classes) of logits, or `truth` (N, J, 3), to outputs (N, J, 3) of poses, metres. A row
of NaN means that the modality was absent.
"""

from __future__ import annotations

import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pta_ros.errors import DatasetError
from pta_ros.frames import FloatArray

#: What numpy raises for files that are no NPZ, or damaged ones.
_NO_NPZ = (
    OSError, ValueError, AttributeError, TypeError, EOFError, zipfile.BadZipFile, zlib.error
)  # fmt: skip
LABELS, TRUTH = "labels", "truth"


@dataclass(frozen=True, eq=False)
class Outputs:
    """N samples: `values` by modality, (N, ...), and `present` (N, M) bool in their order.

    `target` is (N,) int64 labels, or (N, J, 3) float32 poses.
    """

    values: dict[str, FloatArray]
    present: NDArray[np.bool_]
    target: NDArray[np.int64] | FloatArray

    @property
    def has_labels(self) -> bool:
        """Whether they are logits of classes, not poses."""
        return self.target.ndim == 1


def read_outputs(path: Path) -> Outputs:
    """Read a file; raises DatasetError for one that is missing, is none, or does not fit."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            arrays = {name: np.asanyarray(stored[name]) for name in stored.files}
    except FileNotFoundError as error:
        raise DatasetError(f"{path}: no such file; expected an NPZ of outputs") from error
    except _NO_NPZ as error:  # numpy's own words would advise to load what is pickled
        told = f"{path}: no NPZ of plain arrays; write it with numpy.savez, no objects in it"
        raise DatasetError(told) from error
    return _checked(path, arrays)


def _checked(path: Path, arrays: dict[str, NDArray[np.generic]]) -> Outputs:
    truths = [name for name in (LABELS, TRUTH) if name in arrays]
    if len(truths) != 1:
        raise DatasetError(
            f"{path}: has {sorted(arrays)}; expected one array per modality, and either "
            f"{LABELS!r} (N,) or {TRUTH!r} (N, J, 3)"
        )
    target = arrays.pop(truths[0])
    if len(arrays) < 2:
        raise DatasetError(f"{path}: modalities are {sorted(arrays)}; expected two or more")
    shapes = {name: array.shape for name, array in arrays.items()}
    if len(set(shapes.values())) > 1:
        raise DatasetError(f"{path}: outputs have the shapes {shapes}; expected one for all")
    values = {name: _numbers(path, name, array) for name, array in arrays.items()}
    shape = next(iter(shapes.values()))
    goal = _labels(path, target, shape) if truths[0] == LABELS else _poses(path, target, shape)
    axes = tuple(range(1, len(shape)))
    whole = [np.isfinite(v).all(axis=axes) for v in values.values()]
    absent = [np.isnan(v).all(axis=axes) for v in values.values()]
    for name, good, gone in zip(values, whole, absent, strict=True):
        if (odd := ~(good | gone)).any():
            raise DatasetError(
                f"{path}: {name} has a value in row {int(odd.argmax())} that is not finite; "
                "expected numbers, or NaN in the whole row where the modality is absent"
            )
        if not good.any():
            raise DatasetError(f"{path}: {name} is absent from every row; leave it out")
    return Outputs(values, np.stack(whole, axis=1), goal)


def _numbers(path: Path, name: str, array: NDArray[np.generic]) -> FloatArray:
    if array.dtype.kind not in "fiu":
        raise DatasetError(f"{path}: {name} is {array.dtype}; expected numbers")
    return np.asarray(array, np.float32)


def _labels(path: Path, target: NDArray[np.generic], shape: tuple[int, ...]) -> NDArray[np.int64]:
    if target.dtype.kind not in "iu" or len(shape) != 2 or target.shape != shape[:1]:
        raise DatasetError(
            f"{path}: labels are {target.dtype} {target.shape} to outputs {shape}; expected whole "
            "numbers (N,) and logits (N, classes)"
        )
    labels = target.astype(np.int64)
    if len(labels) and not 0 <= labels.min() <= labels.max() < shape[1]:
        raise DatasetError(
            f"{path}: labels are {labels.min()} to {labels.max()}; expected 0 to {shape[1] - 1}"
        )
    return labels


def _poses(path: Path, target: NDArray[np.generic], shape: tuple[int, ...]) -> FloatArray:
    if target.shape != shape or len(shape) != 3 or shape[-1] != 3:
        raise DatasetError(
            f"{path}: truth is {target.shape} to outputs {shape}; expected (N, J, 3) of both"
        )
    truth = _numbers(path, TRUTH, target)
    if not np.isfinite(truth).all():
        raise DatasetError(f"{path}: truth is not finite everywhere; leave such rows out")
    return truth
