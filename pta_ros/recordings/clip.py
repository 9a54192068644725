"""One clip of a recording: its messages decoded, brought to common instants, and written."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pta_ros.bags.bag import Bag
from pta_ros.clock import NS
from pta_ros.datasets.parts import PARTIAL
from pta_ros.errors import DatasetError, DecodeError
from pta_ros.evaluation.faults.injector import FaultPlan, Injector
from pta_ros.evaluation.replay.decode import Arrival, Decoder
from pta_ros.evaluation.replay.people import people_of
from pta_ros.frames import Frame, Sample
from pta_ros.fusion.refusals import Refusals
from pta_ros.recordings.cuts import Cut
from pta_ros.recordings.files import ClipWriter, calibration
from pta_ros.recordings.moving import Moving
from pta_ros.recordings.places import Places
from pta_ros.recordings.survey import Survey
from pta_ros.recordings.synchronise import HORIZON_NS, Synchroniser
from pta_ros.recordings.truth import Timeline

#: In a clip's folder what was left out of it, and in the tree's that of clips without frames.
REPORT, EMPTY = "report.json", "empty"
#: So long before a clip its streams are read: repeats and periods are known then, and clocks.
_BEFORE_NS = {True: 6 * NS, False: HORIZON_NS}


@dataclass(frozen=True, eq=False)
class Task:
    """One clip to write: of which recording, where, and what is true then (None: not asked)."""

    survey: Survey
    cut: Cut
    rate_hz: float
    truth: Timeline | None
    label: str
    truth_told: str


class Writing:
    """Writes tasks; each leaves a whole clip, or nothing of it."""

    def report(self, root: Path, cut: Cut) -> Path:
        """Where it is said what became of a clip; it is there when that is done."""
        inside = root / cut.name / REPORT
        return inside if inside.is_file() else empty_report(root, cut)

    def write(self, root: Path, part: Task) -> bool:
        """Write one clip; False when it is there already."""
        folder, empty = root / part.cut.name, empty_report(root, part.cut)
        if folder.is_dir() or empty.is_file():
            return False
        partial = folder.with_name(PARTIAL + folder.name)
        try:
            shutil.rmtree(partial, ignore_errors=True)
            report = _written(part, partial)
            if report["frames"]:
                (partial / REPORT).write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
                partial.replace(folder)
                return True
            shutil.rmtree(partial)
            keep_report(empty, report)
        except OSError as error:
            shutil.rmtree(partial, ignore_errors=True)
            raise full_disk(root, error) from error
        return True


def full_disk(root: Path, error: OSError) -> DatasetError:
    """What to say of a tree that cannot be written."""
    return DatasetError(
        f"{root}: {error.strerror or error}; expected a place with room for the tree: make room "
        "and run the same command again, which goes on"
    )


def empty_report(root: Path, cut: Cut) -> Path:
    """Where it is kept that a clip has no frames, and why."""
    return root / EMPTY / f"S{cut.number:05d}.json"


def keep_report(path: Path, report: dict[str, Any]) -> None:
    """Write what became of a clip, whole or not at all."""
    path.parent.mkdir(exist_ok=True)
    partial = path.with_name(PARTIAL + path.name)
    partial.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    partial.replace(path)


#: The recording that is open in this process, for all of its clips.
_open: dict[tuple[Path, ...], Bag] = {}


def opened(paths: tuple[Path, ...]) -> Bag:
    """A recording, opened once in this process."""
    if paths not in _open:
        close_recording()
        _open[paths] = Bag(paths).__enter__()
    return _open[paths]


def close_recording() -> None:
    """Close what this process has opened to write clips."""
    while _open:
        _open.popitem()[1].__exit__()


def _written(task: Task, folder: Path) -> dict[str, Any]:
    """Write all frames; what became of the clip."""
    survey = task.survey
    tally = Tally(task)
    clip = ClipWriter(folder)
    intakes = survey.intakes()
    places = Places(intakes, survey.frames, Moving(survey.static), survey.setup.level)
    for sample in _samples(task, intakes, tally):
        frames = {m: f for m, f in sample.frames.items() if tally.fits(f, clip)}
        people = task.truth.at(sample.stamp_ns) if task.truth else None
        if not frames:
            tally.leave("no frame that fits")
        elif task.truth and people is None:
            tally.leave(_without(task.truth, sample.stamp_ns))
        else:
            clip.add(sample.stamp_ns, frames, people)
            tally.keep(frames)
    if clip.stamps:
        clip.finish(
            {**calibration(places, clip), **_about(task)},
            task.truth is None or task.truth.certain,
        )
    return tally.report(intakes)


def _samples(task: Task, intakes: dict[str, Any], tally: Tally) -> Iterator[Sample]:
    """The clip's samples, from all messages of its time and a little around it."""
    survey, span_ns = task.survey, (task.cut.begin_ns, task.cut.end_ns)
    bag = opened(survey.paths)
    aligned = any(stream.stamp_policy == "align" for stream in survey.setup.streams.values())
    around = (span_ns[0] - _BEFORE_NS[aligned], span_ns[1] + HORIZON_NS + survey.late_ns)
    recorded = tuple(t - survey.shift_ns for t in around)
    decoder = Decoder(
        bag, intakes, survey.topics, Injector(FaultPlan("none"), bag.begin_ns), survey.static,
        people_of, shift_ns=survey.shift_ns, span_ns=(recorded[0], recorded[1]),
    )  # fmt: skip
    streams = {m: survey.setup.streams[m] for m in intakes}
    together = Synchroniser(streams, task.rate_hz, span_ns, HORIZON_NS + survey.late_ns)
    arrivals = decoder.arrivals()
    for arrival in arrivals:
        _take(arrival, together, tally)
        yield from together.samples(arrival.time_ns)
    yield from together.samples()


def _take(arrival: Arrival, together: Synchroniser, tally: Tally) -> None:
    content = arrival.content
    try:
        if isinstance(content, Frame):
            together.add(content, arrival.time_ns)
            return
    except DecodeError as error:
        content = error
    if isinstance(content, DecodeError):
        tally.refuse(arrival, content)


def _without(truth: Timeline, stamp: int) -> str:
    """Why an instant has no truth, in words."""
    if not truth.stamps:
        return "no truth is told near to it"
    if stamp < truth.stamps[0] or stamp > truth.stamps[-1]:
        return "no truth yet, or no more"
    return "no truth within 0.05 s, or a gap of more than 0.2 s"


def _about(task: Task) -> dict[str, Any]:
    """What calibration.yaml says of the clip itself."""
    begin_s = (task.cut.begin_ns - task.survey.span_ns[0]) / NS
    seconds = (task.cut.end_ns - task.cut.begin_ns) / NS
    about = {
        "recording": {
            "name": task.survey.name, "begin_s": round(begin_s, 3), "seconds": round(seconds, 3),
            "rate_hz": task.rate_hz,
        }
    }  # fmt: skip
    label = {"activity": task.label} if task.label else {}
    return {**about, **label, "truth": task.truth_told or "none"}


class Tally:
    """What was kept of a clip, what was left out, and why."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._frames = 0
        self._left: Counter[str] = Counter()
        self._present: Counter[str] = Counter()
        self._refused = {m: Refusals() for m in task.survey.frames}

    def refuse(self, arrival: Arrival, error: DecodeError) -> None:
        """Count a message that is not used; those around the clip belong to others."""
        if self._task.cut.begin_ns <= arrival.time_ns < self._task.cut.end_ns:
            self._refused[arrival.modality].add(error)

    def fits(self, frame: Frame, clip: ClipWriter) -> bool:
        """Whether a frame can be in the clip; an image of another lens cannot."""
        if frame.modality == "csi" and clip.csi_shape not in ((), frame.array.shape):
            return False
        if frame.modality != "depth" or clip.lens in (None, frame.reading.lens):
            return True
        topic = self._task.survey.frames["depth"]
        self._refused["depth"].add(DecodeError(topic, "another lens or size", "one lens in a clip"))
        return False

    def leave(self, why: str) -> None:
        """Count an instant that is left out."""
        self._left[why] += 1

    def keep(self, frames: dict[str, Frame]) -> None:
        """Count an instant that is kept."""
        self._frames += 1
        self._present.update(frames.keys())

    def remarks(self, intakes: dict[str, Any]) -> list[str]:
        """What is to be said of the sensors, in words."""
        return [f"{m}: {text}" for m, intake in intakes.items() for text in intake.remarks]

    def report(self, intakes: dict[str, Any]) -> dict[str, Any]:
        """All of it, in plain types."""
        refused = {m: {r.reason: r.count for r in each.most()} for m, each in self._refused.items()}
        return {
            "frames": self._frames,
            "with": {m: self._present[m] for m in self._task.survey.frames},
            "left_out": dict(self._left),
            "unusable_messages": {m: reasons for m, reasons in refused.items() if reasons},
            "remarks": self.remarks(intakes),
        }
