"""Records of systems that were tested before, kept in the run folder: a long comparison goes on."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Generic

from torch import Tensor

from pta_ros.errors import TrainingError
from pta_ros.evaluation.compare.records import R
from pta_ros.model.projector import Projected
from pta_ros.tensors import write_atomically
from pta_ros.training.makers import Bench, seen_by
from pta_ros.training.prepare import identity_of

#: Raised when what is measured, or how, changes: what was kept is measured anew.
FORMAT = 2


@dataclass(frozen=True)
class Tested(Generic[R]):
    """The records of one system, and the wall time that its tests took, whenever that was."""

    records: list[R]
    wall_s: float


def kept_or_tested(
    bench: Bench,
    name: str,
    system: Projected,
    kind: type[R],
    test: Callable[[Bench], Iterable[R]],
) -> Tested[R]:
    """The records that `test` gives of `system` (on a bench of its own encoders), or gave before.

    They are kept in NAME.tested.json, with a digest of themselves, of the frames, the splits, the
    configuration, and all weights of the system and of the encoders that it was tested behind.
    """
    path, behind = bench.folder / f"{name}.tested.json", _digest(bench, system)
    found = _kept(path, behind, kind)
    if found is not None:
        bench.watcher.note(f"{path}: tested before")
        return found
    begun = time.monotonic()
    records = list(test(seen_by(system, bench)))
    tested = Tested(records, time.monotonic() - begun)
    known = {"digest": _sealed(behind, asdict(tested)), "tested": asdict(tested)}
    write_atomically(path, (_strictly(known, name) + "\n").encode())
    return tested


def _strictly(known: dict[str, Any], name: str) -> str:
    try:
        return json.dumps(known, allow_nan=False)
    except ValueError as error:
        raise TrainingError(
            f"{name}: some of its errors are no numbers; expected a system that did not diverge: "
            "train it anew with a lower learning rate"
        ) from error


def _kept(path: Path, behind: str, kind: type[R]) -> Tested[R] | None:
    """What was tested of the same, or None: there is nothing, or of another digest, or damaged."""
    try:
        known = json.loads(path.read_text())
        tested = known["tested"]
        if known["digest"] != _sealed(behind, tested):
            return None
        return Tested([_record(values, kind) for values in tested["records"]], tested["wall_s"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _sealed(behind: str, tested: Any) -> str:
    """A digest of what was measured and of what: a figure that was changed shows."""
    return hashlib.sha256(f"{behind} {json.dumps(tested)}".encode()).hexdigest()


def _record(values: dict[str, Any], kind: type[R]) -> R:
    lists = {name: tuple(value) for name, value in values.items() if isinstance(value, list)}
    return kind(**{**values, **lists})


def _digest(bench: Bench, system: Projected) -> str:
    # The identity of a run knows the truth alone, which other frames may share, as any of XRF55 do.
    settings = [FORMAT, bench.ready.data.fingerprint, bench.config.to_dict(), str(system.config)]
    digest = hashlib.sha256(identity_of(bench.ready, settings).encode())
    _add(digest, system.state_dict())
    for modality, single in bench.singles.items():
        digest.update(modality.encode())
        _add(digest, single.encoder.state_dict())
    return digest.hexdigest()


def _add(digest: Any, values: dict[str, Tensor]) -> None:
    for name, value in values.items():
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        digest.update(value.detach().cpu().contiguous().numpy().tobytes())
