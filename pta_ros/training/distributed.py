"""One training run shared by several processes (torchrun): the same training as by one.

Every process holds all parameters, makes every random draw for the whole batch and computes the
loss of the whole batch. Only the networks, which take the time, run on a part of the rows in each
process, and all processes get all results (`Ranks.share`).

The loss being the same everywhere, a process's gradient is that of the sum of W equal losses by its
own copy of the parameters; the mean over processes is the gradient by all copies.
"""

from __future__ import annotations

import atexit
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from pta_ros.model.device import resolve_device
from pta_ros.model.layers import TokenNorm

if TYPE_CHECKING:
    from lightning_fabric import Fabric

#: How long a process waits for the others: the first one may be training encoders meanwhile.
_PATIENCE = timedelta(days=7)


class Ranks:
    """The processes that train together; this class is a process that trains alone.

    Each trains on its own `device`.
    """

    rank = 0

    def __init__(self, device: torch.device) -> None:
        self.device = device

    @property
    def first(self) -> bool:
        """Whether this is the process that writes files and reports."""
        return self.rank == 0

    def alone(self) -> Ranks:
        """This process without the others."""
        return Ranks(self.device)

    def free_bytes(self) -> int:
        """Memory that is left on the device; of a CPU's nothing is said."""
        return torch.cuda.mem_get_info(self.device)[0] if self.device.type == "cuda" else 0

    def share(self, function: Callable[..., Sequence[Tensor]], *rows: Tensor) -> Sequence[Tensor]:
        """`function(*rows)`, by all processes together: tensors (n, ...) from tensors (n, ...).

        It must give for each row what the row alone decides, but for the batch norms that
        `join_norms` was given; draw no random numbers; and give tensors of one dtype.
        """
        return function(*rows)

    def mean(self, tensors: Iterable[Tensor]) -> list[Tensor]:
        """The mean of each tensor over the processes; differentiable."""
        return list(tensors)

    def step(self, optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
        """Move the parameters of `optimizer`, and nothing else, down the gradient of `loss`."""
        parameters = [p for group in optimizer.param_groups for p in group["params"]]
        optimizer.zero_grad()
        loss.backward(inputs=parameters)
        reached = [p for p in parameters if p.grad is not None]
        for parameter, gradient in zip(reached, self.mean(p.grad for p in reached), strict=True):
            parameter.grad = gradient
        optimizer.step()

    def join_norms(self, model: nn.Module) -> None:
        """Let the batch norms of `model` take the statistics of the whole batch in `share`."""

    def wait(self) -> None:
        """Wait until every process is here."""

    @contextmanager
    def one_by_one(self) -> Iterator[None]:
        """For work that leaves files: the first process does it, then the others find it done."""
        yield


#: A run by one process, on the CPU.
ALONE = Ranks(torch.device("cpu"))


def launch_ranks(asked: str = "cpu") -> Ranks:
    """The processes that torchrun has started, connected; without torchrun, this one.

    `asked` is their device: cpu, cuda (with torchrun one for each process), cuda:N or auto. Raises
    ConfigError for one that is not there, and ModuleNotFoundError when there are several processes,
    and lightning-fabric is not installed.
    """
    device = torch.device(resolve_device(asked))
    if not (torch.distributed.is_available() and torch.distributed.is_torchelastic_launched()):
        return ALONE if device.type == "cpu" else Ranks(device)
    from lightning_fabric import Fabric
    from lightning_fabric.strategies.ddp import DDPStrategy

    here, world = int(os.environ["LOCAL_WORLD_SIZE"]), int(os.environ["WORLD_SIZE"])
    backend = "nccl" if device.type == "cuda" else "gloo"
    strategy = DDPStrategy(process_group_backend=backend, timeout=_PATIENCE)
    fabric = Fabric(
        accelerator=device.type, strategy=strategy, devices=here, num_nodes=world // here
    )
    fabric.launch()
    # Left to the interpreter's end, gloo's threads are sometimes still running: the process aborts.
    atexit.register(_leave)
    return Several(fabric)


def _leave() -> None:
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


class Several(Ranks):
    """This process among the W of a launched `fabric`."""

    def __init__(self, fabric: Fabric) -> None:
        super().__init__(fabric.device)
        self.fabric, self.rank, self.world = fabric, fabric.global_rank, fabric.world_size
        self._sharing = False

    def share(self, function: Callable[..., Sequence[Tensor]], *rows: Tensor) -> Sequence[Tensor]:
        """See Ranks; process r takes the rows from n r / W on. Below W rows, each takes all."""
        count = len(rows[0])
        if count < self.world:
            return function(*rows)
        own = slice(count * self.rank // self.world, count * (self.rank + 1) // self.world)
        self._sharing = True
        results = function(*(x[own] for x in rows))
        self._sharing = False
        flat = [x.flatten(1) for x in results]
        joined = _join(torch.cat(flat, dim=1), own, count).split([x.shape[1] for x in flat], dim=1)
        return [x.unflatten(1, part.shape[1:]) for x, part in zip(joined, results, strict=True)]

    def mean(self, tensors: Iterable[Tensor]) -> list[Tensor]:
        """See Ranks; one message for all."""
        given = list(tensors)
        total = _sum(torch.cat([x.flatten() for x in given])) / self.world
        parts = total.split([x.numel() for x in given])
        return [part.view_as(x) for part, x in zip(parts, given, strict=True)]

    def join_norms(self, model: nn.Module) -> None:
        """See Ranks."""
        for module in model.modules():
            if isinstance(module, TokenNorm):
                module.join = self._join_one

    def wait(self) -> None:
        """See Ranks."""
        self.fabric.barrier()

    @contextmanager
    def one_by_one(self) -> Iterator[None]:
        """See Ranks."""
        if not self.first:
            self.wait()
        yield
        if self.first:
            self.wait()

    def _join_one(self, row: Tensor) -> Tensor:
        """(1, n) of every process -> (W, n); outside of `share` the row itself."""
        if not self._sharing:
            return row
        return _join(row, slice(self.rank, self.rank + 1), self.world)


def _join(part: Tensor, own: slice, count: int) -> Tensor:
    """Rows `own` of `count` (own, n) of every process -> all rows (count, n)."""
    return _sum(nn.functional.pad(part, (0, 0, own.start, count - own.stop)))


def _sum(tensor: Tensor) -> Tensor:
    total: Tensor = _Sum.apply(tensor)  # type: ignore[no-untyped-call]
    return total


class _Sum(torch.autograd.Function):
    """Sum over the processes, differentiable any number of times; its gradient is such a sum too.

    torch.distributed.nn has had this and has deprecated it.
    """

    @staticmethod
    def forward(ctx: Any, tensor: Tensor) -> Tensor:
        total = tensor.clone(memory_format=torch.contiguous_format)
        torch.distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:  # type: ignore[override]
        return _sum(gradient)
