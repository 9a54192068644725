"""Which files a recording consists of, and their contents unpacked."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Sequence
from contextlib import ExitStack, closing
from pathlib import Path, PurePath
from tempfile import TemporaryDirectory, gettempdir
from typing import Any

import yaml
from backports import zstd  # comes with rosbags

from pta_ros.errors import DatasetError

MCAP_MAGIC = b"\x89MCAP0\r\n"
SQLITE_MAGIC = b"SQLite format 3\0"
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
_ROS1_MAGIC = b"#ROSBAG"

ENDINGS = (".mcap", ".db3", ".mcap.zstd", ".db3.zstd")
METADATA = "metadata.yaml"
EXPECTED = "expected a rosbag2 folder, or an .mcap or .db3 file"

#: What a recorder that was stopped hard leaves beside a database: changes not yet in it.
PENDING = ("-wal", "-journal")
#: What is decompressed at once, so that what precedes a damage is kept.
_PIECE = 1 << 16


def find_files(paths: Sequence[Path]) -> tuple[list[Path], list[str]]:
    """The recording's files, and in words those that are missing or left out.

    `paths` are folders and files. Raises DatasetError for one that holds no recording.
    """
    files: list[Path] = []
    losses: list[str] = []
    for path in paths:
        if path.is_dir():
            found, lost = _of_folder(path)
            files += found
            losses += lost
        elif path.is_file():
            _check_kind(path)
            files.append(path)
        else:
            raise DatasetError(f"{path}: no such file or folder; {EXPECTED}")
    if not files:
        raise DatasetError(f"no recording given; {EXPECTED}")
    return list({file.resolve(): file for file in files}.values()), losses


def unpack(path: Path, stack: ExitStack) -> tuple[Path, str]:
    """The file as it was recorded, and in words what could not be unpacked.

    A compressed file, or a database with changes beside it, is unpacked in a temporary folder that
    `stack` removes; the recording itself is never written to.
    """
    pending = [name for end in PENDING if (name := path.with_name(path.name + end)).is_file()]
    compressed = _magic(path)[:4] == ZSTD_MAGIC
    if not compressed and not any(name.stat().st_size for name in pending):
        return path, ""
    try:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="pta_ros_bag_")))
        if compressed:
            out = folder / path.name.removesuffix(".zstd")
            return out, _decompress(path, out)
        for each in (path, *pending):
            shutil.copyfile(each, folder / each.name)
    except OSError as error:
        where = f"cannot be unpacked in {gettempdir()}"
        raise DatasetError(f"{where}: {error.strerror}; expected room for it there") from error
    return folder / path.name, _settle(folder / path.name)


def inflated(data: bytes) -> bytes:
    """One compressed message's bytes; damaged ones as they are, so that decoding them fails."""
    try:
        return zstd.decompress(data)
    except zstd.ZstdError:
        return data


def _of_folder(folder: Path) -> tuple[list[Path], list[str]]:
    """A folder's files: those that its metadata names, or all that look like it."""
    try:
        there = sorted(p for p in folder.iterdir() if p.is_file() and p.name.endswith(ENDINGS))
    except OSError as error:
        raise DatasetError(f"{folder}: {error.strerror}; {EXPECTED}") from error
    named, losses = _named(folder / METADATA)
    files = [folder / name for name in named] if named else there
    losses += [
        f"{file.name} is missing, though {METADATA} names it"
        for file in files
        if not file.is_file()
    ]
    losses += [
        f"{file.name} is left out, as {METADATA} does not name it"
        for file in there
        if file not in files
    ]
    files = [file for file in files if file.is_file()]
    if not files:
        why = f" ({losses[0]})" if losses else ""
        raise DatasetError(f"{folder}: no recording in this folder{why}; {EXPECTED}")
    return files, losses


def _named(metadata: Path) -> tuple[list[str], list[str]]:
    """The names of a recording's files in its metadata, and what is wrong with the metadata."""
    if not metadata.is_file():
        return [], []  # the recorder writes it at the end: one that was killed leaves none
    try:
        content: Any = yaml.safe_load(metadata.read_text(encoding="utf-8"))
        listed = content["rosbag2_bagfile_information"]["relative_file_paths"]
        return [PurePath(name).name for name in listed], []
    except (yaml.YAMLError, OSError, ValueError, TypeError, KeyError) as error:
        why = str(error).splitlines()[0] if str(error) else type(error).__name__
        return [], [f"{METADATA} cannot be read ({type(error).__name__}: {why}); not used"]


def _check_kind(path: Path) -> None:
    """DatasetError for a file that was given by name and is of another kind."""
    try:
        magic = _magic(path)
    except DatasetError as error:
        raise DatasetError(f"{path}: {error}") from error
    if magic.startswith(_ROS1_MAGIC):
        raise DatasetError(f"{path}: a bag of ROS 1; {EXPECTED} (rosbags-convert makes one)")
    known = (MCAP_MAGIC, SQLITE_MAGIC, ZSTD_MAGIC)
    if not path.name.endswith(ENDINGS) and not magic.startswith(known):
        raise DatasetError(f"{path}: not a recording; {EXPECTED}")


def _magic(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(16)
    except OSError as error:
        raise DatasetError(f"{error.strerror}; {EXPECTED}") from error


def _decompress(path: Path, out: Path) -> str:
    """Write what a zstd file contains; returns what is wrong with it, or nothing."""
    unpacker = zstd.ZstdDecompressor()
    with path.open("rb") as source, out.open("wb") as target:
        while piece := source.read(_PIECE):
            while piece:
                try:
                    target.write(unpacker.decompress(piece))
                except zstd.ZstdError as error:
                    return f"cannot be decompressed further: {error}"
                piece = unpacker.unused_data
                if unpacker.eof:
                    unpacker = zstd.ZstdDecompressor()
    return ""


def _settle(database: Path) -> str:
    """Let SQLite finish what was pending in a copied database; returns what went wrong."""
    try:
        with closing(sqlite3.connect(database)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            connection.execute("PRAGMA journal_mode=DELETE").fetchall()
    except sqlite3.DatabaseError as error:
        return f"changes beside it cannot be used: {error}"
    return ""
