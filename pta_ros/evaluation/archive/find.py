"""The recordings of an archive: those below a folder, or those that a list names."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pta_ros.bags.files import ENDINGS, METADATA, PENDING
from pta_ros.errors import ConfigError

#: What the metadata of a recording has, and no other file of that name.
_OF_ROSBAG2 = "rosbag2_bagfile_information"
#: The names of the parts of a split recording end so.
_NUMBERED = re.compile(r"(.+)_\d+")


@dataclass(frozen=True)
class Recording:
    """One recording of an archive: its `paths`, and a `name` that is its own in the archive.

    The name looks like a path: below the folder, or of a list the whole path without its root.
    """

    name: str
    paths: tuple[Path, ...]

    def absolute(self) -> Recording:
        """The same for a process with another working folder."""
        return Recording(self.name, tuple(path.absolute() for path in self.paths))

    def stamp(self) -> list[list[str | int]]:
        """Name, size (bytes) and date (ns) of each of its files: others when it is changed."""
        found: list[list[str | int]] = []
        for path in self.paths:
            if path.is_dir():
                kept = (*ENDINGS, *(end + wal for end in ENDINGS for wal in PENDING), METADATA)
                files = [p for p in sorted(path.iterdir()) if p.name.endswith(kept)]
            else:
                files = [path, *(path.with_name(path.name + end) for end in PENDING)]
            about = [(file, file.stat()) for file in files if file.is_file()]
            found += [[file.name, stat.st_size, stat.st_mtime_ns] for file, stat in about]
        return found


def below(folder: Path) -> list[Recording]:
    """All recordings in a folder and below it, by name. Names that begin with a dot are left out.

    A folder with metadata.yaml is one recording. Without it, files that are named after the folder
    and numbered, as rosbag2 splits a recording, are one; every other file is one of its own. A
    folder that cannot be read counts as a recording, too, so that it is told.
    """
    found: list[Recording] = []

    def unreadable(error: OSError) -> None:
        path = Path(error.filename)
        found.append(Recording(_name(path, folder), (path,)))

    seen: set[Path] = set()
    for here, folders, files in os.walk(folder, onerror=unreadable, followlinks=True):
        place = Path(here)
        if place.resolve() in seen:  # a link to where we have been
            folders.clear()
            continue
        seen.add(place.resolve())
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        folders.sort(key=lambda name: (place / name).is_symlink())  # after what they may lead to
        found += _of_folder(place, folder, [name for name in files if not name.startswith(".")])
    own = _root_name(folder)
    if sum(one.name == own for one in found) > 1:  # the folder itself, and one in it
        found[0] = Recording(f"{own} itself", found[0].paths)
    return _once(found)


def listed(file: Path) -> list[Recording]:
    """The recordings that a text file names, a path a line ("-": standard input), by name.

    A folder stands for all recordings below it; files of one split recording are one. Empty lines
    and those that begin with # are left out. A path that is not there is a recording, too, so that
    it is told. Raises ConfigError.
    """
    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or error
        raise ConfigError(f"--list {file}: {why}; expected a text file of paths") from error
    found: list[tuple[Path, ...]] = []
    for line in map(str.strip, text.splitlines()):
        if line and not line.startswith("#"):
            path = Path(os.path.abspath(line))
            inside = below(path) if path.is_dir() else []
            found += [one.paths for one in inside] or [(path,)]
    if not found:
        raise ConfigError(f"--list {file}: no path in it; expected one a line")
    return _once(Recording(paths[0].as_posix().lstrip("/"), paths) for paths in _joined(found))


def _joined(found: Iterable[tuple[Path, ...]]) -> list[tuple[Path, ...]]:
    """The same, with the files of a split recording that were named one by one together."""
    parts: dict[Path, set[Path]] = {}
    rest = []
    for paths in found:
        (path, *more), folder = paths, paths[0].parent
        split = (folder / METADATA).is_file() or (
            path.name.endswith(ENDINGS) and _is_part(path.name, folder.resolve().name)
        )
        if split and not more and not path.is_dir():
            parts.setdefault(folder, set()).add(path)
        else:
            rest.append(paths)
    return [*rest, *(tuple(sorted(own)) for own in parts.values())]


def _once(found: Iterable[Recording]) -> list[Recording]:
    """Each file in one recording, by name: of those that hold it, the one that holds most.

    Links come after what they are of.
    """
    kept: dict[str, Recording] = {}
    seen: set[Path] = set()
    ranked = [(one, _files(one)) for one in found]
    ranked.sort(key=lambda each: (-len(each[1]), _linked(each[0]), each[0].name))
    for one, files in ranked:
        if not files or not files <= seen:
            kept.setdefault(one.name, one)
            seen |= files
    return [kept[name] for name in sorted(kept)]


def _files(one: Recording) -> set[Path]:
    """The files of a recording that are there, wherever links lead."""
    found: set[Path] = set()
    for path in one.paths:
        inside = sorted(path.iterdir()) if path.is_dir() and os.access(path, os.R_OK) else [path]
        found |= {each.resolve() for each in inside if each.name.endswith(ENDINGS)}
    return {each for each in found if each.is_file()}


def _linked(one: Recording) -> bool:
    return any(path.absolute() != path.resolve() for path in one.paths)


def is_one(folder: Path, found: list[Recording]) -> bool:
    """Whether a folder, with what was found below it, is nothing but one recording itself."""
    if (folder / METADATA).is_file():
        return True
    return not found or (len(found) == 1 and _own(folder, found[0]))


def _own(folder: Path, one: Recording) -> bool:
    return all(path == folder or path.parent == folder for path in one.paths)


def _of_folder(place: Path, root: Path, names: list[str]) -> Iterator[Recording]:
    """The recordings that lie directly in a folder."""
    files = sorted(name for name in names if name.endswith(ENDINGS))
    if METADATA in names and (files or _is_rosbag2(place / METADATA)):
        yield Recording(_name(place, root), (place,))
        return
    parts = [name for name in files if _is_part(name, place.resolve().name)]
    if parts and len(parts) == len(files):
        yield Recording(_name(place, root), (place,))
        return
    if parts:
        yield Recording(_name(place / parts[0], root), tuple(place / name for name in parts))
    for name in files:
        if name not in parts:
            yield Recording(_name(place / name, root), (place / name,))


def _is_part(name: str, folder: str) -> bool:
    stem = next(name.removesuffix(end) for end in reversed(ENDINGS) if name.endswith(end))
    numbered = _NUMBERED.fullmatch(stem)
    return numbered is not None and numbered.group(1) == folder


def _is_rosbag2(metadata: Path) -> bool:
    try:
        with metadata.open("rb") as file:
            return _OF_ROSBAG2.encode() in file.read(1 << 12)
    except OSError:
        return True  # it is told when it is evaluated


def _name(path: Path, root: Path) -> str:
    """A path below the root, in the root's own words; of the root itself its name."""
    relative = path.relative_to(root).as_posix()
    return relative if relative != "." else _root_name(root)


def _root_name(root: Path) -> str:
    """What a folder is called that is a recording itself."""
    return root.resolve().name or "root"
