"""The report's page: what happened at a glance, all numbers, then every replay.

The template has the markup and the script, this file what goes in: tables as columns, and the
figures and plotly itself, compressed.
"""

from __future__ import annotations

import gzip
import json
from base64 import b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from operator import attrgetter
from typing import Any, NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined
from plotly.offline import get_plotlyjs  # type: ignore[import-untyped]

from pta_ros.evaluation.replay.record import Replayed
from pta_ros.evaluation.report import charts, pictures, words
from pta_ros.evaluation.report.charts import Part
from pta_ros.evaluation.report.measure import COUNTS, FaultSeen, SensorSeen
from pta_ros.evaluation.report.scores import LIVE, Accuracy, Errors, Judged, seconds
from pta_ros.evaluation.report.timeline import figure
from pta_ros.frames import FloatArray, StreamState
from pta_ros.sensors.depth import DepthSensor

#: With more replays than these, all but the first show only their time line unasked.
_UNFOLDED = 4


@dataclass(frozen=True, eq=False)
class Context:
    """Where the replays come from.

    `topics` by modality (and "ground truth", when there is one). `data_synthetic` None: not known.
    `settings` are plain values (texts, numbers, lists, mappings). `camera` gives the intrinsics
    that project skeletons; `lidar_to_camera` (4, 4) moves points from the frame in which the model
    takes clouds to that of its skeletons, None: only the axes are turned, and the report says so.
    `plans` is how many fault plans were asked for, when the run was interrupted before the last.
    """

    bags: tuple[str, ...]
    topics: dict[str, str]
    model: str
    command: str
    model_synthetic: bool
    data_synthetic: bool | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    camera: DepthSensor = field(default_factory=DepthSensor)
    lidar_to_camera: FloatArray | None = None
    plans: int | None = None


class Column(NamedTuple):
    """A column of a table: its heading, and what a row has in it.

    `wordy` ones are set left; the `judged` one is coloured by whether the limit is kept.
    """

    name: str
    text: Callable[[Any], str]
    wordy: bool = False
    judged: bool = False


def page(parts: Sequence[Part], context: Context) -> str:
    """The whole page; the first part is the fault-free replay."""
    figures = {part.anchor: figure(part) for part in parts}
    environment = Environment(
        loader=PackageLoader("pta_ros.evaluation.report", ""),
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined,
    )  # fmt: skip
    return environment.get_template("page.html.j2").render(
        parts=parts,
        context=context,
        bags=", ".join(bag.rstrip("/").rpartition("/")[2] for bag in context.bags),
        replays=[part.seen for part in parts],
        charts=charts,
        words=words,
        pictures=pictures,
        numbers=_numbers(parts),
        fault_columns=_faults,
        sensor_columns=_sensors,
        change_columns=_changes,
        about=_about(context),
        unfolded=len(parts) <= _UNFOLDED,
        figures=_packed(json.dumps(figures, separators=(",", ":"), allow_nan=False)),
        plotly=_packed(get_plotlyjs()),
        plotlyjs=get_plotlyjs(),
        digest=_digest,
    )


def _packed(text: str) -> str:
    """Text compressed for the page's script, the same for the same text."""
    return b64encode(gzip.compress(text.encode("utf-8"), mtime=0)).decode("ascii")


def _digest(script: str) -> str:
    """The name under which the page's policy lets this one script run."""
    return "sha256-" + b64encode(sha256(script.encode("utf-8")).digest()).decode("ascii")


def _column(name: str, path: str, form: Callable[[Any], str] = str, wordy: bool = False) -> Column:
    """The column of an attribute, or of an attribute's."""
    get = attrgetter(path)
    return Column(name, lambda row: form(get(row)), wordy)


def _sum(name: str) -> Column:
    """The column of a count of messages, over all sensors of a replay."""
    return Column(name, lambda part: str(sum(getattr(s, name) for s in part.seen.sensors)))


def _live(row: int, name: str) -> Column:
    return Column(name, lambda part: words.percent(part.seen.sensors[row].availability))


def _latency(name: str, key: str) -> Column:
    return Column(name, lambda part: words.number(part.stages.get("all", {}).get(key)))


def _in_state(name: str) -> Column:
    return Column(f"{name} (s)", lambda seen: words.number(seen.state_s.get(name, 0.0)))


def _numbers(parts: Sequence[Part]) -> list[tuple[str, list[Column]]]:
    """Groups of columns of the table of all replays, as far as there is something in them."""
    made = [_column("number", "seen.estimates"), _column("per s", "seen.rate_hz", words.number)]
    return [
        ("LIVE, share of time", [_live(*row) for row in enumerate(parts[0].modalities)]),
        ("estimates", made),
        *_judged(parts),
        ("latency (ms)", [_latency("median", "p50"), _latency("p95", "p95")]),
        ("messages", [_sum(name) for name in COUNTS]),
    ]


def _judged(parts: Sequence[Part]) -> list[tuple[str, list[Column]]]:
    """Columns of what the replays are judged by; without truth, of what the faults change."""
    truth = next((part.seen.whole for part in parts if part.seen.whole), None)
    if truth:
        last = "difference" if isinstance(truth, Accuracy) else "ratio"
        beside = Column(last, lambda part: words.beside_dropped(part.seen), judged=True)
        title = f"{words.name(truth)} ({words.unit(truth)}): whole bag, in the faults' windows"
        found = [(title, [*_four(words.judged_text), beside])]
        aligned = [("PA-MPJPE (mm)", _four(_pa_mpjpe))]
        return found if isinstance(truth, Accuracy) else found + aligned
    if any(part.seen.changed_percent is not None for part in parts):
        return [("answers", [_column("changed (%)", "seen.changed_percent", words.figure)])]
    moved = [("joints", [_column("moved (mm)", "seen.shift_mm", words.figure)])]
    return moved if any(part.seen.faults for part in parts) else []


def _four(form: Callable[[Judged | None], str]) -> list[Column]:
    """Columns of a figure over the whole bag, and in the faults' windows of three replays."""
    return [
        _column("all", "seen.whole", form),
        _column("fault-free", "seen.free", form),
        _column("with fault", "seen.window", form),
        _column("sensor dropped", "seen.dropped", form),
    ]


def _pa_mpjpe(judged: Judged | None) -> str:
    return words.figure(judged.pa_mpjpe_mm if isinstance(judged, Errors) else None)


def _two_digits(value: float | None) -> str:
    return words.number(value, 2)


#: A frame may be there and be weighed with 0, so this is not called "used".
_USE = (_column("frame there", "used", words.percent), _column("its weight", "weight", _two_digits))


def _faults(listed: Sequence[FaultSeen]) -> list[Column]:
    """Columns of the faults of a plan with what came of them."""
    truth = next((fault.errors for fault in listed if fault.errors), None)
    if truth:
        name = f"{words.name(truth)} ({words.unit(truth)}) fault-free"
        choices = ((name, "free"), ("with fault", "errors"), ("dropped", "dropped"))
        judged = [_column(name, path, words.judged_text) for name, path in choices]
    elif any(fault.changed_percent is not None for fault in listed):
        judged = [_column("answers changed (%)", "changed_percent", words.figure)]
    else:
        judged = [_column("joints moved (mm)", "shift_mm", words.figure)]
    return [
        Column("fault", words.fault_window, wordy=True),
        Column("strength", words.strength, wordy=True),
        Column("what the stream did", words.reaction, wordy=True),
        *_USE,
        _column("weight fault-free", "free_weight", _two_digits),
        *judged,
    ]


def _sensors(listed: Sequence[SensorSeen]) -> list[Column]:
    """Columns of the sensors: states, use and messages."""
    met = {state for seen in listed for state in seen.state_s}
    return [
        _column("sensor", "modality", wordy=True),
        _column(LIVE, "availability", words.percent),
        *(_in_state(state.name) for state in StreamState if state.name in met - {LIVE}),
        *_USE,
        *(_column(name, name) for name in COUNTS),
    ]


def _changes(run: Replayed) -> list[Column]:
    """Columns of the changes of state."""
    return [
        Column("seconds", lambda change: f"{float(seconds(run, change.time_ns)):.2f}"),
        _column("sensor", "modality", wordy=True),
        _column("state from then on", "state", wordy=True),
        _column("reason", "reason", wordy=True),
    ]


def _about(context: Context) -> list[tuple[str, list[str], str]]:
    """Bag, topics, model, command and settings: name, texts as code, plain text behind them."""
    synthetic = ", trained on synthetic data" if context.model_synthetic else ""
    data = {True: "synthetic", False: "recorded", None: "not known whether synthetic"}
    place = "given" if context.lidar_to_camera is not None else "not known: axes turned, not moved"
    settings = [
        (name, [value if isinstance(value, str) else json.dumps(value)], "")
        for name, value in context.settings.items()
    ]
    return [
        ("bag", list(context.bags), ""),
        ("topics", [f"{name}: {topic}" for name, topic in context.topics.items()], ""),
        ("model", [context.model], synthetic),
        ("data", [], data[context.data_synthetic]),
        ("command", [context.command], ""),
        ("LiDAR's place in pictures", [], place),
        *settings,
    ]
