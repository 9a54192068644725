"""The report's page: what happened at a glance, all numbers, then every replay."""

from __future__ import annotations

from collections.abc import Sequence

from pta_ros.evaluation.report import svg, tables, terms, words
from pta_ros.evaluation.report.context import Context
from pta_ros.evaluation.report.markup import Markup, el, join
from pta_ros.evaluation.report.measure import Measured
from pta_ros.evaluation.report.section import Part, keys, section
from pta_ros.evaluation.report.style import POLICY, style
from pta_ros.evaluation.report.timeline import strip, strip_axis

#: With more replays than these, all but the first show only their timeline unasked.
_UNFOLDED = 4
#: So many plans that miss the limit are named at the top.
_NAMED = 6


def page(parts: Sequence[Part], context: Context) -> str:
    """The whole page; the first part is the fault-free replay."""
    unfolded = len(parts) <= _UNFOLDED
    body = el(
        "main",
        svg.definitions(),
        *_head(parts, context),
        keys(None, parts[0].series.run.run.modalities),
        el("div", _heads(parts), *(_row(part) for part in parts), class_="overview"),
        *_numbers(parts),
        *(section(part, parts[0], context, unfolded or part is parts[0]) for part in parts),
        el("section", el("h2", "Made with"), tables.about(context), id="made-with"),
    )
    head = el(
        "head",
        el("meta", charset="utf-8"),
        Markup(f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'),
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el("title", f"Bag replay: {_bags(context)}"),
        el("style", Markup(style())),
    )
    return f"<!DOCTYPE html>\n{el('html', head, el('body', body), lang='en')}\n"


def _bags(context: Context) -> str:
    return ", ".join(bag.rstrip("/").rpartition("/")[2] for bag in context.bags)


def _head(parts: Sequence[Part], context: Context) -> list[Markup]:
    free, run = parts[0].seen, parts[0].series.run.run
    plans = len(parts) - 1
    told = [
        words.clock(free.duration_s),
        words.listed(run.modalities),
        f"model {context.model.rstrip('/').rpartition('/')[2]}",
        f"{plans} fault plan{'s' * (plans != 1)}",
        "with ground truth" if any(p.seen.whole for p in parts) else "no ground truth",
    ]
    return [
        el("h1", f"Bag replay: {_bags(context)}"),
        join([*_synthetic(context), " ", " · ".join(told)]),
        *_missed(parts),
        *_losses(parts[0].series.run.run.losses),
    ]


def _synthetic(context: Context) -> list[Markup]:
    what = ["data"] * bool(context.data_synthetic) + ["model"] * context.model_synthetic
    if not what:
        return []
    return [el("span", f"synthetic {' and '.join(what)}", class_="badge synthetic")]


def _missed(parts: Sequence[Part]) -> list[Markup]:
    """How many plans keep the limit, and which do not."""
    judged = [part.seen for part in parts if part.seen.kept is not None]
    missed = [seen.name for seen in judged if not seen.kept]
    if not judged:
        return []
    limit = f"limit {terms.limit(judged[0])}"
    if missed:
        said = f"{len(missed)} of {len(judged)} plans cost more than doing without the sensor"
        told, kind = f"{said} ({limit}): {words.listed(_few(missed))}", "badge bad"
    else:
        kind = "badge good"
        told = f"no fault costs more than doing without the sensor ({limit}, {len(judged)} plans)"
    return [el("p", el("span", told, class_=kind))]


def _few(names: Sequence[str]) -> list[str]:
    """Some names, and how many more there are."""
    more = len(names) - _NAMED
    return [*names[:_NAMED], f"{more} more"] if more > 0 else list(names)


def _heads(parts: Sequence[Part]) -> Markup:
    """What the overview's columns are, and the time axis of its strips."""
    axis = el("div", el("span"), strip_axis(parts[0].seen), class_="strips")
    told, activities = "estimates", bool(parts[0].series.run.run.classes)
    if any(part.seen.whole for part in parts):
        mean = "accuracy" if activities else "mean error"
        told = f"{mean} in the faults' windows: fault-free → with fault"
    elif len(parts) > 1:
        told = "how far joints move from the fault-free replay"
        told = "share of answers unlike the fault-free replay's" if activities else told
    return el("div", el("div", "replay"), axis, el("div", told), class_="row heads")


def _losses(losses: Sequence[str]) -> list[Markup]:
    """The bag's losses; few in full, the rest below."""
    if not losses:
        return []
    more = f", and {len(losses) - 1} more below" if len(losses) > 1 else ""
    return [el("p", el("span", f"note: {losses[0]}{more}", class_="badge warn"))]


def _row(part: Part) -> Markup:
    """One replay of the overview: what happened, when, and what it cost."""
    seen, run = part.seen, part.series.run.run
    name = el("a", seen.name, href=f"#{part.anchor}")
    said = [el("div", name, class_="name"), el("div", words.events(seen), class_="said")]
    labels = el("div", *(el("span", m) for m in run.modalities), class_="names")
    strips = el("div", labels, strip(run, seen), class_="strips")
    return el("div", el("div", *said), strips, el("div", *_cost(seen)), class_="row")


def _cost(seen: Measured) -> list[Markup]:
    if seen.faults and seen.window and seen.free:
        change = f"{terms.figure(seen.free)} → {terms.figure(seen.window)}"
        found = [el("div", change, el("small", f" {terms.unit(seen.window)}"), class_="cost")]
        return found + _beside_dropped(seen)
    if not seen.faults and seen.whole:
        told = f" {terms.unit(seen.whole)}, whole bag"
        return [el("div", terms.figure(seen.whole), el("small", told), class_="cost")]
    if seen.changed_percent is not None:
        changed = terms.points(seen.changed_percent)
        return [el("div", changed, el("small", " % changed"), class_="cost")]
    if seen.shift_mm is not None:
        moved = terms.mm(seen.shift_mm)
        return [el("div", moved, el("small", " mm"), class_="cost")]
    rate = words.number(seen.rate_hz)
    return [el("div", rate, el("small", " estimates per s"), class_="cost")]


def _beside_dropped(seen: Measured) -> list[Markup]:
    if seen.dropped is None or seen.kept is None:
        return []
    mark, kind = ("✓", "badge good") if seen.kept else ("✗", "badge bad")
    without = f" without sensor {terms.figure(seen.dropped)} {terms.unit(seen.dropped)}"
    badge = el("span", f"{mark} {terms.beside_dropped(seen)}", class_=kind)
    return [el("div", badge, el("span", without, class_="soft"))]


def _numbers(parts: Sequence[Part]) -> list[Markup]:
    modalities = parts[0].series.run.run.modalities
    table = tables.numbers([(part.seen, part.stages) for part in parts], modalities)
    note = tables.numbers_note([part.seen for part in parts])
    return [el("h3", "All numbers"), table, el("p", note, class_="soft")]
