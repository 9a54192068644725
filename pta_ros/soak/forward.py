"""Hours of simulated time through the real pipeline, as fast as it goes, without ROS.

Intake, streams, model and tracks are the live node's; stamps and clock are made up, the readings a
ring of synthetic ones with faults mixed in, and the clock is stepped. Run in a process of its own
(`python -m pta_ros.soak.forward SETTINGS.json`), it writes a JSON line per simulated ten minutes,
or forty lines of a shorter run.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

from pta_ros.clock import NS, to_ns
from pta_ros.demo.processes import usage_of
from pta_ros.errors import DecodeError
from pta_ros.frames import Estimate
from pta_ros.fusion.config import StreamParams
from pta_ros.fusion.engine import Engine
from pta_ros.fusion.intake import Intake
from pta_ros.fusion.params import FusionParams, read_params
from pta_ros.simulate.recording import Session
from pta_ros.simulate.script import Script, load_script
from pta_ros.soak.ring import Ring

#: The clock at the start, and how it is stepped, in seconds, one step after each `STEP_EVERY_S`,
#: or a fifth of a shorter run.
T0_NS = 1_795_813_717 * NS
STEPS_S = (3600.0, -3600.0, 2.5, -2.5)
STEP_EVERY_S = 5400.0
#: A line is written so often; the fault script lasts so long, both in simulated seconds.
LINE_S = SCRIPT_S = 600.0
_LEAST_LINES, _LEAST_STEPS = 40, 5
#: After how many periods without a frame a stream is STALE: as live (0.3 s at 10 Hz).
_STALE_PERIODS = 3.0
RING = 40


@dataclass(frozen=True)
class Settings:
    """What to run: simulated hours, frames per second and sensor; files as text."""

    hours: float
    rate_hz: float
    model: str
    params: str
    config: str
    record: str
    seed: int = 2026
    subject: int = 41


class Forward:
    """One run; `run` calls `line` for every ten simulated minutes, and at the end."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        params, streams = read_params(Path(settings.params))
        self._engine = Engine.load(*_at_rate(params, streams, settings))
        self._pipeline = self._engine.start()
        sensors = self._engine.sensors
        self._intakes = {m: Intake(s, self._engine.streams[m]) for m, s in sensors.items()}
        session = Session(settings.seed, settings.subject)
        self._ring = Ring(session, RING, _script(settings))
        self._counts: Counter[str] = Counter()
        self._cpu_ms: list[float] = []
        self._begun = time.monotonic()
        self._back: list[int] = []  # instants with data from each step of the clock to an estimate
        self._waiting: int | None = None  # so many were in vain since the last step

    def run(self, line: Callable[[dict[str, Any]], None]) -> None:
        """All of it."""
        settings, period_s = self._settings, 1.0 / self._settings.rate_hz
        count = round(settings.hours * 3600.0 * settings.rate_hz)
        offset_ns, each = 0, max(1, min(round(LINE_S * settings.rate_hz), count // _LEAST_LINES))
        steps = max(1, min(round(STEP_EVERY_S * settings.rate_hz), count // _LEAST_STEPS))
        for index in range(count):
            if index and index % steps == 0 and index + steps <= count:
                step_s = STEPS_S[(index // steps - 1) % len(STEPS_S)]
                offset_ns, self._waiting = offset_ns + to_ns(step_s), 0
                self._counts["steps"] += 1
            self._instant(index, index * period_s, T0_NS + to_ns(index * period_s) + offset_ns)
            if (index + 1) % each == 0 or index + 1 == count:
                line(self._line((index + 1) * period_s))

    def _instant(self, index: int, time_s: float, now_ns: int) -> None:
        for sent in self._ring.at(index, time_s, now_ns):
            intake = self._intakes.get(sent.modality)
            if intake is None:
                continue  # not a sensor of the model
            self._counts["messages"] += 1
            try:
                frame = intake.frame(sent.message, now_ns)
            except DecodeError as error:
                self._counts["refused"] += 1
                self._pipeline.reject(sent.modality, error, now_ns)
            else:
                self._pipeline.push(frame, now_ns)
        self._settle(now_ns)
        end_ns = now_ns + round(NS / self._settings.rate_hz)
        # What waits for a sensor, or is predicted, comes due before the next instant.
        while (due_ns := self._pipeline.next_due_ns()) is not None and now_ns < due_ns < end_ns:
            self._settle(due_ns)
            if self._pipeline.next_due_ns() == due_ns:
                break
        self._pipeline.statuses(now_ns)
        if self._waiting is not None and self._ring.phase(time_s).available:
            self._waiting += 1

    def _settle(self, now_ns: int) -> None:
        """Make the estimates that are ready, or the prediction that is due."""
        while self._pipeline.pending(now_ns) and self._pipeline.ready(now_ns):
            begun_ns = time.process_time_ns()
            estimate = self._pipeline.step(now_ns)
            if estimate is not None:
                self._note(estimate, (time.process_time_ns() - begun_ns) / 1e6)
        if self._pipeline.predict(now_ns) is not None:
            self._counts["predictions"] += 1

    def _note(self, estimate: Estimate, cpu_ms: float) -> None:
        self._counts["estimates"] += 1
        if len(estimate.stamps_ns) == len(self._intakes):  # the others are quicker
            self._counts["of_all_sensors"] += 1
            self._cpu_ms.append(cpu_ms)
        if self._waiting is not None:
            self._back.append(self._waiting)
            self._waiting = None

    def _line(self, simulated_s: float) -> dict[str, Any]:
        usage = usage_of(os.getpid())
        assert usage is not None, "this process is running"
        cpu_ms, self._cpu_ms = self._cpu_ms, []
        return {
            "type": "line",
            "simulated_s": simulated_s,
            "wall_s": round(time.monotonic() - self._begun, 3),
            **usage._asdict(),
            "estimate_cpu_ms": round(median(cpu_ms), 4) if cpu_ms else None,
            "unsound": self._pipeline.unsound,
            "back": self._back,
            **self._counts,
        }


def _at_rate(
    params: FusionParams, streams: dict[str, StreamParams], settings: Settings
) -> tuple[FusionParams, dict[str, StreamParams]]:
    """Parameters for sensors of this rate: what is told in seconds keeps its number of periods."""
    slower = 10.0 / settings.rate_hz
    tracks = params.tracks
    tracks = replace(
        tracks,
        forget_after_s=tracks.forget_after_s * slower,
        hide_after_s=tracks.hide_after_s * slower,
    )
    stale_s = _STALE_PERIODS / settings.rate_hz
    given = {m: replace(stream, stale_after_s=stale_s) for m, stream in streams.items()}
    return replace(params, model=settings.model, device="cpu", tracks=tracks), given


def _script(settings: Settings) -> Script:
    """The demo's faults, stretched over ten minutes, or all that is run where that is less."""
    return load_script(Path(settings.config), min(SCRIPT_S, settings.hours * 3600.0))


def main(arguments: list[str]) -> int:
    """Run what the file of settings asks for."""
    settings = Settings(**json.loads(Path(arguments[0]).read_text(encoding="utf-8")))
    with Path(settings.record).open("w", encoding="utf-8") as file:

        def line(record: dict[str, Any]) -> None:
            file.write(json.dumps(record) + "\n")
            file.flush()

        Forward(settings).run(line)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
