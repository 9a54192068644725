"""The report's tables in HTML."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from pta_ros.evaluation.replay.record import Replayed
from pta_ros.evaluation.report import terms, words
from pta_ros.evaluation.report.context import Context
from pta_ros.evaluation.report.faults_seen import FaultSeen
from pta_ros.evaluation.report.markup import Markup, el, join
from pta_ros.evaluation.report.measure import Measured, SensorSeen, Stages
from pta_ros.evaluation.report.scores import Accuracy, Errors
from pta_ros.evaluation.report.states import seconds
from pta_ros.evaluation.report.svg import PATTERNS

_COUNTS = ("received", "lost", "corrupt", "dropped")


def numbers(listed: Sequence[tuple[Measured, Stages]], modalities: Sequence[str]) -> Markup:
    """All replays, one row each."""
    truth = next((seen.whole for seen, _ in listed if seen.whole), None)
    columns: list[tuple[str, list[str]]] = [
        ("LIVE, share of time", list(modalities)),
        ("estimates", ["number", "per s"]),
    ]
    if truth:
        activities = isinstance(truth, Accuracy)
        last = "difference" if activities else "ratio"
        parts = ["all", "fault-free", "with fault", "sensor dropped", last]
        name = f"{terms.name(truth)} ({terms.unit(truth)}): whole bag, in the faults' windows"
        columns.append((name, parts))
        columns += [] if activities else [("PA-MPJPE (mm)", parts[:4])]
    elif any(seen.changed_percent is not None for seen, _ in listed):
        columns.append(("answers", ["changed (%)"]))
    elif any(seen.faults for seen, _ in listed):
        columns.append(("joints", ["moved (mm)"]))
    columns += [("latency (ms)", ["median", "p95"]), ("messages", list(_COUNTS))]
    top = [el("th", name, colspan=len(parts), class_="group") for name, parts in columns]
    second = [
        el("th", part, class_="group" if not i else None)
        for _, parts in columns
        for i, part in enumerate(parts)
    ]
    head = el(
        "thead", el("tr", el("th"), *top), el("tr", el("th", "replay", class_="title"), *second)
    )
    rows = [_row(seen, stages, modalities, columns) for seen, stages in listed]
    return el("div", el("table", head, el("tbody", *rows)), class_="wide")


def _row(
    seen: Measured,
    stages: Stages,
    modalities: Sequence[str],
    columns: Sequence[tuple[str, list[str]]],
) -> Markup:
    live = {sensor.modality: sensor.availability for sensor in seen.sensors}
    values = [words.percent(live.get(name)) for name in modalities]
    values += [str(seen.estimates), words.number(seen.rate_hz)]
    groups = [name for name, _ in columns]
    judged = any("whole bag" in name for name in groups)
    ratio = len(values) + 4 if judged else -1
    four = (seen.whole, seen.free, seen.window, seen.dropped)
    if judged:
        values += [*(terms.figure(e) for e in four), terms.beside_dropped(seen)]
    if "PA-MPJPE (mm)" in groups:
        values += [terms.mm(e.pa_mpjpe_mm if isinstance(e, Errors) else None) for e in four]
    values += [terms.mm(seen.shift_mm)] if "joints" in groups else []
    values += [terms.points(seen.changed_percent)] if "answers" in groups else []
    whole = stages.get("all", {})
    values += [words.number(whole.get("p50")), words.number(whole.get("p95"))]
    values += [str(sum(getattr(sensor, name) for sensor in seen.sensors)) for name in _COUNTS]
    begins = {sum(len(parts) for _, parts in columns[:i]) for i in range(len(columns))}
    verdict = {None: "", True: " good", False: " bad"}[seen.kept]
    cells = []
    for place, value in enumerate(values):
        kind = ("first" if place in begins else "") + (verdict if place == ratio else "")
        cells.append(el("td", value, class_=kind.strip() or None))
    return el("tr", el("td", el("div", seen.name, title=seen.name), class_="title"), *cells)


def numbers_note(listed: Sequence[Measured]) -> str:
    """What the columns mean, as far as they are there."""
    note = "Messages: lost on the way (estimated from gaps), corrupt (failed their checks), dropped"
    note += " (late, double, superseded). Latency: all stages of an estimate."
    limited = next((seen for seen in listed if seen.kept is not None), None)
    if limited:
        less = "less" if limited.gain_points is not None else "over"
        what = "Difference" if limited.gain_points is not None else "Ratio"
        note += f" {what}: with fault {less} sensor dropped, limit {terms.limit(limited)}."
    if any(seen.faults and isinstance(seen.whole, Accuracy) for seen in listed):
        note += " An answer counts where its window lies within one activity, and to a fault where"
        note += " its window touches the fault's."
    elif any(seen.shift_mm is not None for seen in listed) and not any(s.whole for s in listed):
        note += " Moved: distance of joints from those of the fault-free replay, in the windows."
    return note


def faults(listed: Sequence[FaultSeen]) -> Markup:
    """Every fault of a plan with what came of it."""
    truth = next((fault.errors for fault in listed if fault.errors), None)
    changed = any(fault.changed_percent is not None for fault in listed)
    head = ["fault", "strength", "what the stream did", "used", "weight", "weight fault-free"]
    told = ["answers changed (%)" if changed else "joints moved (mm)"]
    name = f"{terms.name(truth)} ({terms.unit(truth)}) fault-free"
    head += [name, "with fault", "dropped"] if truth else told
    rows = []
    for fault in listed:
        row = [words.window(fault), words.strength(fault), words.reaction(fault)]
        row += [words.percent(fault.used)]
        row += [words.number(fault.weight, 2), words.number(fault.free_weight, 2)]
        errors = (fault.free, fault.errors, fault.dropped)
        moved = terms.points(fault.changed_percent) if changed else terms.mm(fault.shift_mm)
        row += [terms.figure(e) for e in errors] if truth else [moved]
        rows.append(row)
    return _plain(head, rows, wordy=(0, 1, 2))


def sensors(listed: Sequence[SensorSeen]) -> Markup:
    """Every sensor: its states, its use and its messages."""
    states = [state for state in PATTERNS if any(state in s.state_s for s in listed)]
    head = ["sensor", "LIVE", *(f"{state} (s)" for state in states), "used", "weight", *_COUNTS]
    rows = []
    for seen in listed:
        row = [seen.modality, words.percent(seen.availability)]
        row += [words.number(seen.state_s.get(state, 0.0)) for state in states]
        row += [words.percent(seen.used), words.number(seen.weight, 2)]
        rows.append(row + [str(getattr(seen, name)) for name in _COUNTS])
    return _plain(head, rows, wordy=(0,))


def changes(run: Replayed) -> Markup:
    """Every change of state with its reason."""
    rows = [
        [f"{float(seconds(run, c.time_ns)):.2f}", c.modality, c.state, c.reason]
        for c in run.changes
    ]
    return _plain(["seconds", "sensor", "state from then on", "reason"], rows, wordy=(1, 2, 3))


def about(context: Context) -> Markup:
    """Bag, topics, model, command and settings."""
    topics = [f"{name}: {topic}" for name, topic in context.topics.items()]
    place = "given" if context.lidar_to_camera is not None else "not known: axes turned, not moved"
    rows = [
        ("bag", join(_codes(context.bags), " ")),
        ("topics", join(_codes(topics), " · ")),
        ("model", join([el("code", context.model), _origin(context.model_synthetic)])),
        ("data", _data(context.data_synthetic)),
        ("command", el("code", context.command)),
        ("LiDAR's place in pictures", place),
        *((name, el("code", _setting(value))) for name, value in context.settings.items()),
    ]
    body = [
        el("tr", el("td", name, class_="words"), el("td", value, class_="words"))
        for name, value in rows
    ]
    return el("table", el("tbody", *body))


def _codes(texts: Iterable[str]) -> list[Markup]:
    return [el("code", text) for text in texts]


def _origin(synthetic: bool) -> str:
    return ", trained on synthetic data" if synthetic else ""


def _data(synthetic: bool | None) -> str:
    return {True: "synthetic", False: "recorded", None: "not known whether synthetic"}[synthetic]


def _setting(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _plain(head: Sequence[str], rows: Iterable[Sequence[str]], wordy: Sequence[int]) -> Markup:
    def cells(kind: str, row: Sequence[str]) -> Markup:
        looks = ["words" if i in wordy else None for i in range(len(row))]
        return el("tr", *(el(kind, c, class_=k) for c, k in zip(row, looks, strict=True)))

    body = el("tbody", *(cells("td", row) for row in rows))
    return el("div", el("table", el("thead", cells("th", head)), body), class_="wide")
