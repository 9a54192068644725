"""How the heads of docs/memory.py are trained on recorded rows, chosen and calibrated."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from memory_heads import Memory, Rows, ready
from torch import Tensor, nn

from pta_ros.bench.film import NAMES
from pta_ros.clock import to_ns
from pta_ros.fusion.prediction import one_person
from pta_ros.model.purify import subset_number
from pta_ros.tensors import load_tensors
from pta_ros.tracks.tracker import Tracker
from pta_ros.training.fit import WITHIN_ONE
from pta_ros.training.losses import mean_joint_distance, spread_loss
from pta_ros.training.pretrain import one_cycle
from pta_ros.training.resume import seed_everything

STEPS, BATCH, LENGTH, RATE, DECAY = 600, 64, 40, 2e-3, 1e-2
LOOK_EVERY = 60  # steps between two looks at the people on whom heads are chosen
SETTLED_S = 1.5  # the first estimates are nobody's figures


def load(out: Path, numbers: Sequence[int], names: Sequence[str]) -> list[tuple[Rows, Tensor]]:
    """What was recorded: rows (T, 8, ...) and truth (T, 17, 3)."""
    tensors = [
        load_tensors(out / f"rows/{n}_{name}.safetensors") for n in numbers for name in names
    ]
    return [(Rows(*(t[field] for field in Rows._fields)), t["truth"]) for t in tensors]


class Lessons:
    """Stretches of what was recorded, of random subsets; half of them lose frames at random."""

    def __init__(self, films: list[tuple[Rows, Tensor]]) -> None:
        self._rows = Rows(*(torch.cat(parts) for parts in zip(*(r for r, _ in films), strict=True)))
        self._truth = torch.cat([truth for _, truth in films])
        self._lengths = torch.tensor([len(truth) for _, truth in films])
        self._first = self._lengths.cumsum(0) - self._lengths

    def draw(self) -> tuple[Rows, Tensor]:
        """Rows (B, T, ...) and truth (B, T, 17, 3); without a sensor where a film is over."""
        which = torch.multinomial(self._lengths.float(), BATCH, replacement=True)
        start = (torch.rand(BATCH) * (self._lengths[which] - LENGTH).clamp(min=1)).long()
        step = start[:, None] + torch.arange(LENGTH)
        over = step >= self._lengths[which][:, None]
        index = (self._first[which][:, None] + step).clamp(max=len(self._truth) - 1)
        lost = torch.rand(BATCH, LENGTH, len(NAMES)) < 0.1 * (torch.rand(BATCH, 1, 1) < 0.5)
        kept = subset_number(~lost.flatten(0, 1)).view(BATCH, LENGTH)
        number = torch.randint(1, 2 ** len(NAMES), (BATCH, 1)) & kept
        number[over] = 0
        return self._rows.at(index, number), self._truth[index]


def losses(memory: Memory, rows: Rows, truth: Tensor) -> Tensor:
    """The model's own loss: mean distance, and likelihood of the deviations."""
    joints, log_std = memory.along(rows)
    valid = (rows.weights > 0).any(dim=-1)
    joints, log_std, truth = joints[valid], log_std[valid], truth[valid]
    return mean_joint_distance(joints, truth) + 1e-3 * spread_loss(log_std, joints, truth)


class Choice:
    """The people on whom heads are chosen and calibrated, in all subsets."""

    def __init__(self, films: list[tuple[Rows, Tensor]]) -> None:
        self._rows = Rows(
            *(torch.stack(parts) for parts in zip(*(r for r, _ in films), strict=True))
        )
        self._truth = torch.stack([truth for _, truth in films])
        self._later = self._rows.time_s[0, :, 0] >= SETTLED_S

    @torch.inference_mode()
    def errors_mm(self, memory: Memory | None) -> dict[int, float]:
        """Mean error of each subset, by number; None: of single frames."""
        return {n: 1e3 * float(self._told(memory, n)[0].norm(dim=-1).mean()) for n in range(1, 8)}

    @torch.inference_mode()
    def calibrate(self, memory: Memory) -> None:
        """As training/fit.py does: so many errors within one deviation, by subset and joint."""
        memory.log_factor.zero_()
        for number in range(1, 8):
            away, deviation = self._told(memory, number)
            ratio = (away.abs() / deviation[..., None]).transpose(0, 1).flatten(1)
            memory.log_factor[number] = ratio.quantile(WITHIN_ONE, dim=1).log()

    def filter_mm(self) -> dict[int, float]:
        """Mean error of each subset behind the filter."""
        return {n: 1e3 * float(np.mean([*self._filtered(n)])) for n in range(1, 8)}

    def _filtered(self, number: int) -> Iterator[float]:
        """Mean errors of everybody's estimates, metres."""
        rows = self._rows.at(slice(None), slice(None), number)
        joints, deviation = rows.joints.numpy(), rows.log_std.exp().numpy()
        weights = [[dict(zip(NAMES, w, strict=True)) for w in one] for one in rows.weights.tolist()]
        for i, truth in enumerate(self._truth.numpy()):
            tracker = Tracker(None, NAMES)
            for t, time_s in enumerate(rows.time_s[i].tolist()):
                told = {m: w for m, w in weights[i][t].items() if w > 0}
                seen = one_person(joints[i, t], deviation[i, t], told)
                tracks = tracker.update(to_ns(time_s), [seen])
                if self._later[t]:
                    yield float(np.linalg.norm(tracks[0].joints - truth[t], axis=-1).mean())

    def _told(self, memory: Memory | None, number: int) -> tuple[Tensor, Tensor]:
        rows = self._rows.at(slice(None), slice(None), number)
        found = (rows.joints, rows.log_std) if memory is None else memory.along(rows)
        away, log_std = (part[:, self._later].flatten(0, 1) for part in
                         (found[0] - self._truth, found[1]))  # fmt: skip
        return away, log_std.exp()


def made(kind: str) -> Memory:
    """A head that has learned nothing."""
    loaded = ready()[0].loaded
    mean_pose = torch.tensor(loaded.statistics["mean_pose_m"])
    return Memory(kind, loaded.model.config.dim, mean_pose)


def train_one(kind: str, seed: int, lessons: Lessons, choice: Choice) -> tuple[Memory, list[float]]:
    """The best of what was looked at on the way, calibrated; every look's score."""
    seed_everything(seed, kind)
    memory = made(kind)
    theta = torch.optim.AdamW(memory.parameters(), RATE, weight_decay=DECAY)
    single, scores = choice.errors_mm(None), list[float]()
    best: dict[str, Tensor] = {}
    for step in range(1, STEPS + 1):
        theta.param_groups[0]["lr"] = RATE * one_cycle(step / STEPS)
        theta.zero_grad()
        losses(memory.train(), *lessons.draw()).backward()
        nn.utils.clip_grad_norm_(memory.parameters(), 1.0)
        theta.step()
        if step % LOOK_EVERY == 0:
            found = choice.errors_mm(memory.eval())
            scores.append(float(np.mean([found[n] / single[n] for n in single])))
            if scores[-1] == min(scores):
                best = {name: t.clone() for name, t in memory.state_dict().items()}
    memory.load_state_dict(best)
    choice.calibrate(memory.eval())
    return memory, scores
