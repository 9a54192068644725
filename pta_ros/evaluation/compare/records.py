"""What was measured of each trained system, and where it comes from: the rows of every table."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, TypeVar

from pta_ros.metrics.evaluate import SubsetResult
from pta_ros.metrics.paired import People


@dataclass(frozen=True, kw_only=True)
class PoseRecord(SubsetResult):
    """Errors of one trained system on one subset; `corruption` is "modality/kind", or None."""

    TASK: ClassVar[str] = "pose"
    system: str
    seed: int
    corruption: str | None = None

    @property
    def count(self) -> int:
        """How many frames it is measured on."""
        return self.frames


@dataclass(frozen=True, kw_only=True)
class ActivityRecord:
    """Accuracy (percent) of one trained system on one subset of the sensors and one split.

    `corruption` as in PoseRecord, `people` as in SubsetResult.
    """

    TASK: ClassVar[str] = "activity"
    system: str
    seed: int
    split: str
    subset: str
    samples: int
    accuracy: float
    corruption: str | None = None
    people: People = field(default_factory=dict)

    @property
    def count(self) -> int:
        """How many samples it is measured on."""
        return self.samples


Record = PoseRecord | ActivityRecord
#: Attribute -> its group -> the names of the scenes in it.
Slices = dict[str, dict[str, tuple[str, ...]]]
#: Those of one task.
R = TypeVar("R", PoseRecord, ActivityRecord)


@dataclass(frozen=True)
class Data:
    """What was measured on; `preset` and `seed` are `make_mmfi`'s, None for recorded data."""

    synthetic: bool
    preset: str | None
    seed: int | None

    @property
    def kind(self) -> str:
        """Written wherever a figure is shown."""
        return "synthetic data" if self.synthetic else "recorded data"


@dataclass(frozen=True)
class Machine:
    """Class of the machine: number of cores, kind of CPU, version of torch."""

    cores: int
    cpu: str
    torch: str


@dataclass(frozen=True)
class Context:
    """Where records come from.

    `seeds` are those of training, all that were asked for; `wall_s` is the time of all tests, those
    of earlier runs as well; `subjects` are the people tested who took no part in training;
    `wide`: they are scenes of several people. `training` says in words how long and how wide the
    systems were trained, `ours` what ours has beyond the paper. Of poses alone:
    `frames` tested, `mean_pose_mm` (the error of always answering the training set's mean pose),
    and `histories`, PTA's weights over training: seed -> modality -> weight after each epoch; of
    the wide world `slices`, which scenes were seen with what. Of activities alone: `samples` of
    every split.
    """

    command: str
    data: Data
    machine: Machine
    wall_s: float
    seeds: tuple[int, ...]
    subjects: tuple[str, ...]
    frames: int = 0
    mean_pose_mm: float = 0.0
    histories: dict[int, dict[str, list[float]]] = field(default_factory=dict)
    wide: bool = False
    training: str = ""
    ours: str = ""
    samples: dict[str, int] = field(default_factory=dict)
    slices: Slices = field(default_factory=dict)
