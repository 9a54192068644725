"""What is wrong with a data set tree: each fault named, all of them counted, or the first fatal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pta_ros.datasets.mmfi import Clip, MmfiTree
from pta_ros.datasets.xrf55 import Xrf55Clip, Xrf55Tree
from pta_ros.errors import ConfigError, DatasetError

#: What a fault may lead to: its data is left out, or the work stops.
ON_FAULT = ("skip", "fatal")


@dataclass(frozen=True)
class Fault:
    """One thing that cannot be used: its `kind`, and `what` it is, with the path and the reason."""

    kind: str
    what: str

    def __str__(self) -> str:
        return f"{self.kind} {self.what}"


def survey(
    tree: MmfiTree | Xrf55Tree,
) -> tuple[tuple[Clip | Xrf55Clip, ...], list[Fault]]:
    """Return the clips that have usable frames, and the faults of clips; no frame is opened."""
    usable: list[Clip | Xrf55Clip] = []
    faults = [Fault("missing clip", name) for name in tree.missing_clips]
    for clip in tree.clips:
        try:
            numbers, beyond = clip.frame_numbers, clip.frames_without_truth
        except DatasetError as error:
            faults.append(Fault("unusable clip", str(error)))
            continue
        if beyond:
            what = f"{clip.path}: {len(beyond)} frames, the first is number {beyond[0]}"
            faults.append(Fault("clip longer than its ground truth", what))
        if numbers:
            usable.append(clip)
        else:
            faults.append(Fault("clip without frames", str(clip.path)))
    return tuple(usable), faults


def check_policy(on_fault: str) -> None:
    """Raise ConfigError when `on_fault` is not one of ON_FAULT."""
    if on_fault not in ON_FAULT:
        raise ConfigError(f"on_fault is {on_fault!r}; expected one of {list(ON_FAULT)}")


def stop_if_fatal(faults: Sequence[Fault], on_fault: str) -> None:
    """Raise DatasetError, naming the first fault, when faults are fatal."""
    if on_fault == "fatal" and faults:
        raise DatasetError(
            f"{faults[0]}; stopped at this first fault, more may follow: repair it, "
            "or leave out and list all of them with on_fault 'skip'"
        )


def fault_summary(faults: Sequence[Fault]) -> list[str]:
    """Return one line per kind of fault, for a log: how many, and the first; most frequent first.

    No fault gives no line.
    """
    first: dict[str, Fault] = {}
    count: dict[str, int] = {}
    for fault in faults:
        first.setdefault(fault.kind, fault)
        count[fault.kind] = count.get(fault.kind, 0) + 1
    kinds = sorted(count, key=lambda kind: -count[kind])
    return [f"{count[kind]} x {kind}, the first: {first[kind].what}" for kind in kinds]
