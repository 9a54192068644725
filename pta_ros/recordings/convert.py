"""Recordings to a training tree: every recording surveyed, cut, and written clip by clip."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

from pta_ros.bags.bag import Bag
from pta_ros.datasets.alone import alone_in
from pta_ros.datasets.parts import write_parts
from pta_ros.errors import ConfigError, DatasetError
from pta_ros.recordings.clip import Task, Writing, close_recording
from pta_ros.recordings.cuts import Cut, cut, labelled
from pta_ros.recordings.marker import Marker
from pta_ros.recordings.report import summary
from pta_ros.recordings.setup import Setup
from pta_ros.recordings.survey import Survey, survey
from pta_ros.recordings.told import Wishes, check_overlap, told_by, truth_of
from pta_ros.recordings.windows import WindowTask, WindowWriting, ends_ns, window_s

#: The layout of a tree of windows, in its marker.
WINDOWS = "xrf55"
#: Told how many of a recording's clips are done: (name, done, total).
Progress = Callable[[str, int, int], None]


def convert(
    recordings: list[tuple[Path, ...]], out: Path, setup: Setup, wishes: Wishes, progress: Progress
) -> Marker:
    """Write recordings (each of one or more parts) into the tree at `out`; what it holds then.

    Raises DatasetError and ConfigError; what is written by then is whole, the same call goes on.
    """
    wishes.check()
    if setup.max_missing is not None:
        wishes.check_windows()
        _check_lengths(setup, wishes)
    with alone_in(out):
        return _convert_all(recordings, out, setup, wishes, progress)


def _convert_all(
    recordings: list[tuple[Path, ...]], out: Path, setup: Setup, wishes: Wishes, progress: Progress
) -> Marker:
    settings: dict[str, Any] = {"rate_hz": wishes.rate_hz}
    if setup.max_missing is not None:
        settings = {"layout": WINDOWS, "hop_s": wishes.hop_s, "windows": setup.shapes}
    marker = Marker.open(out, {**settings, "clip_s": wishes.clip_s})
    if len(recordings) > 1 and any(not one.absolute for one in wishes.annotations):
        raise ConfigError(
            "annotations count from a recording's begin, and there are several recordings; "
            "expected Unix seconds, or one recording at a time"
        )
    surveys = [_surveyed(paths, setup, wishes) for paths in recordings]
    if setup.max_missing is not None:
        _check_windows(surveys, wishes, marker)
    for paths, seen in zip(recordings, surveys, strict=True):
        with Bag(paths) as bag:
            _convert(bag, seen, wishes, marker, progress)
    return marker


def _surveyed(paths: tuple[Path, ...], setup: Setup, wishes: Wishes) -> Survey:
    truth = "" if wishes.teacher or setup.max_missing is not None else wishes.truth
    with Bag(paths) as bag:
        return survey(bag, setup, wishes.topics, truth, wishes.joints, wishes.clock)


def _convert(bag: Bag, seen: Survey, wishes: Wishes, marker: Marker, progress: Progress) -> None:
    setup = seen.setup
    noted, cuts = _planned(seen, wishes, marker)
    root, writing = marker.root, Writing() if setup.max_missing is None else WindowWriting()
    open_ = [one for one in cuts if not writing.report(root, one).is_file()]
    told, lost = (None, 0) if not open_ else truth_of(bag, seen, wishes)
    if told is not None:
        check_overlap(seen, told)
    marker.synthetic = marker.synthetic or bool(seen.synthetic)
    marker.save()
    tasks: list[Any] = [
        WindowTask(seen, one, wishes.hop_s, setup.max_missing)
        if setup.max_missing is not None
        else Task(
            seen, one, wishes.rate_hz, told and told.part(one.begin_ns, one.end_ns),
            marker.classes[one.action - 1] if wishes.annotations else "", told_by(seen, wishes),
        )
        for one in open_
    ]  # fmt: skip
    progress(seen.name, len(cuts) - len(tasks), len(cuts))
    jobs = min(wishes.jobs, len(tasks))
    try:
        before = len(cuts) - len(tasks)
        for done, _ in enumerate(write_parts(root, writing, tasks, jobs), before + 1):
            progress(seen.name, done, len(cuts))
    finally:
        close_recording()
    if tasks or "report" not in noted:
        notes = [*seen.notes, *bag.losses]
        if lost:
            notes.append(f"{lost} messages of the truth are in a frame that no way leads from")
        noted["report"] = summary([writing.report(root, one) for one in cuts], notes, seen.absent)
        marker.save()
    if wishes.teacher:
        wishes.teacher.forget(seen)


def _planned(
    seen: Survey, wishes: Wishes, marker: Marker
) -> tuple[dict[str, Any], tuple[Cut, ...]]:
    """What the marker notes of a recording, and its clips; DatasetError where they are others."""
    begin_ns = seen.span_ns[0]
    noted = marker.known(seen.name, begin_ns)
    first = noted["first"] if noted else marker.next_number
    cuts = _cuts(seen, wishes, marker.classes, first)
    names = [one.name for one in cuts]
    settings = _digest(seen.setup, wishes)
    given = {
        "clips": len(cuts), "names": names, "truth": told_by(seen, wishes), "settings": settings,
    }  # fmt: skip
    if noted is None:
        noted = {"name": seen.name, "begin_ns": begin_ns, "first": first, **given}
        marker.recordings.append(noted)
    elif any(noted.get(name) != value for name, value in given.items()):
        raise DatasetError(
            f"{marker.root}: {seen.name} is in it with other activities, parts, parameters or "
            "truth; expected the same command with the same files, or another folder"
        )
    return noted, cuts


def _cuts(seen: Survey, wishes: Wishes, classes: list[str], first: int) -> tuple[Cut, ...]:
    """A recording's clips, numbered from `first` on; new labels join `classes`."""
    spans = (
        labelled(wishes.annotations, seen.span_ns, classes, wishes.rest)
        if wishes.annotations
        else ()
    )
    least_s = window_s(seen.setup.sensors.values()) if seen.setup.shapes else 0.0
    return cut(seen.span_ns, wishes.clip_s, first, wishes.part, spans, least_s)


def _check_windows(surveys: list[Survey], wishes: Wishes, marker: Marker) -> None:
    """Raise DatasetError for a recording without windows, and for a label without any in all.

    What an earlier call wrote of a label counts.
    """
    classes, least_s = list(marker.classes), window_s(surveys[0].setup.sensors.values())
    known = set(range(1, len(classes) + 1))
    asked: set[int] = set()
    for seen in surveys:
        cuts = _cuts(seen, wishes, classes, 1)
        asked |= {one.action for one in cuts}
        held = {one.action for one in cuts if ends_ns(one, least_s, wishes.hop_s)}
        if not held:
            raise DatasetError(
                f"{seen.name}: no activity in it is as long as a window, {least_s:g} s; expected "
                "longer ones, within the recording"
            )
        known |= held
    if empty := asked - known:
        raise DatasetError(
            f"{', '.join(seen.name for seen in surveys)}: label {classes[min(empty) - 1]!r} is in "
            f"no window: within the recordings its activities are shorter than {least_s:g} s; "
            "expected a longer one, or no line of that label"
        )


def _digest(setup: Setup, wishes: Wishes) -> str:
    """Stands for all that decides how a recording is read, and what its labels and truth are."""
    told = [wishes.annotations, wishes.rest, wishes.joints, sorted(wishes.topics.items())]
    about = [*told, wishes.clock, sorted(setup.sensors.items()), sorted(setup.streams.items())]
    return sha256(repr([*about, setup.level, setup.max_missing]).encode()).hexdigest()[:16]


def _check_lengths(setup: Setup, wishes: Wishes) -> None:
    """Raise DatasetError for a label that no window can have, ConfigError for short clips."""
    least_s = window_s(setup.sensors.values())
    if wishes.clip_s < least_s:
        raise ConfigError(
            f"clips of {wishes.clip_s:g} s and windows of {least_s:g} s; expected clips that hold "
            "a window"
        )
    longest: dict[str, float] = {}
    for one in wishes.annotations:
        longest[one.label] = max(longest.get(one.label, 0.0), one.end_s - one.begin_s)
    for label, seconds in longest.items():
        if seconds < least_s:
            raise DatasetError(
                f"label {label!r} is in no window: its activities last {seconds:g} s at most, a "
                f"window {least_s:g} s; expected a longer one, or no line of that label"
            )
