"""Files of weights: read and written as safetensors, complete or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from pta_ros.errors import CheckpointError


def load_into(module: nn.Module, tensors: dict[str, Tensor], source: Path) -> None:
    """Fill `module` strictly; raises CheckpointError naming what does not fit."""
    try:
        module.load_state_dict(tensors, strict=True)
    except RuntimeError as error:
        lines = " ".join(str(error).split())
        raise CheckpointError(f"{source}: weights of another configuration: {lines}") from error


def load_tensors(path: Path) -> dict[str, Tensor]:
    """Read the tensors of a safetensors file; raises CheckpointError when it cannot be read."""
    return _readable(path, lambda: load_file(path))


def read_note(path: Path) -> dict[str, str]:
    """Read the note that save_tensors wrote beside the tensors; raises CheckpointError."""

    def note() -> dict[str, str]:
        with safe_open(path, "pt") as file:
            return dict(file.metadata() or {})

    return _readable(path, note)


def tensor_shapes(path: Path) -> dict[str, list[int]]:
    """The tensors' sizes by name, out of the file's header alone; raises CheckpointError."""

    def shapes() -> dict[str, list[int]]:
        with safe_open(path, "pt") as file:
            return {name: file.get_slice(name).get_shape() for name in file.keys()}  # noqa: SIM118

    return _readable(path, shapes)


def _readable(path: Path, read: Callable[[], Any]) -> Any:
    """`read()` of the safetensors file `path`, or CheckpointError."""
    if path.exists() and not path.is_file():
        raise CheckpointError(f"{path}: not a regular file; expected a safetensors file")
    try:
        return read()
    except FileNotFoundError:
        raise CheckpointError(f"{path}: no such file; the model folder is incomplete") from None
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{path}: {error}; expected an undamaged safetensors file") from error


def save_tensors(
    path: Path, tensors: dict[str, Tensor], note: dict[str, str] | None = None
) -> None:
    """Write tensors and a note of strings as safetensors, complete or not at all.

    The folder is made. Raises CheckpointError when that is impossible.
    """
    plain = {k: v.detach().cpu().contiguous() for k, v in tensors.items()}
    size = sum(tensor.nbytes for tensor in plain.values())
    _replace(path, size, lambda part: save_file(plain, part, note))


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file complete or not at all; the folder is made. Raises CheckpointError."""
    _replace(path, len(data), lambda part: part.write_bytes(data))


def _replace(path: Path, size: int, write: Callable[[Path], object]) -> None:
    """Let `write` make a file beside `path`, which then takes its place."""
    part = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(part)
        os.replace(part, path)
    except (OSError, SafetensorError) as error:
        reason = getattr(error, "strerror", None) or error
        with suppress(OSError):
            part.unlink()
        raise CheckpointError(
            f"{path}: {reason}; expected a folder to write to, with room for {size} bytes: "
            "free some or choose another folder, and run the command again"
        ) from error
