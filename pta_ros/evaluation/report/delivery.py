"""Which sensors a replay never used, and why: what a reader of a report must know first."""

from __future__ import annotations

from dataclasses import dataclass

from pta_ros.clock import NS
from pta_ros.evaluation.replay.record import Heard, Replayed
from pta_ros.evaluation.report import scores
from pta_ros.evaluation.report.scores import LIVE
from pta_ros.fusion.config import STAMP_POLICIES

#: Stamps farther than this from the time of receipt explain a sensor that never delivers.
_FAR_NS = NS // 5


@dataclass(frozen=True)
class Undelivered:
    """A sensor that no estimate used: `why` in words, with what cures it where that is known.

    `messages` came in, `refused` of them by the decoder.
    """

    sensor: str
    messages: int
    refused: int
    why: str


def undelivered(run: Replayed) -> tuple[Undelivered, ...]:
    """The sensors of a replay without a single frame in an estimate, with the reason of each."""
    found = []
    for column, modality in enumerate(run.modalities):
        if run.used[:, column].any():
            continue
        heard = run.heard.get(modality, Heard())
        refused = sum(kind.count for kind in heard.refused)
        found.append(Undelivered(modality, heard.messages, refused, _why(run, modality, heard)))
    return tuple(found)


def no_estimate(run: Replayed) -> str:
    """Why a replay has no estimate, in words; empty where it has one."""
    if len(run.stamp_ns):
        return ""
    if run.failed:
        return run.failed[0]
    if any(scores.spans(run, m)[-1].state == LIVE for m in run.modalities):
        return f"the recording ends after {scores.duration_s(run):.2f} s, before one was due"
    return "; ".join(f"{each.sensor}: {each.why}" for each in undelivered(run))


def notes(run: Replayed) -> list[str]:
    """The replay's losses that `undelivered` does not say already."""
    said = tuple(f"{each.sensor}: {each.why}" for each in undelivered(run))
    return [loss for loss in run.losses if not loss.startswith(said)]


def _why(run: Replayed, modality: str, heard: Heard) -> str:
    if not heard.topic:
        return heard.absent or "no topic of it in the recording"
    if heard.messages == 0:
        return f"no message on {heard.topic}"
    counted = f"{heard.messages} messages"
    if heard.refused:
        most = heard.refused[0]
        few = "all" if most.count == heard.messages else f"{most.count} of"
        more = f"; {len(heard.refused) - 1} other kinds of reason" if heard.refused[1:] else ""
        return f"{few} {counted} refused: {most.reason}{more}"
    reason = _last_reason(run, modality)
    clock = "" if "stamp_policy" in reason else _clock(modality, heard)
    told = "; ".join(filter(None, (reason, clock)))
    return f"{counted}, none in an estimate: {told or 'the recording ends before one was due'}"


def _last_reason(run: Replayed, modality: str) -> str:
    """What the stream said last while it was not LIVE."""
    said = [c.reason for c in run.changes if c.modality == modality and c.reason]
    said += [status.reason for status in run.statuses if status.modality == modality]
    return next((reason for reason in reversed(said) if reason), "")


def _clock(modality: str, heard: Heard) -> str:
    """The offset of a sensor's clock with the settings that cure it; empty when it is small."""
    if heard.delay_ns is None or abs(heard.delay_ns) <= _FAR_NS:
        return ""
    way = "behind" if heard.delay_ns > 0 else "ahead of"
    known = [policy for policy in ("align", "receive") if policy in STAMP_POLICIES]
    cure = " or ".join(known) if "align" in known else ""
    setting = f"{modality}.stamp_policy: {cure}" if cure else f"{modality}.offset_s"
    return f"its stamps are {abs(heard.delay_ns) / NS:.3f} s {way} the clock; set {setting}"
