"""Where the files that come with the package lie: models/, config/ and the message definitions."""

from __future__ import annotations

from pathlib import Path


def shipped(relative: str) -> Path | None:
    """The file or folder `relative` of the repository, or of share/ where we are installed.

    None when it is in neither place.
    """
    for home in homes():
        if (home / relative).exists():
            return home / relative
    return None


def homes() -> list[Path]:
    """The folders to look in, the repository first."""
    above = Path(__file__).resolve().parents
    return [above[1], *(folder / "share" / "pta_ros" for folder in above)]
