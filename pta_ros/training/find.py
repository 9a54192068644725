"""The stage that trains the search for people in the bird's-eye grid."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from pta_ros.datasets.people import PeopleSet
from pta_ros.model.finder import STRIDE, Finder, Found, peaks
from pta_ros.people import birdseye
from pta_ros.training.config import FindConfig
from pta_ros.training.pretrain import one_cycle
from pta_ros.training.resume import Figures, Stage, batches, finite, seed_everything

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
) -> Stage:
    """Train a Finder on the training frames; validated by who is found, and who is made up."""
    seed_everything(seed, "find")
    model = Finder(birdseye.CHANNELS)
    optimizer = torch.optim.AdamW(
        model.parameters(), settings.learning_rate, weight_decay=settings.weight_decay
    )
    train = torch.from_numpy(data.frames_of("train"))

    def epoch(number: int) -> Figures:
        model.train()
        total, plan = 0.0, batches(train, settings.batch)
        for i, rows in enumerate(plan):
            position = (number + i / len(plan)) / settings.epochs
            for group in optimizer.param_groups:
                group["lr"] = settings.learning_rate * one_cycle(position)
            batch = _changed(*load(data, rows.numpy()))
            with torch.autocast("cpu", torch.bfloat16, enabled=settings.precision == "bfloat16"):
                found = model(batch[0])
            loss = find_loss(found, *batch[1:])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += finite({"loss": float(loss.detach())})["loss"] / len(plan)
            progress(i + 1, len(plan))
        return {"loss": total}

    return Stage(
        "find", model, {"theta": optimizer}, settings.epochs, epoch, seed,
        validate=lambda: validated(model, data), setting="find.learning_rate",
    )  # fmt: skip


def load(data: PeopleSet, rows: np.ndarray) -> tuple[Tensor, Tensor, Tensor]:
    """Grids (B, CHANNELS, SIZE, SIZE), centres (B, 4, 3) and visible (B, 4, 2) of some frames."""
    size = birdseye.SIZE
    index = torch.from_numpy(data.voxels[rows].astype(np.int64))
    values = torch.from_numpy(data.values[rows].astype(np.float32))
    grid = torch.zeros(len(rows), birdseye.CHANNELS * size * size)
    grid.scatter_add_(1, index.clamp(min=0), values * (index >= 0))
    shape = (len(rows), birdseye.CHANNELS, size, size)
    centres = torch.from_numpy(data.centres[rows])
    return grid.view(shape), centres, torch.from_numpy(data.visible[rows])


def _changed(grid: Tensor, centres: Tensor, visible: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Mirror; leave out a sensor; move by whole slabs and cells; lose voxels."""
    count, slabs = len(grid), birdseye.SLABS
    grid, centres, visible = grid.clone(), centres.clone(), visible.clone()
    flip = torch.rand(count) < 0.5
    grid[flip] = grid[flip].flip(3)
    centres[flip, :, 1] *= -1
    absent = torch.randint(0, 4, (count,))  # 0: depth, 1: LiDAR, else none
    for sensor in (0, 1):
        out = absent == sensor
        grid[out, sensor * slabs : (sensor + 1) * slabs] = 0
        visible[out, :, sensor] = False
    grid *= torch.rand_like(grid) > 0.3 * torch.rand(count, 1, 1, 1)
    grid *= 1 + 0.3 * torch.randn(count, 1, 1, 1).clamp(-2, 2)
    for row in range(count):
        up, ahead, left = (int(torch.randint(-n, n + 1, ())) for n in (1, 12, 12))
        parts = grid[row].view(2, slabs, *grid.shape[2:])
        grid[row] = _rolled(parts, up, ahead, left).reshape(grid[row].shape)
        moved = [ahead * birdseye.CELL_M, left * birdseye.CELL_M, up * birdseye.SLAB_M]
        centres[row] += centres.new_tensor(moved)
    return grid, centres, visible


def _rolled(parts: Tensor, *steps: int) -> Tensor:
    """Moved along the last three axes; what comes in from outside is empty."""
    for axis, step in enumerate(steps, start=1):
        parts = parts.roll(step, axis)
        edge = slice(0, step) if step > 0 else slice(parts.shape[axis] + step, None)
        if step:
            parts.movedim(axis, 0)[edge] = 0
    return parts


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
def validated(model: nn.Module, data: PeopleSet, split: str = "val") -> Figures:
    """Shares of visible people found and of empty frames with somebody; centre's error in mm."""
    model.eval()
    there = found_people = empty = made_up = 0
    errors: list[float] = []
    for rows in torch.from_numpy(data.frames_of(split)).split(64):
        grid, centres, visible = load(data, rows.numpy())
        apart = 0.3 / birdseye.CELL_M
        for own, seen, peak in zip(
            centres, visible, peaks(model(grid), _LEAST, 8, apart), strict=True
        ):
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
