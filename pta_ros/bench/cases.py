"""What `bench_pta --device` runs: every shipped model and the paper's graph, as a robot uses them.

Each case is run in three ways: the model as it is on the CPU, which is right by definition; the
same, step by step, on the device; and by graphs, as a node runs it there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import chain, combinations

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from pta_ros import checkpoint
from pta_ros.bench.inputs import fit_head, model_of, people, rooms
from pta_ros.home import model_folder
from pta_ros.model.finder import Finder, Found
from pta_ros.model.graphs import Graphs
from pta_ros.model.heads import PTAOutput
from pta_ros.model.inference import fold_norms, quick_encoders
from pta_ros.model.pta import PTA
from pta_ros.model.replayed import ReplayedPTA, replayed_finder, whole_and_each
from pta_ros.people.readings import Float32

SHIPPED = ("mmfi_lite", "people_lite", "xrf55_lite")
#: Frames that the head of the paper's graph, whose weights are random, is fitted to.
FITTED = 16
Inputs = Mapping[str, Tensor]
#: Runs a batch from the host's memory to the host's memory.
Call = Callable[[], PTAOutput]


@dataclass(frozen=True, eq=False)
class Case:
    """A model in eval mode on the CPU, and inputs for any batch: (B, *shape) by modality.

    `finder` and `grid` are there for a model that finds people.
    """

    name: str
    model: PTA
    inputs: Callable[[int], Inputs]
    finder: Finder | None = None
    grid: Float32 | None = None

    @property
    def subsets(self) -> list[tuple[str, ...]]:
        """All subsets of the modalities, the whole last."""
        names = self.model.config.modalities
        return list(chain.from_iterable(combinations(names, n + 1) for n in range(len(names))))

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Of one frame or one person, by modality."""
        return {m: tuple(x.shape[1:]) for m, x in self.inputs(1).items()}


def shipped_case(name: str) -> Case:
    """A shipped model, on inputs that fit it."""
    loaded = checkpoint.load(model_folder(name))
    if loaded.finder is not None:
        grid = people(1)[1]
        return Case(name, loaded.model, lambda count: people(count)[0], loaded.finder, grid)
    if set(loaded.sensors) == {"depth", "lidar", "csi"}:
        return Case(name, loaded.model, lambda count: rooms("lite", count, seed=1)[0])
    shapes = {m: sensor.shape for m, sensor in loaded.sensors.items()}
    return Case(name, loaded.model, lambda count: _noise(shapes, count))


def paper_case(device: torch.device) -> Case:
    """The paper's graph with random weights, its head fitted on `device` to synthetic frames."""
    model = model_of("xfi").to(device)
    frames, joints = rooms("xfi", FITTED)
    fit_head(model, {m: x.to(device) for m, x in frames.items()}, joints.to(device))
    return Case("xfi", model.cpu(), lambda count: rooms("xfi", count, seed=1)[0])


def _noise(shapes: Mapping[str, tuple[int, ...]], count: int) -> Inputs:
    generator = torch.Generator().manual_seed(1)
    return {m: torch.randn(count, *shape, generator=generator) for m, shape in shapes.items()}


@dataclass(eq=False)
class Ways:
    """A case on a device: its model step by step, and by graphs, made when they are asked for."""

    case: Case
    device: torch.device
    graphs: Graphs = field(init=False)

    def __post_init__(self) -> None:
        self.graphs = Graphs(self.device)
        self.stepwise = fold_norms(self.case.model).to(self.device)
        self._made: dict[tuple[str, int], ReplayedPTA] = {}

    def eager(self, inputs: Inputs) -> Call:
        """Step by step: what a GPU does without graphs."""

        def call() -> PTAOutput:
            given = {m: x.to(self.device) for m, x in inputs.items()}
            return PTAOutput(*(part.cpu() for part in self.stepwise(given)))

        return call

    def replayed(self, inputs: Inputs, precision: str = "float32") -> Call:
        """As a node runs it, its inputs encoded one by one."""
        names = self.case.model.config.modalities
        count = len(next(iter(inputs.values())))
        model = self._model(precision, count)
        mask = torch.tensor([[m in inputs for m in names]]).expand(count, -1)

        def call() -> PTAOutput:
            tokens = {m: model.encode_one(m, x) for m, x in inputs.items()}
            return model.complete(model.features(tokens, {}, mask), mask)

        return call

    def find(self, precision: str = "float32") -> Callable[[], Found]:
        """The search for people by a graph."""
        assert self.case.finder is not None
        assert self.case.grid is not None
        finder = fold_norms(self.case.finder).to(self.device)
        find = replayed_finder(finder, self.case.grid, self.graphs, precision)
        grid = torch.from_numpy(self.case.grid)[None]
        return lambda: find(grid)

    def _model(self, precision: str, count: int) -> ReplayedPTA:
        key = (precision, count)
        if key not in self._made:
            model, shapes = fold_norms(self.case.model).to(self.device), self.case.shapes()
            self._made[key] = ReplayedPTA(model, shapes, self.graphs, (count,), precision)
        return self._made[key]


@torch.inference_mode()
def difference(case: Case, call: Callable[[Inputs], Call], count: int = 4) -> tuple[float, float]:
    """The largest distance of a joint, mm, and of a probability, from what the CPU says.

    Of `count` frames in every subset of the modalities; `call` gives a way of `Ways`.
    """
    inputs, joints_mm, chances = case.inputs(count), [0.0], [0.0]
    model = fold_norms(case.model)
    for subset in case.subsets:
        given = {m: inputs[m] for m in subset}
        right, found = model(given), call(given)()
        joints_mm.append(1000 * _largest((right.joints - found.joints).norm(dim=-1)))
        chances.append(_largest(_chances(right) - _chances(found)))
    return max(joints_mm), max(chances)


@torch.inference_mode()
def search_difference(case: Case, find: Callable[[], Found]) -> float:
    """The largest difference of a cell's probability from what the CPU says."""
    assert case.finder is not None
    assert case.grid is not None
    right = fold_norms(case.finder)(torch.from_numpy(case.grid)[None])
    return _largest(right.logit.sigmoid() - find().logit.sigmoid())


def _chances(output: PTAOutput) -> Tensor:
    """Of classes, or of somebody's presence."""
    logits = output.logits
    return logits.sigmoid() if logits.shape[1] == 1 else logits.softmax(dim=1)


def _largest(values: Tensor) -> float:
    return float(values.abs().max()) if values.numel() else 0.0


@torch.inference_mode()
def work(case: Case) -> tuple[int, int]:
    """Arithmetic (operations) and memory (bytes) of one frame, or one person, by graphs.

    Of the arithmetic the products and convolutions are counted, of the memory the weights and the
    inputs: each has to be read once at least.
    """
    model = fold_norms(case.model)
    quick_encoders(model)
    weights = sum(p.nbytes for p in model.parameters())
    config, model = case.model.config, model.to("meta")
    shape = 1, len(config.modalities), config.feature_tokens, config.dim
    features = torch.zeros(shape, device="meta")
    mask = torch.ones(features.shape[:2], dtype=torch.bool, device="meta")
    frames = {m: torch.zeros(1, *shape, device="meta") for m, shape in case.shapes().items()}
    counter = FlopCounterMode(display=False)
    with counter:
        for modality, frame in frames.items():
            model.encode_one(modality, frame)
        whole_and_each(model, features, mask, config.refine)
    inputs = sum(x.nbytes for x in case.inputs(1).values())
    return counter.get_total_flops(), weights + inputs
