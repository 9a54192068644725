"""The heads that docs/memory.py tries, and the estimator that shows them what the model says."""

from __future__ import annotations

import time
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from pta_ros.bench.film import NAMES, T0
from pta_ros.clock import NS
from pta_ros.frames import Frame, Sample
from pta_ros.fusion.engine import Engine
from pta_ros.fusion.estimator import Estimator
from pta_ros.fusion.params import fusion_from, fusion_specs
from pta_ros.fusion.prediction import Prediction
from pta_ros.model.heads import PoseHead
from pta_ros.model.purify import subset_number
from pta_ros.skeleton import NUM_JOINTS

KINDS = ("plain", "memory", "gains")
WIDTH = 128
_DROPPED = 0.7  # of the features while learning: people's own looks are soon learned by heart
_FORGET_S = 1.5  # a memory starts over after so long a silence, as tracks do


class Rows(NamedTuple):
    """What the model says of N estimates: `time_s` (N,), its sensors' ages `age_s` (N, 3), weights
    (N, 3), all zero where no sensor is left, `pooled` (N, D) before the pose head's last layers,
    `joints` (N, 17, 3) metres, `log_std` (N, 17)."""

    time_s: Tensor
    age_s: Tensor
    weights: Tensor
    pooled: Tensor
    joints: Tensor
    log_std: Tensor

    def at(self, *index: Tensor | slice | int) -> Rows:
        """Some of them."""
        return Rows(*(part[index] for part in self))


class State(NamedTuple):
    """A memory: `hidden` (N, H), its last `joints` and `time_s`; `known` (N,) is false before."""

    hidden: Tensor
    joints: Tensor
    time_s: Tensor
    known: Tensor

    @classmethod
    def fresh(cls, rows: int) -> State:
        """Nothing is known."""
        zero = torch.zeros(rows)
        joints = torch.zeros(rows, NUM_JOINTS, 3)
        return cls(torch.zeros(rows, WIDTH), joints, zero, torch.zeros(rows, dtype=torch.bool))

    def where(self, kept: Tensor, other: State) -> State:
        """This one in the rows that are `kept` (N,), else the other."""
        pairs = zip(self, other, strict=True)
        return State(*(torch.where(_as(kept, a), a, b) for a, b in pairs))


def _as(mask: Tensor, like: Tensor) -> Tensor:
    return mask.view(-1, *[1] * (like.dim() - 1))


class Memory(nn.Module):
    """One of KINDS. Each step corrects single poses, and begins as no correction at all."""

    def __init__(self, kind: str, dim: int, mean_pose: Tensor) -> None:
        super().__init__()
        self.kind = kind
        self.mean_pose: Tensor
        self.log_factor: Tensor
        self.register_buffer("mean_pose", mean_pose)
        self.register_buffer("log_factor", torch.zeros(2 ** len(NAMES), NUM_JOINTS))
        size = dim + 2 * 3 * NUM_JOINTS + NUM_JOINTS + 2 * len(NAMES) + 1
        self.read = nn.Sequential(nn.Linear(size, WIDTH), nn.ReLU(), nn.Dropout(0.2))
        self.cell = nn.GRUCell(WIDTH, WIDTH)
        self.change = nn.Linear(WIDTH, 3 * NUM_JOINTS)
        self.spread = nn.Linear(WIDTH, NUM_JOINTS)
        self.velocity = nn.Linear(WIDTH, 3 * NUM_JOINTS) if kind == "gains" else None
        self.gain = nn.Linear(WIDTH, NUM_JOINTS) if kind == "gains" else None
        for layer in (self.change, self.spread, self.velocity, self.gain):
            if layer is not None:
                nn.init.zeros_(layer.weight)
                nn.init.zeros_(layer.bias)

    def forward(self, row: Rows, state: State) -> tuple[Tensor, Tensor, State]:
        """One estimate each -> joints (N, 17, 3), log_std (N, 17), the state after it."""
        if self.kind == "plain":
            state = State.fresh(len(row.joints))
        since = torch.where(state.known, row.time_s - state.time_s, 0.0)[:, None]
        last = torch.where(_as(state.known, row.joints), state.joints, row.joints)
        pooled = nn.functional.dropout(row.pooled, _DROPPED, self.training)
        seen = [
            pooled, 2 * (row.joints - self.mean_pose).flatten(1), row.log_std + 4, row.weights,
            10 * row.age_s, 10 * since, 10 * (row.joints - last).flatten(1),
        ]  # fmt: skip
        hidden = self.cell(self.read(torch.cat(seen, dim=1)), state.hidden)
        joints = row.joints + 0.1 * self.change(hidden).unflatten(1, (-1, 3))
        if self.velocity is not None and self.gain is not None:
            expected = last + since[..., None] * self.velocity(state.hidden).unflatten(1, (-1, 3))
            gain = torch.where(state.known[:, None], (2 + self.gain(hidden)).sigmoid(), 1.0)
            joints = expected + gain[..., None] * (joints - expected)
        # Detached, as in the model's own head.
        log_std = row.log_std + self.spread(hidden.detach())
        log_std = log_std + self.log_factor[subset_number(row.weights > 0)]
        return joints, log_std, State(hidden, joints, row.time_s, torch.ones_like(state.known))

    def along(self, rows: Rows) -> tuple[Tensor, Tensor]:
        """Joints and log_std of rows (B, T, ...); where no sensor is left the state stays."""
        if self.kind == "plain":
            flat = Rows(*(part.flatten(0, 1) for part in rows))
            found = self(flat, State.fresh(len(flat.joints)))[:2]
            shape = rows.time_s.shape
            return found[0].unflatten(0, shape), found[1].unflatten(0, shape)
        state = State.fresh(len(rows.time_s))
        joints, log_std = [], []
        for t in range(rows.time_s.shape[1]):
            row = rows.at(slice(None), t)
            pose, spread, after = self(row, state)
            state = after.where((row.weights > 0).any(dim=1), state)
            joints.append(pose)
            log_std.append(spread)
        return torch.stack(joints, dim=1), torch.stack(log_std, dim=1)


class Watcher(Estimator):
    """An estimator that tells Rows, and has a memory of its own once it is given one."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine.loaded.model)
        self.memory: Memory | None = None
        self.cpu_ms: list[float] = []
        self.recorded: list[Rows] | None = None
        self._known: dict[tuple[Any, ...], Rows] = {}
        self._features: dict[tuple[str, int], Tensor] = {}
        self._pooled = torch.zeros(0)
        self._state, self._last_s = State.fresh(1), -np.inf
        head = self.model.head
        assert isinstance(head, PoseHead)
        head.position.register_forward_pre_hook(self._keep)

    def _keep(self, _module: nn.Module, given: tuple[Tensor, ...]) -> None:
        self._pooled = given[0]

    def begin(self, memory: Memory | None) -> None:
        """A scene begins."""
        self.memory, self._state, self._last_s = memory, State.fresh(1), -np.inf

    def forget(self) -> None:
        """Other frames from now on."""
        self._known.clear()
        self._features.clear()

    def encode(self, frame: Frame) -> bool:
        """As every estimator does, but once for all systems."""
        key = frame.modality, frame.stamp_ns
        if key in self._features:
            self._encoded[frame.modality] = frame, self._features[key]
            return False
        new = super().encode(frame)
        self._features[key] = self._encoded[frame.modality][1]
        return new

    def _predict(self, sample: Sample) -> Prediction:
        key = (sample.stamp_ns, *sorted((m, f.stamp_ns) for m, f in sample.frames.items()))
        if key not in self._known:
            self._known[key] = self._look(sample)
        row = self._known[key]
        joints, log_std = row.joints, row.log_std
        if self.memory is not None and not sample.late:  # what is late the filter takes as it is
            joints, log_std = self._remember(self.memory, row)
        weights = dict(zip(NAMES, row.weights[0].tolist(), strict=True))
        told = {m: weights[m] for m in sample.frames}
        return Prediction(joints[0].numpy(), log_std[0].exp().numpy(), told)

    def _look(self, sample: Sample) -> Rows:
        there = torch.tensor([[m in sample.frames for m in NAMES]])
        if self.recorded is None:
            return self._rows(sample, there)
        every = torch.tensor([[n >> i & 1 for i in range(3)] for n in range(8)]).bool()
        rows = self._rows(sample, every & there)
        self.recorded.append(rows)
        return rows.at(subset_number(there))

    def _remember(self, memory: Memory, row: Rows) -> tuple[Tensor, Tensor]:
        begun = time.process_time()
        if float(row.time_s) - self._last_s > _FORGET_S:
            self._state = State.fresh(1)
        joints, log_std, self._state = memory(row, self._state)
        self._last_s = float(row.time_s)
        self.cpu_ms.append(1e3 * (time.process_time() - begun))
        return joints, log_std

    def _rows(self, sample: Sample, mask: Tensor) -> Rows:
        """What the model says of a sample with the sensors of each row of `mask` (N, 3)."""
        frames, absent = sample.frames, torch.zeros(1, *self._shape)
        columns = [self._encoded[m][1] if m in frames else absent for m in NAMES]
        some = mask.any(dim=1)
        features = torch.stack(columns, dim=1).expand(int(some.sum()), -1, -1, -1)
        out = self.model.complete(features, mask[some], self.refine)
        age = [(sample.stamp_ns - frames[m].stamp_ns) / NS if m in frames else 0.0 for m in NAMES]
        parts = (out.weights, self._pooled, out.joints, out.log_std)
        full = [part.new_zeros(len(mask), *part.shape[1:]) for part in parts]
        for whole, part in zip(full, parts, strict=True):
            whole[some] = part
        stamp = torch.full((len(mask),), (sample.stamp_ns - T0) / NS)
        return Rows(stamp, torch.tensor(age).expand(len(mask), -1) * mask, *full)


def ready() -> tuple[Engine, Watcher]:
    """The shipped model, which makes pipelines around a watcher."""
    torch.set_num_threads(1)
    engine = Engine.load(*fusion_from({spec.name: spec.default for spec in fusion_specs()}))
    engine.estimator = watcher = Watcher(engine)
    return engine, watcher
