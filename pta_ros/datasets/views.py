"""Ways to see the same frames before they are encoded: as they are, or changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

#: (modality, inputs (B, *shape), rows (B,)) -> inputs (B, *shape).
Change = Callable[[str, Tensor, Tensor], Tensor]
#: modality -> the row (N,) whose frame is shown in place of each row's own.
Shown = Callable[[str], NDArray[np.intp]]


@dataclass(frozen=True)
class View:
    """A way to see the same frames: clean, or changed (augmented, corrupted) before encoding.

    `change` is deterministic: it seeds itself from the rows, so that a frame is changed alike in
    every batch; other processes know it by its name, so it is a function of a module, or a partial
    one. `shown` puts other frames of the set in the place of those of some rows. `name` and
    `version` enter the fingerprint: raise `version` when one of the two changes.
    """

    name: str
    change: Change | None = None
    version: str = ""
    shown: Shown | None = None


CLEAN = View("clean")
