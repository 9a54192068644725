"""A bag and a model: which topic feeds which stream, on what clock, replayed with any faults."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from dataclasses import replace as changed

import numpy as np

from pta_ros.bags.bag import Bag, Topic
from pta_ros.errors import ConfigError, DatasetError, DecodeError, did_you_mean
from pta_ros.evaluation.faults.injector import Fault, FaultPlan, Injector
from pta_ros.evaluation.replay import clocks
from pta_ros.evaluation.replay.decode import Decoder, ahead
from pta_ros.evaluation.replay.judge import ActivityJudge, Judge, PeopleJudge, PoseJudge
from pta_ros.evaluation.replay.record import Replayed
from pta_ros.evaluation.replay.replay import Observer, Replay
from pta_ros.evaluation.replay.truth import Activities
from pta_ros.fusion.engine import Engine
from pta_ros.fusion.intake import Intake
from pta_ros.fusion.level import LevelIntake, intake_of
from pta_ros.fusion.transforms import Matrix, Transforms, plain
from pta_ros.sensors import type_advice
from pta_ros.sensors.window import WindowSensor

#: Topics and types of the truth that a task is judged by; the first that is there counts.
TRUTHS = {
    "pose": {"ground_truth": "pta_msgs/msg/Skeleton"},
    "activity": {"ground_truth_activity": "pta_msgs/msg/Activity"},
    "people": {"truth/people": "pta_msgs/msg/People", "ground_truth": "pta_msgs/msg/Skeleton"},
}
TF_TOPIC, TF_TYPE = "/tf_static", "tf2_msgs/msg/TFMessage"
FAULT_FREE = FaultPlan("fault-free")


@dataclass(frozen=True)
class Source:
    """Where a replay finds its data: topic -> modality (empty: ground truth), and the clock.

    `shift_ns` is what leads from the recorder's times to the clock of the stamps; `notes` is what
    a reader should know, in words. `synthetic` is what the ground truth says of itself; None: not
    known. `absent` says of each sensor without a topic what the bag has instead.
    """

    topics: dict[str, str]
    tf_topic: str
    shift_ns: int
    notes: tuple[str, ...]
    synthetic: bool | None
    absent: Mapping[str, str] = field(default_factory=dict)

    @property
    def judged(self) -> bool:
        """Whether there is ground truth."""
        return "" in self.topics.values()

    def by_modality(self) -> dict[str, str]:
        """Topic of each modality, and of `ground truth`."""
        return {modality or "ground truth": topic for topic, modality in self.topics.items()}


def find_source(
    bag: Bag, engine: Engine, given: Mapping[str, str], truth: str | None, clock: str = "auto"
) -> Source:
    """Match the parameters' topics, or those `given` by modality, with the bag's.

    `truth` None looks for the default topic, and an empty one goes without. Raises ConfigError for
    a topic that is not in the bag or has another type, DatasetError when no sensor's is.
    """
    intakes = {m: intake_of(engine.sensors[m], params) for m, params in engine.streams.items()}
    named = {m: changed(engine.streams[m], topic=topic).source for m, topic in given.items()}
    wanted = {m: (intake.topic, intake.type, named.get(m)) for m, intake in intakes.items()}
    if truth != "":
        wanted[""] = (*_truth(bag, TRUTHS[judged_task(engine)], truth), truth)
    topics: dict[str, str] = {}
    absent: dict[str, str] = {}
    notes = []
    for modality, (topic, kind, asked) in wanted.items():
        name, *others = _find(bag, topic, kind, asked) or [""]
        if name:
            topics[name] = modality
        elif modality:
            absent[modality] = f"no topic {topic} in the bag{_instead(bag, modality, kind)}"
            notes.append(f"{modality}: {absent[modality]}; it counts as MISSING")
        if others:
            what = f"{modality or 'ground truth'}: {name} is used; {', '.join(others)} fits too"
            notes.append(f"{what} (--topic {modality or 'truth'}={others[0]})")
    if not any(topics.values()):
        names = ", ".join(intake.topic for intake in intakes.values())
        raise DatasetError(f"no topic of a sensor in the bag ({names}); it has {_listed(bag)}")
    tf = bag.topics.get(TF_TOPIC)
    offsets = clocks.offsets_ns(bag, topics)
    shift_ns = clocks.shift_ns(offsets, clock)
    notes += clocks.notes(topics, offsets, shift_ns)
    tf_topic = TF_TOPIC if tf and tf.type == TF_TYPE else ""
    return Source(topics, tf_topic, shift_ns, tuple(notes), _is_synthetic(bag, topics), absent)


def judged_task(engine: Engine) -> str:
    """What a model is judged by: people, its pose, or its activities when it tells no pose."""
    return "people" if engine.finds_people else engine.loaded.model.config.tasks[0]


def judge_of(
    engine: Engine, judged: bool, intakes: Mapping[str, Intake], transforms: Transforms
) -> Judge:
    """What a replay of this model is judged by; `judged`: there is ground truth."""
    task = judged_task(engine)
    if task == "people":
        return PeopleJudge(_placing(engine.level_frame, intakes, transforms), engine.level_frame)
    if task == "pose":
        return PoseJudge(judged)
    windows = [s.window_s for s in engine.sensors.values() if isinstance(s, WindowSensor)]
    classes = engine.loaded.model.config.classes
    return ActivityJudge(Activities(classes, max(windows, default=0.0)))


def _placing(
    level: str, intakes: Mapping[str, Intake], transforms: Transforms
) -> Callable[[str], Matrix | None]:
    """From a frame of the ground truth to the level one: a sensor's own, or /tf_static's."""

    def place(frame_id: str) -> Matrix | None:
        frame = plain(frame_id)
        if frame in ("", level):
            return np.eye(4)
        for intake in intakes.values():
            if isinstance(intake, LevelIntake) and intake.source == frame:
                return intake.pose(frame).matrix
        return transforms.between(level, frame)

    return place


def _truth(bag: Bag, listed: Mapping[str, str], given: str | None) -> tuple[str, str]:
    """Topic and type of the truth: of the type that the `given` topic has, or what is there."""
    asked = f"/{(given or '').lstrip('/')}"
    for name, kind in listed.items():
        fitting = [t.name for t in bag.topics.values() if t.type == kind]
        if asked in fitting or (given is None and any(n.endswith(f"/{name}") for n in fitting)):
            return name, kind
    return next(iter(listed.items()))


def replay(
    engine: Engine, bag: Bag, source: Source, plan: FaultPlan, observer: Observer | None = None
) -> Replayed:
    """One replay of the whole bag; `engine` must be started. Faults come at the bag's times.

    Whatever ends it early (Ctrl-C), nothing reads the bag any more, and it can be replayed again.
    """
    transforms = Transforms()
    intakes = {
        modality: intake_of(engine.sensors[modality], engine.streams[modality], transforms, topic)
        for topic, modality in source.topics.items()
        if modality
    }
    judge = judge_of(engine, source.judged, intakes, transforms)
    decoder = Decoder(
        bag, intakes, source.topics, Injector(plan, bag.begin_ns), transforms, judge.truth_of,
        source.tf_topic, source.shift_ns,
    )  # fmt: skip
    begin_ns, end_ns = bag.begin_ns + source.shift_ns, bag.end_ns + source.shift_ns
    run = Replay(engine.pipeline(), judge, observer)
    with closing(ahead(decoder.arrivals())) as arrivals:
        run.run(arrivals, begin_ns, end_ns)
    losses = [*source.notes, *bag.losses, *decoder.losses, *decoder.remarks()]
    return run.result(plan, begin_ns, end_ns, losses, source.by_modality(), source.absent)


def dropped_instead(plan: FaultPlan) -> FaultPlan | None:
    """The plan that silences the one sensor of `plan` while it is faulty; None if there are more.

    A faulty sensor should cost the fusion no more than a missing one.
    """
    modalities = {fault.modality for fault in plan.faults}
    if len(modalities) != 1:
        return None
    drops = [Fault("drop", f.modality, f.start_s, f.end_s, 1.0, 0) for f in plan.faults]
    return FaultPlan(f"{plan.name}, {modalities.pop()} dropped", tuple(dict.fromkeys(drops)))


def _find(bag: Bag, wanted: str, kind: str, given: str | None) -> list[str]:
    """The bag's topic for `wanted`, in whatever namespace, and others that fit; may be none."""
    if given is not None:
        name = given if given in bag.topics else f"/{given.lstrip('/')}"
        if name not in bag.topics:
            hint = did_you_mean(name, bag.topics, f"it has {_listed(bag)}")
            raise ConfigError(f"topic {given} is not in the bag; {hint}")
        return [_typed(bag.topics[name], kind)]
    ending = f"/{wanted.lstrip('/')}"
    found = [topic for topic in bag.topics.values() if topic.name.endswith(ending)]
    if ending in bag.topics:
        fitting = (topic.name for topic in found if topic.type == kind and topic.name != ending)
        return [_typed(bag.topics[ending], kind), *fitting]
    if len(found) > 1:
        names = ", ".join(topic.name for topic in found)
        raise ConfigError(f"several topics end in {ending} ({names}); name the one that is meant")
    return [_typed(topic, kind) for topic in found]


def _instead(bag: Bag, modality: str, kind: str) -> str:
    """The topics of a sensor's type that the bag has, with the option that reads the first."""
    fitting = [topic.name for topic in bag.topics.values() if topic.type == kind]
    if not fitting:
        return ""
    return f", which has {', '.join(fitting)} of this type (--topic {modality}={fitting[0]})"


def _typed(topic: Topic, kind: str) -> str:
    if topic.type != kind:
        advice = type_advice(kind, topic.type)
        told = f"topic {topic.name} is of type {topic.type}; expected {kind}"
        raise ConfigError(f"{told}: {advice}" if advice else told)
    return topic.name


def _is_synthetic(bag: Bag, topics: Mapping[str, str]) -> bool | None:
    """Whether the first ground truth names itself so, as the simulator's and mmfi_to_bag's do."""
    for raw in bag.messages([topic for topic, modality in topics.items() if not modality]):
        try:
            return "synthetic" in str(bag.decode(raw).model)
        except DecodeError:
            continue
    return None


def _listed(bag: Bag) -> str:
    return ", ".join(f"{topic.name} ({topic.type})" for topic in bag.topics.values())
