"""Frozen graphs of modules: their layers' calls are made once, when they are traced."""

from __future__ import annotations

import warnings
from typing import Any, TypeAlias

import torch
from torch import nn

#: Graphs of a model's parts by name.
Frozen: TypeAlias = dict[str, nn.Module]


class _Bare(nn.Module):
    """A module whose weights are constants of the trace: torch need not rebuild each layer."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self._hidden = (module.requires_grad_(False),)  # in a tuple: not registered
        self.eval()

    def forward(self, *given: torch.Tensor) -> Any:
        return self._hidden[0](*given)


class Freezer:
    """Makes frozen graphs of modules; `graphs` keeps them by name."""

    def __init__(self, graphs: Frozen) -> None:
        self._graphs = graphs

    def __call__(
        self, module: nn.Module, example: torch.Tensor | tuple[torch.Tensor, ...], name: str
    ) -> nn.Module:
        """The graph of `module`, in eval mode, for inputs of the example's shapes."""
        if name not in self._graphs:
            with warnings.catch_warnings():
                # It warns of sizes and steps that become constants, which is meant, and of its age.
                warnings.simplefilter("ignore")
                # Or torch profiles the first two runs of each graph and compiles it again for their
                # sizes, to fuse layers. On a CPU it fuses none: slow runs, and nothing gained.
                torch.jit.set_fusion_strategy([("STATIC", 0), ("DYNAMIC", 0)])
                traced = torch.jit.trace(_Bare(module), example, check_trace=False)
                self._graphs[name] = torch.jit.freeze(traced)
        return self._graphs[name]
