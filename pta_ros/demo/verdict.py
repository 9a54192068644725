"""What the summary says of the fusion: a verdict per phase in plain words.

It asks for what a busy machine cannot spoil: right states, nothing corrupt used, silence kept,
recovery, and accuracy on the instants at which the expected sensors were in the estimate.
How fast everything was is told by the bounds, which `pta_demo --check` decides by.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pta_ros.demo.summary import EXPECTED

MPJPE_MM = 60.0
#: Of people, by whether all sensors are there or one alone: mean errors of joints and centres, mm.
PEOPLE_MM = {True: (120.0, 100.0), False: (200.0, 150.0)}
#: Percent: least share of lists of people with the right number (who comes or goes close to the
#: robot is named late, and by the LiDAR alone sometimes twice) and of people who are found, most
#: lists that name somebody where nobody is, and least share of coordinates within two standard
#: deviations (normal: 95).
RIGHT, FOUND, GHOSTS, WITHIN_2 = 75.0, 90.0, 2.0, 80.0
CSI_SHARE = 0.75  # of the mean-pose predictor's error
CORRUPT_RATIO = 1.05
#: Percent, over all phases, of windows within one activity; guessing gives 1.8.
ACCURACY = 60.0
#: Share of a phase's estimates that must be from all sensors which sent good data. Far below what a
#: busy machine reaches, where late frames are left out; a fusion that never uses a sensor has none.
LEAST_EXPECTED = 0.2
_LEAST_INSTANTS = {"pose": 10, "people": 10, "activity": 20}
#: What a task's estimates are called.
WHAT = {"pose": "skeletons", "people": "lists of people", "activity": "activities"}
#: What a stream with a fault sends.
SENT = {
    "silent": "nothing",
    "corrupt": "corrupt data",
    "frozen": "the same message again and again",
}


@dataclass(frozen=True)
class Finding:
    """One thing that was checked in a phase; `ok` None where the machine was too busy to tell."""

    phase: str
    check: str
    ok: bool | None
    text: str


def listed(names: Sequence[str]) -> str:
    """Names as in a sentence: a, b and c."""
    return " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))


def findings(summary: Mapping[str, Any]) -> list[Finding]:
    """Every check of the verdict."""
    what = WHAT[summary["task"]]
    found = [
        Finding(phase["name"], *parts)
        for phase in summary["phases"]
        for check in (_failing, _estimates, _silence, *_OF_TASK[summary["task"]])
        for parts in check(phase, summary)
    ]
    unmatched = summary["unmatched_estimates"]
    text = f"{unmatched} {what} of an instant that was never simulated"
    found.append(Finding("whole run", "instants", unmatched == 0, text))
    if summary["task"] == "activity":
        share, count = summary["accuracy"], summary["judged"]
        text = f"{share} % of {count} activities right (at least {ACCURACY:g})"
        ok = None if count < _LEAST_INSTANTS["activity"] else share >= ACCURACY
        found.append(Finding("whole run", "accuracy", ok, text))
    return found


_Checks = Iterator[tuple[str, bool | None, str]]


def _was_late(phase: Mapping[str, Any], summary: Mapping[str, Any]) -> bool:
    """Whether the simulator itself was so late that good streams had to look stale."""
    least_s = min(summary["stale_after_s"].values())
    return bool((phase["late_ms"] or 0.0) > 500.0 * least_s)


def _failing(phase: Mapping[str, Any], summary: Mapping[str, Any]) -> _Checks:
    for name, facts in phase["failing"].items():
        sent, used = f"{name} sent {SENT[facts['fault']]}", facts["used_after"]
        if facts["noticed_s"] is None:
            state = " or ".join(EXPECTED[facts["fault"]])
            yield "state", False, f"{sent} and was never reported {state}"
        else:
            then = (
                f"but {used} {WHAT[summary['task']]} used it then" if used else "and not used since"
            )
            seen = f"reported {facts['state']} after {facts['noticed_s']:.2f} s"
            yield "state", used == 0, f"{sent}: {seen}, {then}"


def _estimates(phase: Mapping[str, Any], summary: Mapping[str, Any]) -> _Checks:
    if phase["available"]:
        ok = None if _was_late(phase, summary) else False
        yield (
            "estimates",
            phase["expected"] > LEAST_EXPECTED * phase["estimates"] or ok,
            f"{phase['estimates']} {WHAT[summary['task']]}, {phase['expected']} of them from what "
            f"{listed(phase['available'])} sent at that very instant",
        )


def _silence(phase: Mapping[str, Any], summary: Mapping[str, Any]) -> _Checks:
    facts, what = phase["silence"], WHAT[summary["task"]]
    if facts is None:
        return
    if facts["error_s"] is None:
        yield "silence", False, "no sensor sent data, and the diagnostics never said ERROR"
        return
    kept = "until the end" if facts["held"] else "but not until the end"
    told = f"ERROR reported after {facts['error_s']:.2f} s, {kept}"
    ok = facts["held"] and facts["estimates"] == 0
    yield "silence", ok, f"{told}; {facts['estimates']} {what} after the ERROR"
    if phase["name"] != summary["phases"][-1]["name"]:
        again, late = facts["recovered_s"], _was_late(phase, summary)
        came = f"no {what} came again" if again is None else f"{what} again {again:.2f} s after it"
        yield "recovery", again is not None or (None if late else False), came


def _accuracy(phase: Mapping[str, Any], summary: Mapping[str, Any]) -> _Checks:
    error, sensors = phase.get("mpjpe_mm"), phase["available"]
    if error is None:
        return
    limit = None
    if len(sensors) == len(summary["stale_after_s"]):
        limit, told = MPJPE_MM, "at most"
    elif sensors == ["csi"]:
        limit, told = CSI_SHARE * phase["mean_pose_mpjpe_mm"], f"{CSI_SHARE} of the mean pose's,"
    if limit is not None:
        few = phase["expected"] < _LEAST_INSTANTS["pose"]
        text = f"mean error {error:.0f} mm ({told} {limit:.0f})"
        yield "error", None if few else error <= limit, text


def _reference(phase: Mapping[str, Any], _: Mapping[str, Any]) -> _Checks:
    facts = phase.get("reference")
    if facts and facts["ratio"] is not None:
        few = facts["instants"] < _LEAST_INSTANTS["pose"]
        text = (
            f"error {facts['ratio']:.2f} of what it is without the failing sensor "
            f"(at most {CORRUPT_RATIO:g})"
        )
        yield "reference", None if few else facts["ratio"] <= CORRUPT_RATIO, text


def _nobody(phase: Mapping[str, Any], summary: Mapping[str, Any]) -> _Checks:
    """Of a phase in which the room is empty."""
    facts = phase["people"]
    if facts["in_room"] or not phase["available"]:
        return
    lists, ghosts = phase["expected"], facts["naming_somebody"]
    ok = None if lists < _LEAST_INSTANTS["people"] else 100.0 * ghosts <= GHOSTS * lists
    text = f"{ghosts} of {lists} lists name somebody in the empty room (at most {GHOSTS:g} %)"
    yield "nobody", ok, f"{text}, {facts['skeletons']} skeletons"
    late = None if _was_late(phase, summary) else False
    told = "say OK, nobody is seen" if facts["told_nobody"] else "never said OK, nobody is seen"
    yield "diagnostics", facts["told_nobody"] or late, f"diagnostics {told}"


def _count(phase: Mapping[str, Any], _: Mapping[str, Any]) -> _Checks:
    """How many people there are."""
    facts = phase["people"]
    if not facts["in_room"] or facts["right"] is None:
        return
    few = facts["lists"] < _LEAST_INSTANTS["people"]
    text = f"the right number in {facts['right']:.0f} % of {facts['lists']} lists"
    ok = None if few else facts["right"] >= RIGHT
    yield "number", ok, f"{text} (at least {RIGHT:g})"


def _people(phase: Mapping[str, Any], summary: Mapping[str, Any]) -> _Checks:
    """Who is found, where people are, how they stand, and how sure the deviations are."""
    facts, error = phase["people"], phase["mpjpe_mm"]
    if not facts["visible"]:
        return
    few = facts["visible"] < _LEAST_INSTANTS["people"]
    text = f"{facts['found']:.0f} % of who is clearly visible found (at least {FOUND:g})"
    yield "found", None if few else facts["found"] >= FOUND, text
    if error is None:
        return
    most, centre = PEOPLE_MM[len(phase["available"]) == len(summary["stale_after_s"])]
    text = f"joints {error:.0f} mm off (at most {most:g}), centres {facts['centre_mm']:.0f} mm"
    ok = error <= most and facts["centre_mm"] <= centre
    yield "error", None if few else ok, f"{text} (at most {centre:g})"
    share = facts["within_2"]
    text = f"{share:.0f} % of the coordinates within two deviations (at least {WITHIN_2:g})"
    yield "deviations", None if few else share >= WITHIN_2, text


#: The checks that only one task has.
_OF_TASK = {
    "pose": (_accuracy, _reference), "people": (_nobody, _count, _people), "activity": (),
}  # fmt: skip


def did_its_job(found: Sequence[Finding]) -> bool:
    """Whether no check failed, and estimates from the expected sensors were seen at all."""
    seen = any(finding.ok for finding in found if finding.check == "estimates")
    return seen and all(finding.ok is not False for finding in found)


def verdict_text(found: Sequence[Finding]) -> str:
    """One line per check, phase by phase, and a last line that says how it went."""
    marks = {True: "ok", False: "FAILED", None: "not judged"}
    width = max(len(finding.phase) for finding in found)
    lines, before = [], ""
    for finding in found:
        phase = finding.phase if finding.phase != before else ""
        lines.append(f"  {phase:<{width}}  {marks[finding.ok]:<10}  {finding.text}")
        before = finding.phase
    counts = {mark: sum(f.ok is ok for f in found) for ok, mark in marks.items()}
    job = "The fusion did its job" if did_its_job(found) else "The fusion did NOT do its job"
    unclear = counts["not judged"]
    rest = f", {unclear} not judged: the machine was too busy" if unclear else ""
    failed = f", {counts['FAILED']} failed" if counts["FAILED"] else ""
    return "\n".join([*lines, f"{job}: {counts['ok']} checks passed{failed}{rest}."])
