"""Frozen graphs of modules: their layers' calls are made once, when they are traced."""

from __future__ import annotations

import io
import warnings
from typing import Any

import torch
from torch import nn


class _Bare(nn.Module):
    """A module whose weights are constants of the trace: torch need not rebuild each layer."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self._hidden = (module.requires_grad_(False),)  # in a tuple: not registered
        self.eval()

    def forward(self, *given: torch.Tensor) -> Any:
        return self._hidden[0](*given)


class Freezer:
    """Makes frozen graphs of modules; `graphs` keeps the traced ones, serialized, by name."""

    def __init__(self, graphs: dict[str, bytes]) -> None:
        self._graphs = graphs

    def __call__(
        self, module: nn.Module, example: torch.Tensor | tuple[torch.Tensor, ...], name: str
    ) -> nn.Module:
        """The graph of `module`, in eval mode, for inputs of the example's shapes."""
        if name not in self._graphs:
            file = io.BytesIO()
            with warnings.catch_warnings():
                # It warns of sizes and steps that become constants, which is meant, and of its age.
                warnings.simplefilter("ignore")
                traced = torch.jit.trace(_Bare(module), example, check_trace=False)
                torch.jit.save(traced, file)
            self._graphs[name] = file.getvalue()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # What is loaded is a compilation unit of its own, whose memory is given back.
            return torch.jit.freeze(torch.jit.load(io.BytesIO(self._graphs[name])))
