"""What a process writes line by line, read while it does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


class Tail:
    """A file of JSON lines that another process appends to; it may not be there yet."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._place = 0

    def records(self) -> list[dict[str, Any]]:
        """The whole lines that came since the last call."""
        if not self._path.is_file():
            return []
        with self._path.open("rb") as file:
            file.seek(self._place)
            data = file.read()
        data = data[: data.rfind(b"\n") + 1]
        self._place += len(data)
        return [json.loads(line) for line in data.splitlines()]

    def has(self, kind: str) -> bool:
        """Whether a record of this type is among them."""
        return any(record["type"] == kind for record in self.records())
