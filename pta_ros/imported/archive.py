"""torch.save's two file formats, read by the restricted reader: the zip archive and the older one.

Zip: NAME/data.pkl and NAME/data/KEY, stored uncompressed. Older: five pickles one after another
(magic number, version, system, object, keys), then the values of each key, their number first.
"""

from __future__ import annotations

import io
import pickle
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
_ZIP = b"PK\x03\x04"
#: Bounds for what a file can make us do: X-Fi's networks have fewer modules, and shorter names.
_MOST_MODULES, _LONGEST_NAME = 2000, 200


def read_state(path: Path) -> dict[str, Tensor]:
    """The state dict in a file of torch.save, of a state dict or of a whole module.

    Raises CheckpointError when the file cannot be read or holds anything else; nothing in it is
    executed.
    """
    data = _read_bytes(path)
    stored = _read_zip(data, path) if data.startswith(_ZIP) else _read_old(data, path)
    tensors = _state_of(stored, path) if isinstance(stored, StoredModule) else stored
    if not isinstance(tensors, Mapping) or not tensors:
        raise CheckpointError(
            f"{path}: holds a {type(tensors).__name__}; expected a state dict or a module"
        )
    for name, tensor in tensors.items():
        named = isinstance(name, str) and name.isprintable() and len(name) <= _LONGEST_NAME
        if not named or not isinstance(tensor, Tensor):
            raise CheckpointError(
                f"{path}: {name!r:.80} is a {type(tensor).__name__}; expected names and tensors"
            )
    return dict(tensors)


def _read_bytes(path: Path) -> bytes:
    try:
        if path.exists() and not path.is_file():
            raise CheckpointError(f"{path}: not a regular file; expected one that torch.save wrote")
        return path.read_bytes()
    except OSError as error:
        raise CheckpointError(f"{path}: {error.strerror}; expected a readable file") from error


def _read_zip(data: bytes, path: Path) -> Any:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return _read_members(archive, path, len(data))
    except (zipfile.BadZipFile, KeyError, NotImplementedError, EOFError) as error:
        reason = error.args[0] if error.args else "it ends early"
        raise CheckpointError(
            f"{path}: a damaged or incomplete archive ({reason}); expected the whole file: "
            "fetch it again"
        ) from error


def _read_members(archive: zipfile.ZipFile, path: Path, size: int) -> Any:
    pickles = [name for name in archive.namelist() if name.endswith("/data.pkl")]
    packed = [i.filename for i in archive.infolist() if i.compress_type != zipfile.ZIP_STORED]
    if len(pickles) != 1 or packed:
        found = f"{len(pickles)} members data.pkl"
        what = f"{packed[0]!r:.80} is compressed" if packed else found
        raise CheckpointError(f"{path}: {what}; expected an archive that torch.save wrote")
    if sum(i.file_size for i in archive.infolist()) > size:
        raise CheckpointError(f"{path}: members that overlap; expected an undamaged torch archive")
    top = pickles[0].removesuffix("data.pkl")
    order = f"{top}byteorder"
    if order in archive.namelist() and archive.read(order) != b"little":
        raise CheckpointError(f"{path}: values in big-endian order; expected little-endian")

    kept = dict[tuple[torch.dtype, str, int], Tensor]()

    def values(dtype: torch.dtype, key: str, count: int) -> Tensor:
        which = dtype, key, count
        if which not in kept:  # many tensors may refer to the same values
            kept[which] = _values(archive.read(f"{top}data/{key}"), dtype, count)
        return kept[which]

    return Reader(io.BytesIO(archive.read(pickles[0])), str(path), values).read()


def _read_old(data: bytes, path: Path) -> Any:
    if not data.startswith(pickle.PROTO):
        begin = f"begins with {data[:8]!r}" if data else "empty"
        raise CheckpointError(f"{path}: {begin}; expected a file that torch.save wrote")
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
    plain = isinstance(keys, list) and all(isinstance(key, str) for key in keys)
    if not plain or sorted(keys) != sorted(kept):
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


def _state_of(root: StoredModule, path: Path) -> dict[str, Tensor]:
    """Parameters and buffers of a stored module and those in it, named as in a state dict."""
    found: dict[str, Tensor] = {}
    left, visited = [("", root)], 0
    while left:
        prefix, module = left.pop()
        visited += 1
        if visited > _MOST_MODULES or len(prefix) > _LONGEST_NAME:
            raise CheckpointError(f"{path}: modules within modules without end; expected a network")
        for kind in ("_parameters", "_buffers", "_modules"):
            children = module.__dict__.get(kind)
            if not isinstance(children, dict):
                raise CheckpointError(f"{path}: {kind} of a module is no dict; expected a network")
            for name, child in children.items():
                if isinstance(child, StoredModule):
                    left.append((f"{prefix}{name!s:.80}.", child))
                elif child is not None:
                    found[f"{prefix}{name!s:.80}"] = child
    return found
