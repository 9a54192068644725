"""torch.save's two file formats, read by the restricted reader: the zip archive and the older one.

Zip: NAME/data.pkl and NAME/data/KEY, stored uncompressed. Older: five pickles one after another
(magic number, version, system, object, keys), then the values of each key, their number first.
"""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pta_ros.errors import CheckpointError
from pta_ros.imported.unpickle import Reader, StoredModule

_MAGIC = 0x1950A86A20F9469CFC6C
_VERSION = 1001


def read_state(path: Path) -> dict[str, Tensor]:
    """The state dict in a file of torch.save, of a state dict or of a whole module.

    Raises CheckpointError when the file cannot be read or holds anything else; nothing in it is
    executed.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise CheckpointError(f"{path}: {error.strerror}; expected a readable file") from error
    stored = (
        _read_zip(data, path) if zipfile.is_zipfile(io.BytesIO(data)) else _read_old(data, path)
    )
    tensors = _state_of(stored, "", path, 0) if isinstance(stored, StoredModule) else stored
    if not isinstance(tensors, Mapping) or not tensors:
        raise CheckpointError(
            f"{path}: holds a {type(tensors).__name__}; expected a state dict or a module"
        )
    for name, tensor in tensors.items():
        if not isinstance(name, str) or not isinstance(tensor, Tensor):
            raise CheckpointError(
                f"{path}: {name!r:.80} is a {type(tensor).__name__}; expected names and tensors"
            )
    return dict(tensors)


def _read_zip(data: bytes, path: Path) -> Any:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return _read_members(archive, path)
    except (zipfile.BadZipFile, KeyError, NotImplementedError) as error:
        raise CheckpointError(f"{path}: {error}; expected an undamaged torch archive") from error


def _read_members(archive: zipfile.ZipFile, path: Path) -> Any:
    pickles = [name for name in archive.namelist() if name.endswith("/data.pkl")]
    packed = [i.filename for i in archive.infolist() if i.compress_type != zipfile.ZIP_STORED]
    if len(pickles) != 1 or packed:
        what = f"{packed[0]} is compressed" if packed else f"{len(pickles)} members data.pkl"
        raise CheckpointError(f"{path}: {what}; expected an archive that torch.save wrote")
    top = pickles[0].removesuffix("data.pkl")
    order = f"{top}byteorder"
    if order in archive.namelist() and archive.read(order) != b"little":
        raise CheckpointError(f"{path}: values in big-endian order; expected little-endian")

    def values(dtype: torch.dtype, key: str, count: int) -> Tensor:
        return _values(archive.read(f"{top}data/{key}"), dtype, count)

    return Reader(io.BytesIO(archive.read(pickles[0])), str(path), values).read()


def _read_old(data: bytes, path: Path) -> Any:
    stream, kept = io.BytesIO(data), dict[str, Tensor]()

    def values(dtype: torch.dtype, key: str, count: int) -> Tensor:
        if count * dtype.itemsize > len(data):
            raise ValueError(f"{count} values in a file of {len(data)} bytes")
        return kept.setdefault(key, torch.zeros(count, dtype=dtype))  # filled below

    def pickled() -> Any:
        return Reader(stream, str(path), values).read()

    if (pickled(), pickled()) != (_MAGIC, _VERSION):
        raise CheckpointError(f"{path}: no mark of torch.save; expected a file that it wrote")
    pickled()  # the system that wrote it
    stored, keys = pickled(), pickled()
    if not isinstance(keys, list) or set(keys) != set(kept):
        raise CheckpointError(f"{path}: values of other tensors; expected those it refers to")
    for key in keys:
        tensor, head = kept[key], stream.read(8)
        body = stream.read(tensor.nbytes)
        if head != struct.pack("<q", len(tensor)) or len(body) != tensor.nbytes:
            raise CheckpointError(f"{path}: ends within its values; expected an undamaged file")
        if body:
            tensor.copy_(_values(body, tensor.dtype, len(tensor)))
    return stored


def _values(data: bytes, dtype: torch.dtype, count: int) -> Tensor:
    if len(data) != count * dtype.itemsize:
        raise ValueError(f"{len(data)} bytes stored of {count} values ({dtype})")
    return torch.frombuffer(bytearray(data), dtype=dtype) if count else torch.zeros(0, dtype=dtype)


def _state_of(module: StoredModule, prefix: str, path: Path, depth: int) -> dict[str, Tensor]:
    """Parameters and buffers of a stored module and those in it, named as in a state dict."""
    if depth > 20:
        raise CheckpointError(f"{path}: modules within modules without end; expected a network")
    found: dict[str, Tensor] = {}
    for kind in ("_parameters", "_buffers", "_modules"):
        children = module.__dict__.get(kind)
        if not isinstance(children, dict):
            raise CheckpointError(f"{path}: {prefix}{kind} is no dict; expected a stored module")
        for name, child in children.items():
            if isinstance(child, StoredModule):
                found |= _state_of(child, f"{prefix}{name}.", path, depth + 1)
            elif child is not None:
                found[f"{prefix}{name}"] = child
    return found
