"""How people were followed in a replay, in one sentence."""

from __future__ import annotations

from pta_ros.evaluation.report.followed import FollowedSeen
from pta_ros.evaluation.report.numerals import clock, figure, number


def over_time(seen: FollowedSeen) -> str:
    """Jumps, predictions, corrections, identities, contradictions; empty where there is nothing."""
    parts = [_step(seen), _predicted(seen), _numbers(seen)]
    parts += [f"{_counted(seen.corrected, 'correction')} by late frames"] if seen.corrected else []
    parts += [f"{name} contradicts for {number(t)} s" for name, t in seen.left_out_s.items()]
    told = "; ".join(filter(None, parts))
    return f"Over time: {told}." if told else ""


def _step(seen: FollowedSeen) -> str:
    if seen.step_mm is None or seen.step_at_s is None:
        return ""
    told = f"largest step of a joint {figure(seen.step_mm)} mm at {clock(seen.step_at_s)}"
    if seen.true_step_mm is None:
        return told
    return f"{told}, the largest true one {figure(seen.true_step_mm)} mm"


def _predicted(seen: FollowedSeen) -> str:
    if not seen.predicted:
        return ""
    far = f"{number(seen.longest_s, 2)} s beyond the last estimate at most"
    return f"{_counted(seen.predicted, 'prediction')}, {far}"


def _numbers(seen: FollowedSeen) -> str:
    if seen.numbers is None:
        return ""
    told = _counted(seen.numbers, "track number")
    if seen.true_people is None or seen.exchanges is None:
        return told
    people = "1 person" if seen.true_people == 1 else f"{seen.true_people} people"
    return f"{told} for {people}, changed {_counted(seen.exchanges, 'time')}"


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"
