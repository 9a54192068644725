"""Writes synthetic samples as a tree in XRF55's layout (ROOT/Scene1/mmWave/01_01_01.npy, ...)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pta_ros.datasets.parts import PARTIAL
from pta_ros.datasets.xrf55 import FOLDERS
from pta_ros.simulate.rf import RfRecording

FORMAT_VERSION = 1


@dataclass(frozen=True)
class Xrf55Plan:
    """What a tree holds: every repeat of every action by every subject in every scene."""

    seed: int
    subjects: tuple[int, ...]
    actions: tuple[int, ...]
    repeats: tuple[int, ...]
    scenes: tuple[int, ...] = (1,)
    preset: str = "custom"

    def settings(self) -> dict[str, object]:
        """What every sample of one tree has in common."""
        return {"format": FORMAT_VERSION, "seed": self.seed, "dataset": "XRF55"}

    def parts(self) -> Iterator[tuple[int, ...]]:
        """Every (scene, subject, action): all its repeats are one part."""
        return (
            (scene, subject, action)
            for scene in self.scenes
            for subject in self.subjects
            for action in self.actions
        )

    def write(self, root: Path, part: tuple[int, ...]) -> bool:
        """Write what is missing of one part; False when all is there already."""
        scene, subject, action = part
        written = [
            write_sample(root, self.seed, scene, subject, action, repeat) for repeat in self.repeats
        ]
        return any(written)


def write_sample(root: Path, seed: int, scene: int, subject: int, action: int, repeat: int) -> bool:
    """Write one sample's three files; False when they are there already."""
    name = f"{subject:02d}_{action:02d}_{repeat:02d}.npy"
    files = {m: root / f"Scene{scene}" / folder / name for m, (folder, _) in FOLDERS.items()}
    if all(file.is_file() for file in files.values()):
        return False
    packets = RfRecording(seed, subject, action, repeat, scene).packets().contents
    for modality, file in files.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        partial = file.with_name(PARTIAL + file.name)
        np.save(partial, stored(modality, packets[modality]))
        partial.replace(file)
    return True


def stored(modality: str, packets: NDArray[np.generic]) -> NDArray[np.generic]:
    """Packets (N, ...) as the data set stores them: (17, 256, 128), (270, 1000) or (23, 148)."""
    if modality == "radar":
        return packets
    kind = np.float16 if modality == "wifi" else np.float32
    return np.ascontiguousarray(packets.T, kind)
