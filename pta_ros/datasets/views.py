"""Ways to see the same frames before they are encoded: as they are, or changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

#: (modality, inputs (B, *shape), rows (B,)) -> inputs (B, *shape).
Change = Callable[[str, Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class View:
    """A way to see the same frames: clean, or changed (augmented, corrupted) before encoding.

    `change` is deterministic: it seeds itself from the rows, so that a frame is changed alike in
    every batch. `name` and `version` enter the fingerprint: raise `version` when `change` changes.
    """

    name: str
    change: Change | None = None
    version: str = ""


CLEAN = View("clean")
