"""The stage that trains the search for people in the bird's-eye grid."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pta_ros.datasets.people import PeopleSet
from pta_ros.model.device import autocast, dtype_of
from pta_ros.model.finder import STRIDE, Finder, Found, peaks
from pta_ros.people import birdseye
from pta_ros.training.distributed import ALONE, Ranks
from pta_ros.training.pretrain import one_cycle
from pta_ros.training.resume import Figures, Stage, batches, finite, seed_everything
from pta_ros.training.stage_config import FindConfig

#: Deviation of a target's bump in cells of the heat map; a hidden person's surroundings in metres
#: that teach nothing; how near a peak must be to have found somebody.
_BUMP, _UNSURE_M, _NEAR_M = 1.2, 0.4, 0.3
_LEAST = 0.5
_OFFSET_WITHIN = 2  # cells of the heat map


def find_stage(
    settings: FindConfig,
    seed: int,
    data: PeopleSet,
    progress: Callable[[int, int], None],
    ranks: Ranks = ALONE,
) -> Stage:
    """Train a Finder on the training frames; validated by who is found, and who is made up."""
    seed_everything(seed, "find")
    model = Finder(birdseye.CHANNELS)
    optimizer = torch.optim.AdamW(
        model.parameters(), settings.learning_rate, weight_decay=settings.weight_decay
    )
    train = torch.from_numpy(data.frames_of("train"))
    dtype = dtype_of(ranks.device, settings.precision)

    def epoch(number: int) -> Figures:
        model.train()
        total, plan = 0.0, batches(train, settings.batch)
        for i, rows in enumerate(plan):
            position = (number + i / len(plan)) / settings.epochs
            for group in optimizer.param_groups:
                group["lr"] = settings.learning_rate * one_cycle(position)
            frames = Frames(*(x.to(ranks.device) for x in changed(load(data, rows.numpy()))))
            with autocast(ranks.device, settings.precision):
                found = model(frames.grid(dtype))
            loss = find_loss(found, frames.centres, frames.visible)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += finite({"loss": float(loss.detach())})["loss"] / len(plan)
            progress(i + 1, len(plan))
        return {"loss": total}

    return Stage(
        "find", model, {"theta": optimizer}, settings.epochs, epoch, seed,
        validate=lambda: validated(model, data), setting="find.learning_rate", ranks=ranks,
    )  # fmt: skip


class Frames(NamedTuple):
    """B frames of a PeopleSet.

    `voxels` (B, VOXELS): indices of filled ones, -1 for none, and `values` in them; `centres`
    (B, 4, 3) of people, metres, NaN for none; `visible` (B, 4, 2) to depth, to LiDAR.
    """

    voxels: Tensor
    values: Tensor
    centres: Tensor
    visible: Tensor

    def grid(self, dtype: torch.dtype = torch.float32) -> Tensor:
        """The grids (B, CHANNELS, SIZE, SIZE), channels last in memory; see birdseye.fill."""
        size, channels = birdseye.SIZE, birdseye.CHANNELS
        frame, number = (self.voxels >= 0).nonzero(as_tuple=True)
        voxel = self.voxels[frame, number]
        place = (frame * size**2 + voxel % size**2) * channels + voxel // size**2
        out = self.values.new_zeros(len(self.voxels) * size**2 * channels, dtype=dtype)
        out[place] = self.values[frame, number].to(dtype)
        return out.view(-1, size, size, channels).permute(0, 3, 1, 2)


def load(data: PeopleSet, rows: NDArray[np.int64]) -> Frames:
    """Some frames of the set."""
    return Frames(
        torch.from_numpy(data.voxels[rows].astype(np.int64)),
        torch.from_numpy(data.values[rows].astype(np.float32)),
        torch.from_numpy(data.centres[rows]),
        torch.from_numpy(data.visible[rows]),
    )


def changed(frames: Frames) -> Frames:
    """Mirror; leave out a sensor; move by whole slabs and cells; lose voxels and brightness."""
    index, values, centres, visible = (part.clone() for part in frames)
    count, size, slabs = len(index), birdseye.SIZE, birdseye.SLABS
    kept = index >= 0
    y, x, channel = index % size, index // size % size, index // size**2
    sensor, z = channel // slabs, channel % slabs
    flip = torch.rand(count, 1) < 0.5
    y = torch.where(flip, size - 1 - y, y)
    centres[..., 1] *= torch.where(flip, -1.0, 1.0)
    absent = torch.randint(0, 4, (count, 1))  # 0: depth, 1: LiDAR, else none
    kept &= sensor != absent
    visible &= torch.arange(2) != absent[..., None]
    kept &= torch.rand(index.shape) > 0.3 * torch.rand(count, 1)
    values *= 1 + 0.3 * torch.randn(count, 1).clamp(-2, 2)
    limits, cell = (1, 12, 12), (birdseye.SLAB_M, birdseye.CELL_M, birdseye.CELL_M)
    up, ahead, left = (torch.randint(-n, n + 1, (count, 1)) for n in limits)
    z, x, y = z + up, x + ahead, y + left
    kept &= (z >= 0) & (z < slabs) & (x >= 0) & (x < size) & (y >= 0) & (y < size)
    centres += torch.stack([ahead * cell[1], left * cell[2], up * cell[0]], dim=2)
    index = ((sensor * slabs + z) * size + x) * size + y
    return Frames(torch.where(kept, index, -1), values, centres, visible)


def find_loss(found: Found, centres: Tensor, visible: Tensor) -> Tensor:
    """Focal loss of the heat map (Law and Deng 2018), and of offset and height near each centre."""
    bump, unsure, nearest, distance = _targets(found, centres, visible)
    probability = found.logit.sigmoid().clamp(1e-4, 1 - 1e-4)
    hit = bump > 0.999
    positive = -((1 - probability) ** 2) * probability.log() * hit
    negative = -((1 - bump) ** 4) * probability**2 * (1 - probability).log() * ~hit * ~unsure
    heat = (positive + negative).sum() / hit.sum().clamp(min=1)
    near = (distance < _OFFSET_WITHIN) & ~unsure
    if not bool(near.any()):
        return heat
    wanted = nearest.movedim(3, 1)  # (B, 3, H, W): cells of the grid, and metres up
    rows, columns = _middles(found.logit)
    middle = torch.stack(torch.broadcast_tensors(rows[:, None], columns[None]))
    offset = (found.offset - (wanted[:, :2] - middle)).abs().sum(dim=1)[near].mean()
    height = (found.height - wanted[:, 2]).abs()[near].mean()
    return heat + 0.2 * offset + height


def _middles(heat: Tensor) -> tuple[Tensor, Tensor]:
    """The middle of the heat map's rows and columns in cells of the grid."""
    rows, columns = (torch.arange(n, device=heat.device) for n in heat.shape[1:])
    return (rows + 0.5) * STRIDE, (columns + 0.5) * STRIDE


def _targets(
    found: Found, centres: Tensor, visible: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Bumps (B, H, W), where nothing is taught, and of the nearest visible person: cell and height
    (B, H, W, 3), and the distance in cells of the heat map."""
    seen = visible.any(dim=2)
    place = centres.nan_to_num(-1e3)
    cell = (place[..., :2] + place.new_tensor([0.0, 4.0])) / birdseye.CELL_M
    rows, columns = _middles(found.logit)
    away = (
        (cell[:, :, 0, None, None] - rows[:, None]) ** 2
        + (cell[:, :, 1, None, None] - columns) ** 2
    ).sqrt() / STRIDE  # (B, P, H, W)
    hidden = torch.where(seen[..., None, None], 1e3, away)
    away = torch.where(seen[..., None, None], away, 1e3)
    distance, who = away.min(dim=1)
    bump = torch.exp(-0.5 * (distance / _BUMP) ** 2)
    own = away.flatten(2).min(dim=2).values[..., None, None]  # each person's own cell counts whole
    bump = torch.where(((away == own) & (away < 1)).any(dim=1), 1.0, bump)
    limit = _UNSURE_M / (birdseye.CELL_M * STRIDE)
    unsure = (hidden.min(dim=1).values < limit) & (distance > 3)
    target = torch.cat([cell, place[..., 2:]], dim=2)
    nearest = target.gather(1, who.flatten(1)[..., None].expand(-1, -1, 3))
    return bump, unsure, nearest.unflatten(1, who.shape[1:]), distance


@torch.inference_mode()
def validated(model: nn.Module, data: PeopleSet) -> Figures:
    """Shares of visible people found and of empty frames with somebody; centre's error in mm."""
    model.eval()
    there = found_people = empty = made_up = 0
    errors: list[float] = []
    for rows in torch.from_numpy(data.frames_of("val")).split(64):
        frames = load(data, rows.numpy())
        found = model(frames.grid().to(next(model.parameters()).device))
        found = Found(*(part.cpu() for part in found))
        peaked = peaks(found, _LEAST, 8, _NEAR_M / birdseye.CELL_M)
        for own, seen, peak in zip(frames.centres, frames.visible, peaked, strict=True):
            people = own[seen.any(dim=1)].numpy()
            places = birdseye.place_of(peak.cell.numpy())
            if not len(people):
                nobody = bool(own.isnan().all())
                empty, made_up = empty + nobody, made_up + (nobody and len(places) > 0)
                continue
            there += len(people)
            for person in people:
                away = np.linalg.norm(places - person[:2], axis=1) if len(places) else [np.inf]
                if (best := int(np.argmin(away))) >= 0 and away[best] < _NEAR_M:
                    found_people += 1
                    whole = np.append(places[best], float(peak.height[best]))
                    errors.append(float(np.linalg.norm(whole - person)))
    return {
        "val_found_%": 100 * found_people / max(there, 1),
        "val_false_%": 100 * made_up / max(empty, 1),
        "val_centre_mm": 1000 * float(np.mean(errors or [np.nan])),
    }
