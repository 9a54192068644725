"""Which of a recording's topics feed which sensor and hold the truth, by name and type."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from dataclasses import replace as changed
from typing import NamedTuple

from pta_ros.bags.bag import Bag, Topic
from pta_ros.errors import ConfigError, DatasetError, DecodeError, did_you_mean
from pta_ros.fusion.config import StreamParams
from pta_ros.fusion.intake import Intake
from pta_ros.sensors import type_advice

#: Topics and types of the truth that a task is judged by; the first that is there counts.
TRUTHS = {
    "pose": {"ground_truth": "pta_msgs/msg/Skeleton"},
    "activity": {"ground_truth_activity": "pta_msgs/msg/Activity"},
    "people": {"truth/people": "pta_msgs/msg/People", "ground_truth": "pta_msgs/msg/Skeleton"},
}
TF_TOPIC, TF_TYPE = "/tf_static", "tf2_msgs/msg/TFMessage"


class Wanted(NamedTuple):
    """A topic that is looked for in any namespace, its type, and its `name` where it is given."""

    topic: str
    type: str
    name: str | None = None


@dataclass(frozen=True)
class Found:
    """Topic -> modality (empty: ground truth); of each sensor without one what the bag has instead;
    and what a reader should know, in words."""

    topics: dict[str, str] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def sensor_topics(
    intakes: Mapping[str, Intake], streams: Mapping[str, StreamParams], given: Mapping[str, str]
) -> dict[str, Wanted]:
    """What each intake reads: the topic that is `given` by modality, or the parameters'."""
    named = {m: changed(streams[m], topic=topic).source for m, topic in given.items()}
    return {m: Wanted(intake.topic, intake.type, named.get(m)) for m, intake in intakes.items()}


def find_topics(bag: Bag, wanted: Mapping[str, Wanted]) -> Found:
    """Match what is wanted, by modality (empty: ground truth), with the bag's topics.

    Raises ConfigError for a topic that is not in the bag or has another type, DatasetError when no
    sensor's is.
    """
    found = Found()
    for modality, one in wanted.items():
        name, *others = _find(bag, one.topic, one.type, one.name) or [""]
        if name:
            found.topics[name] = modality
        elif modality:
            instead = _instead(bag, modality, one.type)
            found.absent[modality] = f"no topic {one.topic} in the bag{instead}"
        if others:
            what = f"{modality or 'ground truth'}: {name} is used; {', '.join(others)} fits too"
            found.notes.append(f"{what} (--topic {modality or 'truth'}={others[0]})")
    if not any(found.topics.values()):
        names = ", ".join(one.topic for modality, one in wanted.items() if modality)
        raise DatasetError(f"no topic of a sensor in the bag ({names}); it has {listed(bag)}")
    return found


def truth_wanted(bag: Bag, types: Mapping[str, str], given: str | None) -> Wanted:
    """The truth: of the type that the `given` topic has, or what is there of `types` by name."""
    asked = f"/{(given or '').lstrip('/')}"
    for name, kind in types.items():
        fitting = [t.name for t in bag.topics.values() if t.type == kind]
        if asked in fitting or (given is None and any(n.endswith(f"/{name}") for n in fitting)):
            return Wanted(name, kind, given)
    return Wanted(*next(iter(types.items())), given)


def static_topic(bag: Bag) -> str:
    """The topic of static transforms, empty where there is none."""
    tf = bag.topics.get(TF_TOPIC)
    return TF_TOPIC if tf and tf.type == TF_TYPE else ""


def is_synthetic(bag: Bag, topics: Mapping[str, str]) -> bool | None:
    """Whether the first ground truth names itself so, as the simulator's and mmfi_to_bag's do."""
    for raw in bag.messages([topic for topic, modality in topics.items() if not modality]):
        try:
            return "synthetic" in str(bag.decode(raw).model)
        except (DecodeError, AttributeError):
            continue
    return None


def listed(bag: Bag) -> str:
    """All topics with their types, in words."""
    return ", ".join(f"{topic.name} ({topic.type})" for topic in bag.topics.values())


def _find(bag: Bag, wanted: str, kind: str, given: str | None) -> list[str]:
    """The bag's topic for `wanted`, in whatever namespace, and others that fit; may be none."""
    if given is not None:
        name = given if given in bag.topics else f"/{given.lstrip('/')}"
        if name not in bag.topics:
            hint = did_you_mean(name, bag.topics, f"it has {listed(bag)}")
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
