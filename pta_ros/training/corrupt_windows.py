"""Corruptions of reduced windows of XRF55's sensors that leave them readable.

Each takes one window as the model sees it (sensors/radar.py, wifi.py, rfid.py) and returns a
changed one; the generator decides how strongly.
"""

from __future__ import annotations

import torch
from torch import Generator, Tensor

#: Links of XRF55's Wi-Fi, each some channels one after the other; of others, as many equal parts.
_LINKS = 9


def uniform(low: float, high: float, generator: Generator) -> float:
    """A number between `low` and `high`."""
    return low + (high - low) * float(torch.rand((), generator=generator))


def radar_noise(maps: Tensor, generator: Generator) -> Tensor:
    """Receiver noise of one to three times the window's deviation, (packets, rows, columns)."""
    level = uniform(1.0, 3.0, generator) * float(maps.std())
    return _standardised(maps + level * torch.randn(maps.shape, generator=generator))


def radar_dead_rows(maps: Tensor, generator: Generator) -> Tensor:
    """20 to 90 % of the rows, or of the columns, give the lowest value in the whole window."""
    axis = 1 + int(torch.randint(2, (), generator=generator))
    draws = torch.rand(maps.shape[axis], generator=generator)
    lost = draws < uniform(0.2, 0.9, generator)
    lost = lost[:, None] if axis == 1 else lost
    return _standardised(torch.where(lost, maps.min(), maps))


def interference(maps: Tensor, generator: Generator) -> Tensor:
    """Another radar: 30 to 80 % of the maps are that of a bright stripe, each of its own."""
    hit = torch.rand(len(maps), generator=generator) < uniform(0.3, 0.8, generator)
    hit[int(torch.randint(len(maps), (), generator=generator))] = True
    place = torch.randint(maps.shape[1], (len(maps), 1, 1), generator=generator)
    stripe = (torch.arange(maps.shape[1])[:, None] - place).abs() <= 1
    bright = uniform(1.0, 3.0, generator) * maps.max()
    return _standardised(torch.where(stripe & hit[:, None, None], bright, maps))


def dead_links(change: Tensor, generator: Generator) -> Tensor:
    """Three to eight of the nine links give nothing: no change at all, (channels, steps)."""
    count = 3 + int(torch.randint(6, (), generator=generator))
    dead = torch.zeros(_LINKS, dtype=torch.bool)
    dead[torch.randperm(_LINKS, generator=generator)[:count]] = True
    link = torch.arange(len(change)) * _LINKS // len(change)
    return change.masked_fill(dead[link][:, None], 0.0)


def wifi_noise(change: Tensor, generator: Generator) -> Tensor:
    """Receiver noise of one to four times the window's deviation."""
    level = uniform(1.0, 4.0, generator) * float(change.std())
    return change + level * torch.randn(change.shape, generator=generator)


def bursts(change: Tensor, generator: Generator) -> Tensor:
    """Another sender: all links jump together in 20 to 60 % of the time, in spells of a fifth."""
    steps = change.shape[1]
    spells = torch.rand(5, generator=generator) < uniform(0.2, 0.6, generator)
    spells[int(torch.randint(5, (), generator=generator))] = True
    hit = spells.repeat_interleave(-(-steps // 5))[:steps]
    level = uniform(2.0, 5.0, generator) * float(change.std())
    jumps = level * torch.randn(1, steps, generator=generator)
    return torch.where(hit, change + jumps, change)


def lost_tags(phases: Tensor, generator: Generator) -> Tensor:
    """40 to 90 % of the tags are not read: no change of their phase, (tags, packets)."""
    lost = torch.rand(len(phases), generator=generator) < uniform(0.4, 0.9, generator)
    lost[int(torch.randint(len(phases), (), generator=generator))] = True
    return phases.masked_fill(lost[:, None], 0.0)


def rfid_noise(phases: Tensor, generator: Generator) -> Tensor:
    """Phases off by 0.5 to 1.5 rad, each by itself."""
    level = uniform(0.5, 1.5, generator)
    return phases + level * torch.randn(phases.shape, generator=generator)


def _standardised(maps: Tensor) -> Tensor:
    """As the sensor gives its windows, whatever was changed before that."""
    return (maps - maps.mean()) / maps.std().clamp(min=1e-6)
