"""A pickle read without running any of it: tensors and plain containers, and nothing else.

A pickle names functions to call. Here a name is looked up in a short list of our own stand-ins and
never imported; any other is refused. Stored modules become inert records of their attributes.
"""

from __future__ import annotations

import io
import math
import pickle
import pickletools
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, NoReturn

import torch
from torch import Tensor

from pta_ros.errors import CheckpointError

#: torch's storage classes by the type of their values.
STORAGES = {
    "DoubleStorage": torch.float64,
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
}

#: Instructions that name a place in the reader's memo, which grows up to it.
_MEMO = frozenset({"PUT", "BINPUT", "LONG_BINPUT"})

#: Classes of X-Fi's stored networks; where their code lay when they were saved does not matter.
NETWORKS = frozenset({"posenet", "ResNet", "BasicBlock", "Bottleneck"})

#: (dtype, key, number of values) -> a flat tensor that holds the stored values, now or later.
Values = Callable[[torch.dtype, str, int], Tensor]


class StoredModule:
    """A stored module's attributes, in `__dict__`; it can do nothing."""

    def __init__(self) -> None:
        self._parameters: dict[str, Any] = {}
        self._buffers: dict[str, Any] = {}
        self._modules: dict[str, Any] = {}


class Reader(pickle.Unpickler):
    """Reads one pickle of `source`; raises CheckpointError naming what is not admitted."""

    def __init__(self, data: io.BytesIO, source: str, values: Values) -> None:
        super().__init__(data, encoding="latin1")
        self._data, self._source, self._values = data, source, values

    def read(self) -> Any:
        """The object in the pickle; raises CheckpointError, whatever is wrong with it."""
        try:
            self._check_memo()
            return self.load()
        except CheckpointError:
            raise
        except Exception as error:  # damage or malice can raise anything
            reason = f"{type(error).__name__}: {' '.join(str(error).split()):.160}"
            raise CheckpointError(
                f"{self._source}: {reason}; expected a file that torch.save wrote"
            ) from error

    def _check_memo(self) -> None:
        """Raise ValueError for a small pickle that would make its reader fill the memory."""
        begin = self._data.tell()
        size = len(self._data.read())
        self._data.seek(begin)
        for code, argument, _ in pickletools.genops(self._data):
            if code.name in _MEMO and int(argument or 0) > size:
                raise ValueError(f"{code.name} of place {argument} in {size} bytes")
        self._data.seek(begin)

    def find_class(self, module: str, name: str) -> Any:
        """Our stand-in for a name; raises CheckpointError for one that has none."""
        if module == "torch" and name in STORAGES:
            return STORAGES[name]
        if module.startswith("torch.nn.modules.") and name[:1].isupper():
            return _stand_in(name)
        if name in NETWORKS:
            return _stand_in(name)
        admitted: dict[tuple[str, str], Any] = {
            ("collections", "OrderedDict"): OrderedDict,
            ("builtins", "set"): set,
            ("__builtin__", "set"): set,
            ("torch._utils", "_rebuild_tensor_v2"): _tensor,
            ("torch._utils", "_rebuild_parameter"): _parameter,
        }
        if (module, name) not in admitted:
            full = f"{module}.{name}"
            self._refuse(f"it names {full if full.isprintable() else ascii(full):.120}")
        return admitted[module, name]

    def persistent_load(self, pid: Any) -> Any:
        """The values that a tensor refers to, or the class of a module with its source code."""
        if isinstance(pid, tuple) and len(pid) == 4 and pid[0] == "module":
            return pid[1]  # the legacy format keeps the code's text beside it; it is not read
        if not isinstance(pid, tuple) or len(pid) not in (5, 6) or pid[0] != "storage":
            self._refuse(f"it refers to {pid!r:.80}")
        _, dtype, key, _, count = pid[:5]
        plain = isinstance(dtype, torch.dtype) and isinstance(key, str) and isinstance(count, int)
        if not plain or count < 0 or any(pid[5:]):
            self._refuse(f"it refers to {pid!r:.80}")
        return self._values(dtype, key, count)

    def _refuse(self, what: str) -> NoReturn:
        raise CheckpointError(
            f"{self._source}: {what}, which is neither a tensor nor a plain container; "
            "nothing of the file was executed: expected one of X-Fi's published networks"
        )


def _stand_in(name: str) -> type[StoredModule]:
    return type(name, (StoredModule,), {})


def _tensor(values: Tensor, offset: int, size: Any, stride: Any, *_: Any) -> Tensor:
    """A view of stored values, copied nowhere; ValueError when it would reach outside of them."""
    numbers = (offset, *size, *stride)
    sane = all(type(n) is int and 0 <= n < 2**48 for n in numbers)
    if not sane or len(size) != len(stride):
        raise ValueError(f"a tensor of size {size!r:.80}, stride {stride!r:.80}")
    last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
    needed = 0 if 0 in size else max(last + 1, math.prod(size))
    if needed > len(values):
        raise ValueError(f"a tensor of {needed} values, of {len(values)} that are stored")
    return values.as_strided(tuple(size), tuple(stride), offset)


def _parameter(data: Tensor, *_: Any) -> Tensor:
    if not isinstance(data, Tensor):
        raise ValueError(f"a parameter of {type(data).__name__}")
    return data
