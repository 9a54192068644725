"""The report's sentences on replays: what happened, what it cost, and what is held to a limit."""

from __future__ import annotations

from collections.abc import Sequence

from pta_ros.evaluation.replay.record import Moment, Replayed
from pta_ros.evaluation.report.delivery import Undelivered
from pta_ros.evaluation.report.numerals import NONE, clock, figure, listed, number
from pta_ros.evaluation.report.people import PeopleFigures
from pta_ros.evaluation.report.scores import Accuracy, Errors, Judged, seconds
from pta_ros.evaluation.report.seen import LIMIT, LIMIT_POINTS, Measured
from pta_ros.evaluation.report.words_faults import all_faults, all_sensors
from pta_ros.metrics.presence import FOUND_M

#: So many plans that miss the limit are named at the top.
_NAMED = 6


# -- what a replay is judged by -----------------------------------------------------------------


def judged_text(judged: Judged | None) -> str:
    """The figure that is judged without its unit, or a dash."""
    return NONE if judged is None else figure(judged.value)


def unit(judged: Judged | None) -> str:
    """What the figure is counted in."""
    return "mm" if judged is None else judged.unit


def name(judged: Judged | None) -> str:
    """What the figure is called."""
    return "MPJPE" if judged is None else judged.name


def beside_dropped(seen: Measured) -> str:
    """What is held against the limit: a ratio of errors, or points of accuracy.

    The ratio has a third decimal where two would hide on which side of the limit it is.
    """
    if seen.gain_points is not None:
        return f"{seen.gain_points:+.1f}".replace("-", "−")
    if seen.ratio is None:
        return NONE
    digits = 2 if (round(seen.ratio, 2) <= LIMIT) == seen.kept else 3
    return f"×{seen.ratio:.{digits}f}"


def limit(seen: Measured) -> str:
    """The limit in words."""
    return f"×{LIMIT:g}" if seen.gain_points is None else f"−{LIMIT_POINTS:g} points"


# -- one replay ---------------------------------------------------------------------------------


def verdict(seen: Measured) -> str:
    """The one line that says what happened and what it cost."""
    return " ".join(part for part in (events(seen), cost(seen)) if part)


def events(seen: Measured) -> str:
    """What happened to the sensors, in one or two sentences."""
    what = all_faults(seen.faults) if seen.faults else all_sensors(seen.sensors)
    if seen.estimates == 0:
        return f"{what} No estimate at all: {seen.no_estimate}."
    silent = f" No estimate for {seen.silent_s:.1f} s in all." if seen.silent_s > 0 else ""
    return what + silent


def cost(seen: Measured) -> str:
    """What the faults cost, beside nothing failing and beside doing without the sensor."""
    if not seen.faults:
        if isinstance(seen.whole, PeopleFigures):
            return people(seen.whole)
        told = "" if seen.whole is None else f"{_told(seen.whole)}."
        return " ".join(filter(None, (told, _flicker(seen))))
    if seen.window is None or seen.free is None:
        return _effect(seen)
    return f"{_told(seen.window, seen.free)}{_limit_kept(seen)}."


def _flicker(seen: Measured) -> str:
    """How often the label of activities changes, and how often the true one does."""
    if seen.label_changes is None:
        return ""
    true = "" if seen.true_changes is None else f", the activity {number(seen.true_changes)}"
    return f"The label changes {number(seen.label_changes)} times a minute{true}."


def never_delivered(each: Undelivered) -> str:
    """One line for a sensor that no estimate used."""
    return f"{each.sensor} never delivered: {each.why}"


def _told(judged: Judged, before: Judged | None = None) -> str:
    way = f"{judged_text(before)} → " if before else ""
    called = name(judged)
    return f"{called[0].upper()}{called[1:]} {way}{judged_text(judged)} {unit(judged)}"


def _effect(seen: Measured) -> str:
    """What a fault does where nothing says what is true; empty when that is not known."""
    if seen.changed_percent is not None:
        return f"{figure(seen.changed_percent)} % of the answers change."
    return "" if seen.shift_mm is None else f"Joints move by {figure(seen.shift_mm)} mm."


def _limit_kept(seen: Measured) -> str:
    if seen.kept is None or seen.dropped is None:
        return ""
    told = "kept" if seen.kept else "MISSED"
    without = f"{judged_text(seen.dropped)} {unit(seen.dropped)} with the sensor dropped"
    return f"; {without} instead ({beside_dropped(seen)}, limit {limit(seen)} {told})"


def people(figures: PeopleFigures) -> str:
    """Who was found, and how well."""
    if not figures.there and not figures.false:
        return "Nobody is there, and nobody is found."
    told = f"{figures.found} of {figures.there} people found, {figures.false} false; "
    told += f"the number is right in {figure(figures.counts_right_percent)} % of the estimates"
    return f"{told}; MPJPE {figure(figures.mpjpe_mm)} mm." if figures.found else f"{told}."


def overview(seen: Measured) -> tuple[str, str]:
    """The one figure of a replay in the overview, and its unit."""
    if seen.faults and seen.window and seen.free:
        return f"{judged_text(seen.free)} → {judged_text(seen.window)}", unit(seen.window)
    if not seen.faults and seen.whole:
        return judged_text(seen.whole), f"{unit(seen.whole)}, whole bag"
    if seen.changed_percent is not None:
        return figure(seen.changed_percent), "% changed"
    if seen.shift_mm is not None:
        return figure(seen.shift_mm), "mm"
    return number(seen.rate_hz), "estimates per s"


def moments_title(run: Replayed) -> str:
    """Which moments, the worst of them in numbers: all that shows while they are folded."""
    known = [m for m in run.moments if m.truth_m is not None]
    if not known:
        return "Least certain moments"
    worst = max(known, key=lambda m: m.error_mm)
    return f"Worst moments: {figure(worst.error_mm)} mm at {_when(run, worst)}"


def moment(run: Replayed, shown: Moment) -> str:
    """When a moment was, and its error where that is known."""
    error = "" if shown.truth_m is None else f", {figure(shown.error_mm)} mm"
    return f"{_when(run, shown)}{error}"


def weights(shown: Moment) -> str:
    """The weights of a moment's sensors."""
    return ", ".join(f"{name} {weight:.2f}" for name, weight in shown.weights.items() if weight)


def _when(run: Replayed, shown: Moment) -> str:
    return clock(float(seconds(run, shown.stamp_ns)))


# -- all replays --------------------------------------------------------------------------------


def overview_head(replays: Sequence[Measured]) -> str:
    """What the overview's figures are."""
    activities = any(seen.changed_percent is not None for seen in replays)
    truth = next((seen.whole for seen in replays if seen.whole), None)
    if truth:
        mean = "mean error" if isinstance(truth, Errors) else truth.name
        return f"{mean} in the faults' windows: fault-free → with fault"
    if len(replays) == 1:
        return "estimates"
    if activities:
        return "share of answers unlike the fault-free replay's"
    return "how far joints move from the fault-free replay"


def limit_kept(replays: Sequence[Measured]) -> str:
    """How many plans keep the limit, and which do not; `replays` are those with a limit."""
    missed = [seen.name for seen in replays if not seen.kept]
    told = f"limit {limit(replays[0])}"
    if not missed:
        plans = f"{len(replays)} plans"
        return f"no fault costs more than doing without the sensor ({told}, {plans})"
    more = [f"{len(missed) - _NAMED} more"] if len(missed) > _NAMED else []
    cost_more = f"{len(missed)} of {len(replays)} plans cost more than doing without the sensor"
    return f"{cost_more} ({told}): {listed([*missed[:_NAMED], *more])}"


def numbers_note(replays: Sequence[Measured]) -> str:
    """What the columns of all numbers mean, as far as they are there."""
    note = "Messages: lost on the way (estimated from gaps), corrupt (failed their checks), dropped"
    note += " (late, double, superseded, nobody in them), restamped (another stamp than their own:"
    note += " stamp_policy). Latency: all stages of an estimate."
    limited = next((seen for seen in replays if seen.kept is not None), None)
    if limited:
        points = limited.gain_points is not None
        what = "Difference: with fault less" if points else "Ratio: with fault over"
        note += f" {what} sensor dropped, limit {limit(limited)}."
    if any(seen.faults and isinstance(seen.whole, Accuracy) for seen in replays):
        note += " An answer counts where its window lies within one activity, and to a fault where"
        note += " its window touches the fault's."
    elif any(isinstance(seen.whole, PeopleFigures) for seen in replays):
        note += " People right: those found, of all who are there or were told; found is who has an"
        note += f" estimate's centre within {FOUND_M:g} m, seen from above."
    elif any(seen.shift_mm is not None for seen in replays) and not any(s.whole for s in replays):
        note += " Moved: distance of joints from those of the fault-free replay, in the windows."
    return note
