"""Functions of tensors of fixed shapes that are run again and again: on a GPU as CUDA graphs.

At batch 1 a GPU waits for the CPU to launch its many small kernels. A CUDA graph launches all of
them at once; for that its inputs and its output lie in the same memory each time. What a GPU cannot
record runs step by step on the same buffers, and so does everything on a CPU, where that is tested.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

_log = logging.getLogger(__name__)

#: Tensors (n, ...), one or more -> a tensor (n, ...), each row of which its own rows decide.
Rows = Callable[..., Tensor]
#: Runs a function once more on the buffers that it was made with.
Replay = Callable[[], None]
#: Runs before a recording: libraries choose and load their kernels in the first ones.
_WARM_UP = 3


class Graphs:
    """Makes graphs for one device, and knows which of them could not be recorded.

    `captured` counts CUDA graphs. `refused` has the reason for each function, by its name, that
    runs step by step on a GPU.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.captured = 0
        self.refused: dict[str, str] = {}
        self._pool = torch.cuda.graph_pool_handle() if device.type == "cuda" else None

    def told(self) -> dict[str, str]:
        """For diagnostics: how many graphs there are, and why others are none."""
        refused = "; ".join(f"{name}: {why}" for name, why in self.refused.items())
        return {"cuda_graphs": str(self.captured), "cuda_graphs_refused": refused}

    @torch.inference_mode()
    def of(
        self, name: str, function: Rows, examples: Sequence[Tensor], sizes: Sequence[int]
    ) -> Rows:
        """`function` for any number of rows from 1 on, by graphs for `sizes` of rows.

        `examples` are inputs on the host, (1, ...) each: their shapes, types and strides count.
        """
        made = {}
        for size in sorted(sizes):
            inputs = [_buffer(example, size, self.device) for example in examples]
            made[size] = self._one(f"{name} {size}", function, inputs)
        return partial(_by_parts, made)

    def _one(self, name: str, function: Rows, inputs: list[Tensor]) -> Rows:
        run = partial(function, *inputs)
        if self.device.type == "cuda":
            try:
                with torch.cuda.device(self.device):
                    replay, output = _capture(run, self._pool)
                self.captured += 1
                return partial(_run, inputs, replay, output)
            except RuntimeError as error:
                self.refused[name] = " ".join(str(error).split())[:200]
                _log.warning("%s runs without a CUDA graph: %s", name, self.refused[name])
        return partial(_run, inputs, *step_by_step(run))

    def home(self, tensor: Tensor) -> Tensor:
        """A tensor on the host, when the device has made it."""
        if tensor.device.type == "cpu":
            return tensor
        there = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True)
        there.copy_(tensor, non_blocking=True)
        torch.cuda.current_stream(tensor.device).synchronize()
        return there


def send(given: Tensor, to: Tensor) -> None:
    """Copy `given` into `to`; from the host through pinned memory, without waiting for it."""
    if given.device.type == "cpu" and to.device.type == "cuda":
        given = given.pin_memory()  # torch keeps such memory, and knows when it is free again
    to.copy_(given, non_blocking=True)


def step_by_step(run: Callable[[], Tensor]) -> tuple[Replay, Tensor]:
    """A function without a graph: its replay, and the buffer that holds the result after it."""
    output = run().clone()

    def replay() -> None:
        output.copy_(run())

    return replay, output


def _capture(run: Callable[[], Tensor], pool: Any) -> tuple[Replay, Tensor]:
    """The same as a CUDA graph; RuntimeError where the device cannot record it."""
    aside = torch.cuda.Stream()
    aside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(aside):
        for _ in range(_WARM_UP):
            run()
    torch.cuda.current_stream().wait_stream(aside)
    graph = torch.cuda.CUDAGraph()
    # Another thread may be using the GPU: a model is exchanged while one is running.
    with torch.cuda.graph(graph, pool=pool, capture_error_mode="thread_local"):
        output = run()
    return graph.replay, output


def _buffer(example: Tensor, size: int, device: torch.device) -> Tensor:
    """Memory for `size` rows like `example`, laid out alike."""
    return torch.zeros_like(example.expand(size, *example.shape[1:]).clone(), device=device)


def _run(inputs: Sequence[Tensor], replay: Replay, output: Tensor, *given: Tensor) -> Tensor:
    """The result for `given` rows, at most as many as the buffers have; the caller's own."""
    for buffer, rows in zip(inputs, given, strict=True):
        send(rows, buffer[: len(rows)])
    replay()
    return output[: len(given[0])].clone()


@torch.inference_mode()
def _by_parts(made: dict[int, Rows], *given: Tensor) -> Tensor:
    """Each part by the smallest graph that holds it; `made` is in the order of sizes."""
    most, count, parts = max(made), len(given[0]), []
    for at in range(0, count, most):
        rows = min(most, count - at)
        size = next(n for n in made if n >= rows)
        parts.append(made[size](*(x[at : at + rows] for x in given)))
    return parts[0] if len(parts) == 1 else torch.cat(parts)
