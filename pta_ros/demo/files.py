"""Where the demo's shipped files lie: the repository, or what was installed from it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

from pta_ros.errors import ConfigError


def _homes() -> Iterator[Path]:
    yield Path(__file__).resolve().parents[2]
    for prefix in (*os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep), sys.prefix):
        if prefix:
            yield Path(prefix) / "share" / "pta_ros"


def shipped(relative: str) -> Path:
    """A file or folder that the package ships, as config/demo.yaml; ConfigError when it is not."""
    for home in _homes():
        if (home / relative).exists():
            return home / relative
    places = ", ".join(str(home) for home in _homes())
    raise ConfigError(f"no {relative} in {places}; install the package again, or name the file")
