"""Corruptions of reduced frames that leave them readable.

The streams' health (fusion/) recognises readings that cannot be true; these look like true ones.
A gate is trained on them and every system is tested with them, each kind by itself.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor

from pta_ros.datasets.reduced import ReducedSet
from pta_ros.datasets.views import View
from pta_ros.sensors import SENSORS
from pta_ros.sensors.window import WindowSensor
from pta_ros.training import corrupt_windows as windows
from pta_ros.training.corrupt_windows import uniform

#: Changes one reduced frame; the generator decides how strongly.
Change = Callable[[Tensor, Generator], Tensor]


def occlusion(image: Tensor, generator: Generator) -> Tensor:
    """Something 0.6 to 1.4 m before the camera hides 40 to 90 % of each side of the image."""
    height, width = image.shape
    sides = [uniform(0.4, 0.9, generator) for _ in range(2)]
    top = int(uniform(0, 1 - sides[0], generator) * height)
    left = int(uniform(0, 1 - sides[1], generator) * width)
    hidden = image.clone()
    block = hidden[top : top + int(sides[0] * height), left : left + int(sides[1] * width)]
    block.fill_(uniform(0.6, 1.4, generator))
    return hidden


def depth_noise(image: Tensor, generator: Generator) -> Tensor:
    """Range noise of 0.1 to 0.5 m on every return."""
    noise = torch.randn(image.shape, generator=generator) * uniform(0.1, 0.5, generator)
    return torch.where(image > 0, (image + noise).clamp(min=0.05), image)


def dropout(image: Tensor, generator: Generator) -> Tensor:
    """20 to 95 % of the pixels return nothing."""
    lost = torch.rand(image.shape, generator=generator) < uniform(0.2, 0.95, generator)
    return image.masked_fill(lost, 0.0)


def dead_rows(image: Tensor, generator: Generator) -> Tensor:
    """20 to 90 % of the rows, or of the columns, return nothing."""
    axis = int(torch.randint(2, (), generator=generator))
    draws = torch.rand(image.shape[axis], generator=generator)
    lost = draws < uniform(0.2, 0.9, generator)
    return image.masked_fill(lost[:, None] if axis == 0 else lost, 0.0)


def sparse(points: Tensor, generator: Generator) -> Tensor:
    """2 to 15 % of the points remain; the rows repeat them, as the sensor's reduction does."""
    count = max(1, int(uniform(0.02, 0.15, generator) * len(points)))
    kept = torch.randperm(len(points), generator=generator)[:count]
    return points[kept[torch.arange(len(points)) % count]]


def shift(points: Tensor, generator: Generator) -> Tensor:
    """The whole cloud 0.3 to 1 m off in a horizontal direction: a sensor that was knocked."""
    angle = torch.rand((), generator=generator) * 2 * torch.pi
    offset = torch.stack([angle.cos(), angle.sin(), torch.zeros(())])
    return points + offset * uniform(0.3, 1.0, generator)


def lidar_noise(points: Tensor, generator: Generator) -> Tensor:
    """Each coordinate off by 0.1 to 0.4 m."""
    return points + torch.randn(points.shape, generator=generator) * uniform(0.1, 0.4, generator)


def dead_antenna(amplitude: Tensor, generator: Generator) -> Tensor:
    """One or two of the antennas give nothing: the scaled frame's lowest value, 0."""
    count = 1 + int(torch.randint(2, (), generator=generator))
    dead = torch.randperm(len(amplitude), generator=generator)[:count]
    changed = amplitude.clone()
    changed[dead] = 0.0
    return changed


def csi_noise(amplitude: Tensor, generator: Generator) -> Tensor:
    """Receiver noise of 10 to 50 % of the frame's range."""
    level = uniform(0.1, 0.5, generator)
    return amplitude + torch.randn(amplitude.shape, generator=generator) * level


#: What happens to a frame, by modality and kind; FROZEN is every sensor's but those of windows,
#: whose streams see packets that do not change (`corrupted_view`).
CORRUPTIONS: dict[str, dict[str, Change]] = {
    "depth": {
        "occlusion": occlusion,
        "noise": depth_noise,
        "dropout": dropout,
        "dead_rows": dead_rows,
    },
    "lidar": {"sparse": sparse, "shift": shift, "noise": lidar_noise},
    "csi": {"dead_antenna": dead_antenna, "noise": csi_noise},
    "radar": {
        "noise": windows.radar_noise,
        "dead_rows": windows.radar_dead_rows,
        "interference": windows.interference,
    },
    "wifi": {
        "dead_links": windows.dead_links,
        "noise": windows.wifi_noise,
        "bursts": windows.bursts,
    },
    "rfid": {"lost_tags": windows.lost_tags, "noise": windows.rfid_noise},
}
FROZEN = "frozen"
#: A frozen sensor shows what it saw so many frames ago.
FROZEN_BACK = 3


def kinds(modality: str) -> list[str]:
    """Names of the corruptions of a modality."""
    sensor = SENSORS.get(modality)
    frozen = [] if sensor is not None and issubclass(sensor, WindowSensor) else [FROZEN]
    return [*CORRUPTIONS.get(modality, ()), *frozen]


def corrupted_view(kind: str, data: ReducedSet, seed: int = 0) -> View:
    """The frames of `data` with one kind of corruption; the same for a frame whoever asks."""
    version = f"1, seed {seed}"
    if kind == FROZEN:
        return View(kind, version=version, shown=cache(partial(frozen_rows, data)))
    return View(kind, partial(_corrupted, kind, seed), version)


def _corrupted(kind: str, seed: int, modality: str, inputs: Tensor, rows: Tensor) -> Tensor:
    change, corrupted = CORRUPTIONS[modality][kind], []
    for row, frame in zip(rows.tolist(), inputs, strict=True):
        generator = torch.Generator().manual_seed(seed * 1_000_003 + row)
        corrupted.append(change(frame, generator))
    return torch.stack(corrupted)


def frozen_rows(data: ReducedSet, modality: str, back: int = FROZEN_BACK) -> NDArray[np.intp]:
    """For every row the one that a sensor frozen `back` frames ago still shows, (N,).

    Clips are cyclic here; a row whose earlier frame is not present shows itself.
    """
    clip = np.char.add(data.subject, data.action)
    starts = np.flatnonzero(np.r_[True, clip[1:] != clip[:-1]])
    begin = np.repeat(starts, np.diff(np.r_[starts, len(clip)]))
    length = np.repeat(np.diff(np.r_[starts, len(clip)]), np.diff(np.r_[starts, len(clip)]))
    own = np.arange(len(clip))
    earlier = begin + (own - begin - back) % length
    chosen: NDArray[np.intp] = np.where(data.present[modality][earlier], earlier, own)
    return chosen
