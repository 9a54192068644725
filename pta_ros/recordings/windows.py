"""Windows of packets out of recordings, in XRF55's layout: what the live node would see, labelled.

A window lies within one stretch of an activity. Its packets are chosen, placed and filled by the
live node's own code (fusion/windows.py), and kept as they came, not reduced:
`Scene1/WiFi/SS_AA_RR.npy` (datasets/xrf55.py).
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pta_ros.clock import NS, stamp_ns, to_ns
from pta_ros.datasets.parts import PARTIAL
from pta_ros.datasets.wide import SCENES
from pta_ros.datasets.xrf55 import FOLDERS, RECORDED_SCENES, window_file
from pta_ros.errors import DecodeError
from pta_ros.evaluation.faults.injector import FaultPlan, Injector
from pta_ros.evaluation.replay.decode import Arrival, Decoder
from pta_ros.evaluation.replay.people import people_of
from pta_ros.frames import FloatArray, Frame
from pta_ros.fusion.config import WindowConfig
from pta_ros.fusion.intake import Intake
from pta_ros.fusion.refusals import Refusals
from pta_ros.fusion.ring import PacketRing
from pta_ros.recordings.clip import full_disk, keep_report, opened
from pta_ros.recordings.cuts import Cut
from pta_ros.recordings.survey import Survey
from pta_ros.sensors.window import WindowSensor

#: Where it is kept what became of every stretch.
REPORTS = "reports"
#: A window is closed so long after its end, and at most: the ring forgets two seconds later.
_GRACE_NS, _LATEST_NS = to_ns(0.2), to_ns(1.8)
#: Packets before a stretch are read for so long: clocks and repeats are known then.
_BEFORE_NS = 6 * NS
_SCENE = {SCENES[part]: scene for part, scene in RECORDED_SCENES.items()}


class PacketIntake(Intake):
    """The way in of packets that are kept as they came; they are checked."""

    def _received(self, array: FloatArray, msg: Any, now_ns: int) -> Frame:
        sensor = self.sensor
        assert isinstance(sensor, WindowSensor), "windows are made of packets"
        sensor.check_packets(array, self.topic)
        return Frame(self.modality, stamp_ns(msg.header.stamp), array, now_ns)


@dataclass(frozen=True, eq=False)
class WindowTask:
    """One stretch of an activity: its windows end every `hop_s`, the first one as soon as it fits;
    `max_missing` of a window's packets may be missing."""

    survey: Survey
    cut: Cut
    hop_s: float
    max_missing: float

    @property
    def ends_ns(self) -> list[int]:
        """When the windows end; none in a stretch that is shorter than a window."""
        return ends_ns(self.cut, window_s(self.survey.sensors.values()), self.hop_s)


def window_s(sensors: Any) -> float:
    """The longest window of some sensors, seconds."""
    return max(sensor.window_s for sensor in sensors)


def ends_ns(cut: Cut, seconds: float, hop_s: float) -> list[int]:
    """When windows of so many seconds end in a stretch, one every `hop_s`."""
    return list(range(cut.begin_ns + to_ns(seconds), cut.end_ns + 1, to_ns(hop_s)))


class WindowWriting:
    """Writes stretches; each leaves all of its windows and then a report, which says so."""

    def report(self, root: Path, cut: Cut) -> Path:
        """Where it is said what became of a stretch; it is there when that is done."""
        return root / REPORTS / f"S{cut.number:05d}.json"

    def write(self, root: Path, part: WindowTask) -> bool:
        """Write one stretch; False when it is there already."""
        report = self.report(root, part.cut)
        if report.is_file():
            return False
        partial = root / f"{PARTIAL}S{part.cut.number:05d}"
        try:
            shutil.rmtree(partial, ignore_errors=True)
            found = _written(part, partial)
            for file in sorted(partial.rglob("*.npy")):
                place = root / file.relative_to(partial)
                place.parent.mkdir(parents=True, exist_ok=True)
                file.replace(place)
            keep_report(report, found)
        except OSError as error:
            raise full_disk(root, error) from error
        finally:
            shutil.rmtree(partial, ignore_errors=True)
        return True


def _written(task: WindowTask, folder: Path) -> dict[str, Any]:
    """Write all windows of a stretch; what became of it."""
    survey, ends = task.survey, task.ends_ns
    streams = survey.setup.streams
    intakes = {
        m: PacketIntake(survey.sensors[m], streams[m], survey.static, topic)
        for topic, m in survey.topics.items()
    }
    tally = _Tally(task, folder)
    if not ends:
        tally.left["the activity is shorter than a window"] += 1
        return tally.report(intakes)
    rings = {m: PacketRing(_of_packets(one), streams[m]) for m, one in intakes.items()}
    grace_ns = min(_LATEST_NS, survey.late_ns + _GRACE_NS)
    waiting = list(ends)
    for arrival in _arrivals(task, intakes, waiting[-1] + grace_ns):
        while waiting and arrival.time_ns > waiting[0] + grace_ns:
            tally.close(waiting.pop(0), rings)
        if not waiting:
            break
        tally.take(arrival, rings)
    for end_ns in waiting:
        tally.close(end_ns, rings)
    return tally.report(intakes)


def _of_packets(intake: Intake) -> WindowSensor:
    assert isinstance(intake.sensor, WindowSensor), "windows are made of packets"
    return intake.sensor


def _arrivals(
    task: WindowTask, intakes: dict[str, PacketIntake], last_ns: int
) -> Iterator[Arrival]:
    """The packets of a stretch and of some time around it."""
    survey = task.survey
    bag = opened(survey.paths)
    begin_ns = task.cut.begin_ns - _BEFORE_NS
    decoder = Decoder(
        bag, intakes, survey.topics, Injector(FaultPlan("none"), bag.begin_ns), survey.static,
        people_of, shift_ns=survey.shift_ns,
        span_ns=(begin_ns - survey.shift_ns, last_ns - survey.shift_ns),
    )  # fmt: skip
    return decoder.arrivals()


class _Tally:
    """Writes windows; counts what was kept of a stretch, what was left out, and why."""

    def __init__(self, task: WindowTask, folder: Path) -> None:
        self._task, self._folder = task, folder
        self._config = WindowConfig(max_missing=task.max_missing)
        self._count = 0
        self.left: Counter[str] = Counter()
        self._present: Counter[str] = Counter()
        self._refused = {m: Refusals() for m in task.survey.frames}
        self._absent = {m: Refusals() for m in task.survey.frames}

    def take(self, arrival: Arrival, rings: dict[str, PacketRing]) -> None:
        """Give a packet to its ring; one that cannot be used is counted in its own stretch."""
        cut, content = self._task.cut, arrival.content
        ring = rings[arrival.modality]
        if isinstance(content, Frame):
            ring.add(content, arrival.time_ns)
            error, _ = ring.close()
        else:
            assert isinstance(content, DecodeError), "no truth is read"
            ring.reject(content)
            error = content
        if error is not None and cut.begin_ns <= arrival.time_ns < cut.end_ns:
            self._refused[arrival.modality].add(error)

    def close(self, end_ns: int, rings: dict[str, PacketRing]) -> None:
        """Write the window that ends now, of every sensor that has enough of it."""
        found = {}
        for modality, ring in rings.items():
            window, gap = ring.usable(end_ns, self._config)
            try:
                found[modality] = _sound(ring.sensor, window, gap)
            except DecodeError as error:
                self._absent[modality].add(error)
        if not found:
            self.left["no sensor has enough packets in it"] += 1
            return
        self._count += 1
        self._present.update(found.keys())
        cut = self._task.cut
        for modality, packets in found.items():
            name = f"{cut.number:02d}_{cut.action:02d}_{self._count:02d}.npy"
            path = self._folder / _SCENE[cut.scene] / FOLDERS[modality][0] / name
            path.parent.mkdir(parents=True, exist_ok=True)
            np.save(path, window_file(modality, packets))

    def report(self, intakes: dict[str, PacketIntake]) -> dict[str, Any]:
        """All of it, in plain types."""
        return {
            "frames": self._count,
            "with": {m: self._present[m] for m in self._task.survey.frames},
            "left_out": dict(self.left),
            "unusable_messages": _reasons(self._refused),
            "absent": _reasons(self._absent),
            "remarks": [f"{m}: {text}" for m, one in intakes.items() for text in one.remarks],
        }


def _sound(sensor: WindowSensor, window: FloatArray | None, gap: str) -> FloatArray:
    """A window that the live node would use; raises DecodeError."""
    if window is None:
        why = gap or "its newest packet is too old"
        raise DecodeError(sensor.modality, why, "a window of packets")
    sensor.check(window, sensor.modality)
    sensor.complete(sensor.squeeze(window), sensor.modality)
    return window


def _reasons(refusals: dict[str, Refusals]) -> dict[str, dict[str, int]]:
    found = {m: {r.reason: r.count for r in each.most()} for m, each in refusals.items()}
    return {m: reasons for m, reasons in found.items() if reasons}
