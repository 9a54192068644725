"""What a tree made of recordings holds: its settings, classes and recordings, in its root."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pta_ros.datasets.clips import RECORDED
from pta_ros.datasets.parts import PARTIAL
from pta_ros.errors import DatasetError

FORMAT = 1


@dataclass
class Marker:
    """`settings` of every clip; `classes` in the order of their numbers; `recordings` by name.

    Of each recording: `name`, `begin_ns`, `first` and `clips` (its numbers in the tree), what it
    was cut by, and, when it is done, `report`.
    """

    root: Path
    settings: dict[str, Any]
    classes: list[str] = field(default_factory=list)
    recordings: list[dict[str, Any]] = field(default_factory=list)
    synthetic: bool = False

    @classmethod
    def open(cls, root: Path, settings: dict[str, Any]) -> Marker:
        """Of a new folder or of a tree to be continued.

        DatasetError where the folder holds anything else, or was made with other settings.
        """
        path = root / RECORDED
        given = {"format": FORMAT, **settings}
        if not path.is_file():
            if root.exists() and (not root.is_dir() or any(_of_others(root))):
                raise DatasetError(f"{root}: not empty and not made here; choose another folder")
            return cls(root, given)
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            had, classes = dict(found["settings"]), list(found["classes"])
            recordings = [dict(one) for one in found["recordings"]]
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise DatasetError(f"{path}: unreadable ({error!r}); remove the folder") from error
        if other := [name for name, value in given.items() if had.get(name) != value]:
            told = ", ".join(f"{n} {had.get(n)!r} (now {given[n]!r})" for n in other)
            raise DatasetError(f"{root}: was made with {told}; choose another folder")
        return cls(root, given, classes, recordings, bool(found.get("synthetic")))

    def known(self, name: str, begin_ns: int) -> dict[str, Any] | None:
        """What is noted of a recording; None: it is new here."""
        for one in self.recordings:
            if (one["name"], one["begin_ns"]) == (name, begin_ns):
                return one
        return None

    @property
    def next_number(self) -> int:
        """The number of the next recording's first clip."""
        return max((one["first"] + one["clips"] for one in self.recordings), default=1)

    def save(self) -> None:
        """Write it, whole or not at all; raises DatasetError."""
        content = {
            "synthetic": self.synthetic, "settings": self.settings, "classes": self.classes,
            "recordings": self.recordings,
        }  # fmt: skip
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            partial = self.root / f"{PARTIAL}{RECORDED}"
            partial.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
            partial.replace(self.root / RECORDED)
        except OSError as error:
            reason = error.strerror or error
            raise DatasetError(f"{self.root}: {reason}; expected a place to write to") from error


def _of_others(root: Path) -> list[Path]:
    """What lies in a folder and is nothing that a run which was stopped left."""
    return [path for path in root.iterdir() if not path.name.startswith(PARTIAL)]
