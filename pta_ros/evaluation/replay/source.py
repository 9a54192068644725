"""A bag and a model: which topic feeds which stream, on what clock, replayed with any faults."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field

import numpy as np

from pta_ros.bags.bag import Bag
from pta_ros.evaluation.faults.injector import Fault, FaultPlan, Injector
from pta_ros.evaluation.replay import clocks
from pta_ros.evaluation.replay.batches import Chunk, batches_of, chunks, foresight_of, in_turn
from pta_ros.evaluation.replay.decode import Decoder, ahead
from pta_ros.evaluation.replay.judge import ActivityJudge, Judge, PeopleJudge, PoseJudge
from pta_ros.evaluation.replay.record import Replayed
from pta_ros.evaluation.replay.replay import Observer, Replay
from pta_ros.evaluation.replay.topics import (
    TRUTHS,
    find_topics,
    is_synthetic,
    sensor_topics,
    static_topic,
    truth_wanted,
)
from pta_ros.evaluation.replay.truth import Activities
from pta_ros.fusion.engine import Engine
from pta_ros.fusion.intake import Intake
from pta_ros.fusion.level import LevelIntake, intake_of
from pta_ros.fusion.transforms import Matrix, Transforms, plain
from pta_ros.sensors.window import WindowSensor

FAULT_FREE = FaultPlan("fault-free")

#: What reads a bag for a replay in another place: see apart.py.
Apart = Callable[[Bag, "Source", FaultPlan], Iterator[Chunk]]


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
    wanted = sensor_topics(intakes, engine.streams, given)
    if truth != "":
        wanted[""] = truth_wanted(bag, TRUTHS[judged_task(engine)], truth)
    found = find_topics(bag, wanted)
    offsets = clocks.offsets_ns(bag, found.topics)
    shift_ns = clocks.shift_ns(offsets, clock)
    missing = [f"{m}: {why}; it counts as MISSING" for m, why in found.absent.items()]
    notes = (*missing, *found.notes, *clocks.notes(found.topics, offsets, shift_ns))
    synthetic = is_synthetic(bag, found.topics)
    return Source(found.topics, static_topic(bag), shift_ns, notes, synthetic, found.absent)


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


def reading_of(engine: Engine, bag: Bag, source: Source, plan: FaultPlan) -> tuple[Decoder, Judge]:
    """What reads a bag for one replay, faults and all, and what judges it."""
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
    return decoder, judge


def replay(
    engine: Engine,
    bag: Bag,
    source: Source,
    plan: FaultPlan,
    observer: Observer | None = None,
    apart: Apart | None = None,
) -> Replayed:
    """One replay of the whole bag; `engine` must be started. Faults come at the bag's times.

    `apart` reads, decodes and encodes elsewhere, with the same numbers. Whatever ends it early
    (Ctrl-C), nothing reads the bag any more, and it can be replayed again.
    """
    decoder, judge = reading_of(engine, bag, source, plan)
    begin_ns, end_ns = bag.begin_ns + source.shift_ns, bag.end_ns + source.shift_ns
    foresight = foresight_of(engine)
    run = Replay(engine.pipeline(foresight), judge, observer)
    losses = [*source.notes]
    if apart:
        read = apart(bag, source, plan)
    else:
        read = chunks(decoder, batches_of(engine) if foresight else None)
    with closing(ahead(read)) as made:
        run.run(in_turn(made, foresight, losses), begin_ns, end_ns)
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
