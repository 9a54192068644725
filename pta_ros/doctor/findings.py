"""What is to be said of a robot's topics: which could feed a sensor, which to take, with what."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from pta_ros.clock import NS, to_ns
from pta_ros.doctor.trial import Bench, Trial, feeds, transport_of
from pta_ros.doctor.watch import Watch
from pta_ros.fusion.clocks import FAR_S, shared_ns
from pta_ros.fusion.config import RAW
from pta_ros.fusion.transforms import Transforms
from pta_ros.sensors.base import Sensor

#: Stamps so far from the time of receipt cost a stream its place: its clock needs a setting.
_FAR_NS = NS // 4
_PEOPLE = "pta_msgs/msg/People"


@dataclass(frozen=True)
class Choice:
    """The topic for one sensor: `trial` None when there is none, `why` in words.

    `values` are the parameters that differ from the defaults, by full name.
    """

    modality: str
    trial: Trial | None
    why: str
    values: dict[str, Any] = field(default_factory=dict)

    @property
    def delivers(self) -> bool:
        """Whether the sensor works with this choice."""
        return self.trial is not None and self.trial.delivers


@dataclass(frozen=True)
class Findings:
    """All of it: every topic that was tried, topics of other types (with what to do), choices.

    `links` are the static transforms to the camera that are known or missing, in words.
    `recorder_ns` is how far the recorder's clock is ahead of all stamps alike; 0 on a live robot.
    `settings` are parameters besides those of the sensors.
    """

    trials: tuple[Trial, ...]
    others: tuple[tuple[Watch, str], ...]
    choices: tuple[Choice, ...]
    links: tuple[str, ...]
    recorder_ns: int = 0
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def delivers(self) -> bool:
        """Whether every sensor has a topic that works."""
        return all(choice.delivers for choice in self.choices)

    def parameters(self) -> str:
        """The parameter file of the fusion node that uses the choices."""
        nested: dict[str, Any] = dict(self.settings)
        for choice in self.choices:
            for name, value in choice.values.items():
                modality, _, setting = name.partition(".")
                nested.setdefault(modality, {})[setting] = value
        head = [f"# {choice.modality}: {choice.why}\n" for choice in self.choices]
        content = {"/**/fusion": {"ros__parameters": nested}}
        return "".join(head) + yaml.safe_dump(content, sort_keys=False)


def settings_of(model: str, finds_people: bool) -> dict[str, Any]:
    """The parameters that a model needs: its name or folder, if one was named, and how to follow.

    For a model that finds people the sensors are not judged against each other: that costs two
    more passes for each person, and was seen to catch no displaced camera yet (docs/over_time.md).
    """
    named = str(Path(model).resolve()) if Path(model).is_dir() else model
    found: dict[str, Any] = {"model": named} if model else {}
    return {**found, "tracks": {"consistency": False}} if finds_people else found


def find(
    sensors: Mapping[str, Sensor],
    watches: Mapping[str, Watch],
    sides: Mapping[str, Watch],
    transforms: Transforms,
    recorded: bool = False,
) -> Findings:
    """Try every topic with every sensor that could read it, and choose.

    `sides` are the CameraInfo topics. Of a recording, an offset that all topics share is the
    recorder's clock and no sensor's.
    """
    bench = Bench(sensors, sides, transforms)
    trials = tuple(
        bench.best(modality, watch)
        for watch in watches.values()
        for modality in feeds(watch, sensors)
    )
    common_ns = _common_ns([trial.watch for trial in trials]) if recorded else 0
    others = tuple(
        (watch, advice)
        for watch in watches.values()
        if not feeds(watch, sensors) and (advice := _advice(watch, sensors))
    )
    choices = tuple(_choice(m, trials, others, common_ns, sensors) for m in sensors)
    links = tuple(_links(choices, transforms))
    return Findings(trials, others, choices, links, common_ns)


def _links(choices: tuple[Choice, ...], transforms: Transforms) -> Iterator[str]:
    """Which chosen frames /tf_static connects with that of the first sensor."""
    frames = [choice.trial.watch.frame_id for choice in choices if choice.trial]
    for frame in dict.fromkeys(frames[1:]):
        if frame and frames[0] and frame != frames[0]:
            known = transforms.between(frames[0], frame) is not None
            told = "known" if known else transforms.missing(frames[0], frame)
            yield f"{frame} to {frames[0]}: {told}"


def _advice(watch: Watch, sensors: Mapping[str, Sensor]) -> str:
    if watch.type == _PEOPLE:
        return "people that a fusion node found, or the truth: no sensor, and nothing to set"
    found = (sensor.other_types.get(watch.type, "") for sensor in sensors.values())
    return next(filter(None, found), "")


def wanted(kind: str, sensors: Mapping[str, Sensor]) -> bool:
    """Whether topics of a type concern a sensor: it could read them, or something near to it."""
    watch = Watch("", kind)
    return bool(feeds(watch, sensors) or _advice(watch, sensors))


def _common_ns(watches: list[Watch]) -> int:
    """The offset of the recorder's clock: what most topics share, unless that is age."""
    shared = shared_ns([watch.delay_ns for watch in watches if watch.delay_ns is not None])
    return shared if abs(shared) > to_ns(FAR_S) else 0


def _choice(
    modality: str,
    trials: tuple[Trial, ...],
    others: tuple[tuple[Watch, str], ...],
    common_ns: int,
    sensors: Mapping[str, Sensor],
) -> Choice:
    """The best topic of one sensor."""
    own = [trial for trial in trials if trial.modality == modality]
    if not own:
        near = [f"{w.name} is {w.type}: {do}" for w, do in others
                if w.type in sensors[modality].other_types]  # fmt: skip
        kind = sensors[modality].message_type
        return Choice(modality, None, "; ".join([f"no topic of type {kind}", *near]))
    best = max(own, key=_rank)
    cure, why = _clock(best, common_ns), _why(best, own)
    off_ns = offset_ns(best.watch, common_ns)
    if abs(off_ns) > _FAR_NS and not best.watch.zero_stamps:
        why += f", its stamps are {off_ns / NS:+.3f} s from the clock"
    return Choice(modality, best, why, best.values | cure)


def _rank(trial: Trial) -> tuple[Any, ...]:
    """What speaks for a topic, the weightiest first; the name decides what nothing else does."""
    watch = trial.watch
    share = (2 * trial.passed + trial.nobody) / max(1, trial.tried)
    raw = transport_of(watch) == RAW
    return (
        trial.delivers, watch.count > 0, round(share, 1), trial.info is not None,
        trial.modality in watch.name, raw, round(watch.rate_hz), -len(watch.name), watch.name,
    )  # fmt: skip


def _why(best: Trial, own: list[Trial]) -> str:
    name, reasons = best.watch.name, []
    if not best.watch.count:
        return f"{name}: {best.watch.problem or 'no message came'}"
    if not best.tried:
        unread = best.watch.unread.most()
        return f"{name}: {unread[0].reason if unread else 'no message could be read'}"
    if not best.delivers:
        return f"{name} does not pass: {best.refused[0].reason}"
    reasons.append(f"{best.passed + best.nobody} of {best.tried} sampled messages pass")
    if best.nobody:
        reasons.append(f"in {best.nobody} it sees nobody: {best.refused[0].reason}")
    if best.info:
        reasons.append(f"described by {best.info[0]}")
    elif best.sides:
        reasons.append("intrinsics assumed")
    rest = [trial for trial in own if trial is not best]
    failed = sum(not trial.delivers for trial in rest)
    if rest:
        reasons.append(f"{len(rest)} other topics of its type, {failed} of which do not pass")
    return f"{name}: {', '.join(reasons)}"


def offset_ns(watch: Watch, common_ns: int) -> int:
    """How far the topic's stamps lie behind the clock (ns), less what all topics share."""
    return 0 if watch.delay_ns is None else watch.delay_ns - common_ns


def _clock(trial: Trial, common_ns: int) -> dict[str, Any]:
    """The setting that cures the stamps of a topic; empty when they need none."""
    modality, watch = trial.modality, trial.watch
    policy = f"{modality}.stamp_policy"
    if watch.count and watch.zero_stamps:
        return {policy: "receive"}
    return {policy: "align"} if abs(offset_ns(watch, common_ns)) > _FAR_NS else {}
