"""A first look at a recording: which topics feed what, clocks, lenses, where sensors stand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path

from pta_ros.bags.bag import Bag
from pta_ros.clock import NS, stamp_ns
from pta_ros.errors import ConfigError, DatasetError, DecodeError
from pta_ros.evaluation.replay import clocks
from pta_ros.evaluation.replay.decode import beside
from pta_ros.evaluation.replay.topics import (
    TRUTHS,
    Wanted,
    find_topics,
    is_synthetic,
    sensor_topics,
    static_topic,
    truth_wanted,
)
from pta_ros.fusion.intake import Intake
from pta_ros.fusion.level import intake_of
from pta_ros.fusion.transforms import Transforms
from pta_ros.recordings.joints import POSES, JointMap
from pta_ros.recordings.setup import Setup
from pta_ros.sensors.base import Sensor

#: A camera's lens is looked for in so many messages.
_LOOK_AT = 20
#: What comes later has another clock.
_LATEST_NS = 10 * NS


@dataclass(frozen=True, eq=False)
class Survey:
    """A recording that has been looked at.

    `topics` of sensors: topic -> modality; `truth` is the truth's (empty: none), of type
    `truth_type`. `sensors` know their lenses. `frames`: what the messages' frame_id is, by
    modality. `span_ns`: begin and end on the clock of the stamps, which is the recorder's and
    `shift_ns`. `synthetic` is what any truth says of itself.
    """

    paths: tuple[Path, ...]
    setup: Setup
    topics: dict[str, str]
    truth: str
    truth_type: str
    sensors: dict[str, Sensor]
    frames: dict[str, str]
    static: Transforms
    shift_ns: int
    span_ns: tuple[int, int]
    notes: tuple[str, ...]
    synthetic: bool | None
    absent: dict[str, str] = field(default_factory=dict)
    #: So long after their stamps messages come.
    late_ns: int = 0

    @property
    def name(self) -> str:
        """The recording's folder."""
        return "+".join(path.resolve().name for path in self.paths)

    def intakes(self) -> dict[str, Intake]:
        """Fresh ways in, by modality."""
        return {
            m: intake_of(self.sensors[m], self.setup.streams[m], self.static, topic)
            for topic, m in self.topics.items()
        }


def survey(
    bag: Bag,
    setup: Setup,
    given: Mapping[str, str],
    truth: str | None = None,
    joints: JointMap | None = None,
    clock: str = "auto",
) -> Survey:
    """Look at an opened recording; `given` topics by modality, `truth` as of find_source.

    Raises ConfigError and DatasetError for topics that are not there.
    """
    bare = {m: intake_of(sensor, setup.streams[m]) for m, sensor in setup.sensors.items()}
    wanted = sensor_topics(bare, setup.streams, given)
    if truth != "" and not (joints and joints.frames):
        wanted[""] = _truth(bag, truth, joints)
    found = find_topics(bag, wanted)
    told = next((topic for topic, modality in found.topics.items() if not modality), "")
    topics = {topic: m for m in setup.sensors for topic, each in found.topics.items() if each == m}
    offsets = clocks.offsets_ns(bag, found.topics)
    shift_ns = clocks.shift_ns(offsets, clock)
    static = _static(bag)
    intakes = {
        m: intake_of(setup.sensors[m], setup.streams[m], static, t) for t, m in topics.items()
    }
    _teach(bag, intakes)
    looked = ((m, _first(bag, topic, shift_ns)) for topic, m in topics.items())
    firsts = {m: each for m, each in looked if each is not None}
    if not firsts:
        raise DatasetError(f"{bag.paths[0]}: no readable message on {', '.join(topics)}")
    begin_ns = min(when for when, _ in firsts.values())
    _check_overlap(bag, setup, {t: m for t, m in topics.items() if m in firsts}, offsets, shift_ns)
    notes = (*found.notes, *clocks.notes(found.topics, offsets, shift_ns))
    return Survey(
        tuple(bag.paths), setup, {t: m for t, m in topics.items() if m in firsts}, told,
        bag.topics[told].type if told else "", {m: each.sensor for m, each in intakes.items()},
        {m: frame for m, (_, frame) in firsts.items()}, static, shift_ns,
        (begin_ns, bag.end_ns + shift_ns + 1), notes,
        _is_synthetic(bag), found.absent,
        max(0, min(_LATEST_NS, max(shift_ns - each.ahead_ns for each in offsets.values()))),
    )  # fmt: skip


def no_overlap(spans: Mapping[str, tuple[int, int]]) -> str:
    """What to say of two things that were never recorded at one time, by name, ns."""
    told = ", ".join(f"{n} from {a / NS:.1f} to {b / NS:.1f} s" for n, (a, b) in spans.items())
    remedy = "see --clock, and stamp_policy and offset_s in --params"
    return f"no overlap in time: {told}; expected one clock: {remedy}"


def _check_overlap(
    bag: Bag,
    setup: Setup,
    topics: Mapping[str, str],
    offsets: Mapping[str, clocks.Offset],
    shift_ns: int,
) -> None:
    """Raise DatasetError for sensors of different times: other clocks, or two recordings."""
    spans = {}
    for topic, modality in topics.items():
        stamps = setup.streams[modality].stamp_policy in ("stamp", "reject") and topic in offsets
        ahead_ns = offsets[topic].ahead_ns if stamps else shift_ns
        begin_ns, end_ns = (time_ns + ahead_ns for time_ns in bag.span_ns(topic))
        spans[modality] = (begin_ns, end_ns)
    for (one, first), (other, second) in combinations(spans.items(), 2):
        if first[1] < second[0] or second[1] < first[0]:
            raise DatasetError(f"{bag.paths[0]}: {no_overlap({one: first, other: second})}")


def _truth(bag: Bag, given: str | None, joints: JointMap | None) -> Wanted:
    if joints is None:
        types = dict(TRUTHS["people"])
        asked = f"/{(given or '').lstrip('/')}"
        if given and asked in bag.topics and bag.topics[asked].type == POSES:
            raise ConfigError(f"topic {given} is a {POSES}; expected --joints, which pose is what")
        return truth_wanted(bag, types, given)
    if given is not None:
        return Wanted(given, POSES, given)
    fitting = [topic.name for topic in bag.topics.values() if topic.type == POSES]
    if len(fitting) != 1:
        there = ", ".join(f"{t.name} ({t.type})" for t in bag.topics.values())
        raise ConfigError(
            f"{len(fitting)} topics of {POSES}; expected one, or --topic truth=NAME; it has {there}"
        )
    return Wanted(fitting[0], POSES, fitting[0])


def _is_synthetic(bag: Bag) -> bool | None:
    """What the truth in the recording says of itself, also where another one is asked for."""
    types = {kind for listed in TRUTHS.values() for kind in listed.values()}
    names = tuple(f"/{name}" for listed in TRUTHS.values() for name in listed)
    there = [t.name for t in bag.topics.values() if t.type in types and t.name.endswith(names)]
    return is_synthetic(bag, dict.fromkeys(there, ""))


def _static(bag: Bag) -> Transforms:
    """All of /tf_static, whenever it was told."""
    static = Transforms()
    for raw in bag.messages(list(filter(None, [static_topic(bag)]))):
        try:
            static.take(bag.decode(raw))
        except DecodeError:
            continue  # what it would have told is missed where it is needed
    return static


def _teach(bag: Bag, intakes: Mapping[str, Intake]) -> None:
    """Tell the intakes the first that their side topics say: images may come before it."""
    sides = beside(bag, intakes.values())
    waiting, tries = set(sides), 0
    for raw in bag.messages(list(sides)):
        if raw.topic not in waiting or tries > _LOOK_AT * len(sides):
            continue
        tries += 1
        try:
            msg = bag.decode(raw)
            for intake, side in sides[raw.topic]:
                intake.take(side, msg)
            waiting.discard(raw.topic)
        except DecodeError:
            continue
        if not waiting:
            return


def _first(bag: Bag, topic: str, shift_ns: int) -> tuple[int, str] | None:
    """When a topic's first readable message is of (on the clock of the stamps), and its frame."""
    for raw in bag.messages([topic]):
        try:
            header = bag.decode(raw).header
        except DecodeError:
            continue
        sent_ns, came_ns = stamp_ns(header.stamp), raw.time_ns + shift_ns
        near = 0 < came_ns - sent_ns + NS < 6 * NS  # else the stamp is of no use
        return (sent_ns if near else came_ns), str(header.frame_id)
    return None
