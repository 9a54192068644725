"""Folders of arrays: written once, complete or not at all, and memory-mapped from then on."""

from __future__ import annotations

import fcntl
import logging
import mmap
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedWriter
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from pta_ros.errors import DatasetError

#: Name -> (dtype as numpy spells it, shape) of the arrays in a folder.
Layout = Mapping[str, tuple[str, tuple[int, ...]]]

Result = TypeVar("Result")

#: Linux's value; Python names it from 3.13 on.
_MAP_NORESERVE = getattr(mmap, "MAP_NORESERVE", 0x4000)

_log = logging.getLogger(__name__)


@contextmanager
def array_writer(folder: Path, layout: Layout) -> Iterator[Callable[[str, NDArray[Any]], object]]:
    """Write the arrays of a layout into `folder`: gives a function that appends (name, rows).

    Rows have the dtype of their array and come from its first row to its last. Room is reserved
    first, so a full disk is met before the work. The rows are plain writes: a failed one is an
    OSError, where a writable memory map would kill the process (SIGBUS).
    """
    files, ends = dict[str, BufferedWriter](), dict[str, int]()
    try:
        for name, (dtype, shape) in layout.items():
            files[name] = file = (folder / f"{name}.npy").open("wb")
            header = {"descr": dtype, "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(file, header)
            ends[name] = file.tell() + _bytes(dtype, shape)
            os.posix_fallocate(file.fileno(), 0, ends[name])
        yield lambda name, rows: files[name].write(rows.tobytes())
        for name, file in files.items():
            if file.tell() != ends[name]:
                raise ValueError(f"{name}: {file.tell()} bytes written of {ends[name]}")
            file.flush()
            # Or a loss of power could leave a file of the right size without its contents.
            os.fsync(file.fileno())
    finally:
        for file in files.values():
            file.raw.close()  # without a flush: after an error what is buffered is not wanted


def read_arrays(folder: Path, layout: Layout) -> dict[str, NDArray[Any]]:
    """Map the arrays of a folder, read only.

    Raises DatasetError when a file is missing, has another dtype or shape than `layout` says, or
    is shorter or longer than its header says.
    """
    return {name: _read(folder / f"{name}.npy", *expected) for name, expected in layout.items()}


def _read(path: Path, dtype: str, shape: tuple[int, ...]) -> NDArray[Any]:
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
        length = path.stat().st_size
    except Exception as error:  # header, zip and memory errors, by what the damage looks like
        raise DatasetError(f"{path}: {error}; expected an undamaged .npy file") from error
    mapped = isinstance(array, np.memmap) and array.flags.c_contiguous
    if not mapped or array.dtype.str != dtype or array.shape != shape:
        raise DatasetError(f"{path}: not the array that belongs here; expected {dtype} {shape}")
    if length != (expected := array.offset + _bytes(dtype, shape)):
        raise DatasetError(f"{path}: {length} bytes; expected {expected}")
    return array


def copy_on_write(array: NDArray[Any]) -> NDArray[Any]:
    """Map the file of a read-only mapped array again, so that torch takes it without a warning.

    What is written to it stays in this process's memory and never reaches the file. No memory is
    set aside for such writes: the array may be larger than the machine's memory.
    """
    assert isinstance(array, np.memmap)
    with open(str(array.filename), "rb") as file:
        flags, access = mmap.MAP_PRIVATE | _MAP_NORESERVE, mmap.PROT_READ | mmap.PROT_WRITE
        mapped = mmap.mmap(file.fileno(), 0, flags=flags, prot=access)
    return np.frombuffer(mapped, array.dtype, array.size, array.offset).reshape(array.shape)


def read_or_make(
    folder: Path,
    layout: Layout,
    read: Callable[[Path], Result],
    write: Callable[[Path], None],
) -> Result:
    """Return `read(folder)`; where that raises DatasetError, `write` the folder first.

    It is written as a part folder and moved into place. Processes that want the same folder wait
    for the one that writes it (by a lock file beside it, which stays). Raises DatasetError when it
    cannot be written, with the bytes that are needed; nothing but the lock file is left then.
    """
    try:
        return read(folder)
    except DatasetError:
        pass  # missing or damaged: read again, and reported, once nobody else is writing it
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with open(f"{folder}.lock", "a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            return _made(folder, read, write)
    except OSError as error:
        needed = sum(_bytes(*array) for array in layout.values())
        raise DatasetError(
            f"{folder}: {error.strerror or error}; expected room for {needed} bytes there: "
            "free as much, or choose another folder"
        ) from error


def _made(folder: Path, read: Callable[[Path], Result], write: Callable[[Path], None]) -> Result:
    try:
        return read(folder)
    except DatasetError as error:
        if folder.exists():
            _log.warning("%s; it is made again", error)
    part = Path(f"{folder}.part")
    shutil.rmtree(part, ignore_errors=True)  # of a process that was killed
    part.mkdir()
    try:
        write(part)
        shutil.rmtree(folder, ignore_errors=True)
        os.replace(part, folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return read(folder)


def _bytes(dtype: str, shape: tuple[int, ...]) -> int:
    return int(np.dtype(dtype).itemsize * np.prod(shape, dtype=np.int64))


class Halves:
    """Rows of a float16 array as float32."""

    def __init__(self, array: NDArray[np.float16]) -> None:
        self.array, self.shape = array, array.shape

    def __getitem__(self, rows: NDArray[np.integer[Any]]) -> NDArray[np.float32]:
        return self.array[rows].astype(np.float32)


@dataclass(frozen=True)
class Mapped:
    """Rows of a mapped array as float32, by the name of its file: it is opened for each of them."""

    path: Path
    dtype: str
    shape: tuple[int, ...]

    @classmethod
    def of(cls, array: np.memmap[Any, Any]) -> Mapped:
        """The whole array of a file that was mapped."""
        return cls(Path(str(array.filename)).absolute(), array.dtype.str, array.shape)

    def __getitem__(self, rows: NDArray[np.integer[Any]]) -> NDArray[np.float32]:
        """Raises DatasetError where the file is not as it was."""
        return _read(self.path, self.dtype, self.shape)[rows].astype(np.float32, copy=False)
