"""A PTA model whose encoders and fusion are graphs: what an estimator asks of it, and no more.

A graph cannot depend on what is in its inputs: nothing is chosen by a mask, everything is computed,
and what is absent has no weight. So one graph serves every subset of the modalities; there is one
for each size of a batch, which is the number of people.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pta_ros.model.finder import Found
from pta_ros.model.graphs import Graphs, Rows, send
from pta_ros.model.heads import PTAOutput
from pta_ros.model.inference import PRECISIONS, of_precision, quick_encoders
from pta_ros.model.pta import PTA

#: Numbers of people that have graphs of their own; others take the next larger one, or several.
PEOPLE = (1, 2, 4, 8, 16)


class ReplayedPTA:
    """`model`, in eval mode with folded norms, by graphs for batches of `sizes`.

    `shapes` are those of the reduced frames, `precision` is one of model.inference.PRECISIONS. The
    model's encoders are replaced. Masks are given on the host, and outputs are there.
    """

    @torch.inference_mode()
    def __init__(
        self,
        model: PTA,
        shapes: Mapping[str, tuple[int, ...]],
        graphs: Graphs,
        sizes: Sequence[int] = (1,),
        precision: str = "float32",
    ) -> None:
        self.config = model.config
        self._model, self._graphs, self._sizes = model, graphs, sizes
        quick_encoders(model, precision)
        self.encoders = {
            m: graphs.of(f"encoder {m}", partial(model.encode_one, m), [torch.zeros(1, *s)], sizes)
            for m, s in shapes.items()
        }
        self._fusions: dict[bool, Rows] = {}
        self._fusion(None)

    def encode_one(self, modality: str, x: Tensor) -> Tensor:
        """As PTA.encode_one."""
        return self.encoders[modality](x)

    def features(
        self, tokens: Mapping[str, Tensor], inputs: Mapping[str, Tensor], mask: Tensor
    ) -> Tensor:
        """Features (B, M, L, D) of the available rows, encoded and projected; zero elsewhere."""
        some = next(iter(tokens.values()))
        rows, index = (
            [some.new_zeros(1, *some.shape[1:])],
            torch.zeros(mask.shape, dtype=torch.long),
        )
        begin = 1
        for i, modality in enumerate(self.config.modalities):
            if modality in tokens:
                end = begin + len(tokens[modality])
                index[mask[:, i], i] = torch.arange(begin, end)
                rows.append(tokens[modality])
                begin = end
        there = torch.empty_like(index, device=some.device)
        send(index, there)
        return torch.cat(rows)[there]

    def complete(self, features: Tensor, mask: Tensor, refine: bool | None = None) -> PTAOutput:
        """As PTA.complete."""
        return self._split(self._outputs(features, mask, refine)[:, 0])

    def complete_each(
        self, features: Tensor, mask: Tensor, refine: bool | None = None
    ) -> tuple[PTAOutput, PTAOutput, Tensor]:
        """As PTA.complete_each."""
        outputs = self._outputs(features, mask, refine)
        return self._split(outputs[:, 0]), self._split(outputs[:, 1:][mask]), mask.nonzero()

    def _outputs(self, features: Tensor, mask: Tensor, refine: bool | None) -> Tensor:
        return self._graphs.home(self._fusion(refine)(features, mask))

    def _fusion(self, refine: bool | None) -> Rows:
        """The graphs with refined or with plain features; recorded when first asked for."""
        refine = self.config.refine if refine is None else refine
        if refine not in self._fusions:
            config, name = self.config, "refined fusion" if refine else "plain fusion"
            features = torch.zeros(1, len(config.modalities), config.feature_tokens, config.dim)
            mask = torch.ones(1, len(config.modalities), dtype=torch.bool)
            fuse = partial(whole_and_each, self._model, refine=refine)
            self._fusions[refine] = self._graphs.of(name, fuse, [features, mask], self._sizes)
        return self._fusions[refine]

    def _split(self, rows: Tensor) -> PTAOutput:
        """The parts of packed rows (n, K)."""
        joints, modalities = self.config.output_joints, len(self.config.modalities)
        classes = rows.shape[1] - 4 * joints - modalities
        parts = rows.split([3 * joints, joints, modalities, classes], dim=1)
        return PTAOutput(parts[0].unflatten(1, (joints, 3)), *parts[1:])


def whole_and_each(model: PTA, features: Tensor, mask: Tensor, refine: bool) -> Tensor:
    """What PTA.complete_each gives, packed: (B, 1 + M, K), the whole and each modality alone.

    Computed for every entry of features (B, M, L, D), whatever `mask` (B, M) says; rows alone of
    what is absent are to be ignored.
    """
    finished = _aligned(model, features, mask) if refine else features
    told = model.alone(finished)
    together = model.predict(finished, model.trusted(features, mask, told))
    whole, each = (
        torch.cat([part.flatten(1).float() for part in output], dim=1)
        for output in (together, model.output_alone(told, finished))
    )
    return torch.cat([whole[:, None], each.unflatten(0, mask.shape)], dim=1)


def _aligned(model: PTA, features: Tensor, mask: Tensor) -> Tensor:
    """PTA.align, of all rows; zero where `mask` is false."""
    tokens = model.tokens(features)
    if isinstance(model.aligner, nn.ModuleDict):
        columns = zip(model.aligner.values(), tokens.unbind(dim=1), strict=True)
        refined = torch.stack([aligner(column) for aligner, column in columns], dim=1)
    else:
        refined = model.aligner(tokens.flatten(0, 1)).view_as(tokens)
    return model.toward(features, refined).masked_fill(~mask[..., None, None], 0.0)


def replayed_finder(
    finder: nn.Module, empty: NDArray[np.float32], graphs: Graphs, precision: str = "float32"
) -> Callable[[Tensor], Found]:
    """A Finder, its norms folded, by a graph for one grid laid out as `empty`; maps on the host."""
    finder = of_precision(finder, PRECISIONS[precision])

    def maps(grid: Tensor) -> Tensor:
        found = finder(grid)
        return torch.cat([found.logit[:, None], found.offset, found.height[:, None]], dim=1)

    run = graphs.of("finder", maps, [torch.from_numpy(empty)[None]], (1,))

    def find(grid: Tensor) -> Found:
        out = graphs.home(run(grid))
        return Found(out[:, 0], out[:, 1:3], out[:, 3])

    return find
