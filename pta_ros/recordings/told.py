"""What is asked of a conversion, and what tells the truth of a recording: read, placed, in time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

from pta_ros.bags.bag import Bag
from pta_ros.errors import ConfigError, DatasetError, DecodeError
from pta_ros.evaluation.replay.people import TruePeople, people_of
from pta_ros.fusion.refusals import Refusals
from pta_ros.recordings.annotations import Annotation
from pta_ros.recordings.joints import JointMap
from pta_ros.recordings.moving import Moving
from pta_ros.recordings.places import Places
from pta_ros.recordings.survey import Survey, no_overlap
from pta_ros.recordings.truth import Timeline, timeline

_LONGEST_S = 86400.0  # of a clip
_TF, _TF_TYPE = "/tf", "tf2_msgs/msg/TFMessage"


class Teacher(Protocol):
    """What tells the truth of a recording instead of a topic."""

    name: str

    def tell(self, seen: Survey) -> list[TruePeople]:
        """Everybody over time."""

    def forget(self, seen: Survey) -> None:
        """The recording is done: what was kept for a run that goes on is not needed any more."""


@dataclass(frozen=True)
class Wishes:
    """What is asked for; `topics` by modality, `truth` a topic, None: look for it, empty: none.

    `teacher` tells the truth instead. Windows of packets end every `hop_s`.
    """

    rate_hz: float = 10.0
    clip_s: float = 30.0
    part: str = ""
    topics: Mapping[str, str] = field(default_factory=dict)
    truth: str | None = None
    clock: str = "auto"
    joints: JointMap | None = None
    annotations: tuple[Annotation, ...] = ()
    rest: str = ""
    jobs: int = 1
    teacher: Teacher | None = None
    hop_s: float = 1.0

    def check(self) -> None:
        """Raise ConfigError for what cannot be."""
        if not 0 < self.rate_hz <= 1000:
            raise ConfigError(f"rate {self.rate_hz:g} Hz; expected more than 0, at most 1000")
        if not 0 < self.clip_s <= _LONGEST_S:
            raise ConfigError(
                f"clip {self.clip_s:g} s; expected more than 0, at most {_LONGEST_S:g}"
            )
        if not 0.05 <= self.hop_s <= _LONGEST_S:
            raise ConfigError(
                f"a window every {self.hop_s:g} s; expected 0.05 or more, at most {_LONGEST_S:g}"
            )
        if self.jobs < 1:
            raise ConfigError(f"{self.jobs} jobs; expected 1 or more")
        if self.rest and not self.annotations:
            raise ConfigError(f"rest is {self.rest!r} without annotations; expected both or none")
        if self.teacher and (self.truth is not None or self.joints):
            raise ConfigError("truth of a model and of a topic; expected one of them")
        if self.joints and self.joints.frames and self.truth is not None:
            raise ConfigError(f"truth {self.truth!r} and frames of /tf; expected one of them")

    def check_windows(self) -> None:
        """Raise ConfigError for what windows of packets cannot have."""
        if not self.annotations:
            raise ConfigError(
                "windows of packets without activities; expected --activities, a CSV file of "
                "start, end and label"
            )
        if self.truth is not None or self.joints or self.teacher:
            raise ConfigError(
                "truth of joints, and windows of packets; expected --activities alone"
            )


def told_by(seen: Survey, wishes: Wishes) -> str:
    """Where the truth is from, in words; empty: none is asked for."""
    if wishes.teacher:
        return f"estimates of model {wishes.teacher.name}"
    if wishes.joints and wishes.joints.frames:
        return "frames on /tf"
    return f"{seen.truth} ({seen.truth_type})" if seen.truth else ""


def truth_of(bag: Bag, seen: Survey, wishes: Wishes) -> tuple[Timeline | None, int]:
    """The truth over time, placed, and how many of its messages cannot be; None: none is asked."""
    source = told_by(seen, wishes)
    if not source:
        return None, 0
    moving = Moving(seen.static)
    refusals = Refusals()
    if wishes.teacher:
        told = wishes.teacher.tell(seen)
    else:
        told = _read(bag, seen, wishes, moving, refusals)
    if not told:
        why = "; ".join(r.reason for r in refusals.most()[:1]) or "nobody is told"
        raise DatasetError(f"{seen.name}: no truth from {source}: {why}; expected joints over time")
    places = Places(seen.intakes(), seen.frames, moving, seen.setup.level)
    placed, lost = timeline(told, places, source)
    return (replace(placed, certain=False) if wishes.teacher else placed), lost


def _read(
    bag: Bag, seen: Survey, wishes: Wishes, moving: Moving, refusals: Refusals
) -> list[TruePeople]:
    """What the truth's topic and /tf say; `moving` learns the latter."""
    tf = bag.topics.get(_TF)
    topics = [_TF] if tf and tf.type == _TF_TYPE else []
    read = wishes.joints.people_of if wishes.joints else people_of
    told = []
    for raw in bag.messages([*topics, *filter(None, [seen.truth])]):
        try:
            msg = bag.decode(raw)
            if raw.topic == _TF:
                moving.take(msg)
            else:
                told.append(read(msg, raw.topic))
        except DecodeError as error:
            refusals.add(error)
    if wishes.joints and wishes.joints.frames:
        return _of_frames(wishes.joints, moving)
    return told


def _of_frames(joints: JointMap, moving: Moving) -> list[TruePeople]:
    lacking = [n for names in joints.frames for n in names if n not in moving.links]
    if lacking:
        there = ", ".join(sorted(moving.links)[:20]) or "none"
        raise ConfigError(f"no frame {lacking[0]!r} on /tf; it has {there}")
    return joints.people_on(moving)


def check_overlap(seen: Survey, told: Timeline) -> None:
    """Raise DatasetError where the truth is of another time than the sensors."""
    begin_ns, end_ns = seen.span_ns
    first, last = (told.stamps[0], told.stamps[-1]) if told.stamps else (end_ns, end_ns)
    if last < begin_ns or first > end_ns:
        spans = {"the truth": (first, last), "the sensors": seen.span_ns}
        raise DatasetError(f"{seen.name}: {no_overlap(spans)}")
