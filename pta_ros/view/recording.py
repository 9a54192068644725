"""A recording in a file (.rrd), for `rerun FILE` or any other viewer of that library."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import rerun as rr

from pta_ros.errors import DatasetError
from pta_ros.view.layout import APPLICATION
from pta_ros.view.scene import LIDAR_POSE, Scene


class Recording(Scene):
    """A scene that is written to `path`; use it in a `with` block, then the file is complete.

    Raises DatasetError when `path` cannot be written.
    """

    def __init__(
        self, path: Path, modalities: Sequence[str], title: str, lidar_pose: str = LIDAR_POSE
    ) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.open("wb").close()
        except OSError as error:
            raise DatasetError(f"cannot write {path}: {error.strerror}") from error
        self._file = rr.RecordingStream(APPLICATION)
        self._file.save(path)
        super().__init__(self._file, modalities, title, lidar_pose)

    def __enter__(self) -> Recording:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.disconnect()
