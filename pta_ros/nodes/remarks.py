"""What is wrong with one stream, in words with remedies: the text of its diagnostic status."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from pta_ros.clock import NS
from pta_ros.frames import StreamState, StreamStatus
from pta_ros.nodes.graph import UNSEEN, Seen

#: States that are as they should be.
QUIET = (StreamState.LIVE, StreamState.DISABLED, StreamState.EMPTY)

_WINDOW_NS = 5 * NS
_SHARE = 0.05
_UNUSED_AFTER_NS = 3 * NS
_LOSS_ADVICE = "give the middleware larger buffers (config/fastdds.xml) or a less loaded link"
_REFUSED = {
    "stamps do not advance": (
        "messages come twice, or its clock stands still: set {}.stamp_policy to receive"
    ),
    "content repeats": "restart its driver; {}.freeze_frames 0 allows repeats",
}


@dataclass(frozen=True)
class Recent:
    """A stream's messages within the last seconds: counts, and how long they were counted (ns)."""

    received: int
    used: int
    lost: int
    restamped: int
    refused: int
    lasted_ns: int

    def share(self, count: int) -> float:
        """The share of the messages that came."""
        return count / self.received if count > 0 and self.received > 0 else 0.0

    @property
    def lost_share(self) -> float:
        """The share of the messages that were sent."""
        return self.lost / (self.lost + self.received) if self.lost > 0 else 0.0


@dataclass
class Counts:
    """Counters of streams over the last five seconds.

    Of lost messages there are two witnesses, of which the one that saw more counts: gaps in the
    stamps (StreamStatus.lost), and `middleware`, the total that the middleware reports.
    """

    middleware: dict[str, int] = field(default_factory=dict)
    _history: dict[str, deque[tuple[int, ...]]] = field(default_factory=dict)

    def recent(self, status: StreamStatus, now_ns: int) -> Recent:
        """Note the stream's counters; what came since the window began."""
        history = self._history.setdefault(status.modality, deque())
        if history and (now_ns < history[-1][-1] or status.received < history[-1][0]):
            history.clear()  # the clock went back, or the stream began anew
        lost = max(status.lost, self.middleware.get(status.modality, 0))
        counts = (status.received, status.used, lost, status.restamped, status.refused)
        history.append((*counts, now_ns))
        while now_ns - history[0][-1] > _WINDOW_NS:
            history.popleft()
        return Recent(*(now - then for now, then in zip(history[-1], history[0], strict=True)))


def remarks(status: StreamStatus, recent: Recent, seen: Seen = UNSEEN, note: str = "") -> list[str]:
    """What is wrong with a stream; `note` is a standing one on its connection."""
    live = status.state is StreamState.LIVE
    quiet = status.state in QUIET
    found = [
        "" if quiet else f"{status.state.name}: {status.reason or 'nothing is known of it'}",
        f"left out: it {status.reason}" if live and status.reason else "",
        seen.wrong,
        "" if seen.publishers > 1 else _loss(recent),
        _restamped(status, recent),
        _refused(status, recent) if live else "",
        _unused(status, recent) if live else "",
        "" if live else note,
        "" if quiet else seen.absent,
    ]
    return [text for text in found if text]


def seen_in_words(people: int | None) -> str:
    """How many people the last estimate told; empty of a model that counts none."""
    if people is None:
        return ""
    said = {0: "nobody is seen", 1: "one person"}
    return f": {said.get(people, f'{people} people')}"


def _loss(recent: Recent) -> str:
    if recent.lost_share <= _SHARE:
        return ""
    return f"{recent.lost_share:.0%} of its messages are lost on the way: {_LOSS_ADVICE}"


def _restamped(status: StreamStatus, recent: Recent) -> str:
    share = recent.share(recent.restamped)
    if not status.remark or share <= _SHARE:
        return ""
    return f"{share:.0%} of its frames are given the time of receipt: {status.remark}"


def _refused(status: StreamStatus, recent: Recent) -> str:
    share = recent.share(recent.refused)
    if not status.refusal or share <= _SHARE:
        return ""
    remedy = _REFUSED.get(status.refusal, "").format(status.modality)
    said = ": ".join(filter(None, (status.refusal, remedy)))
    return f"{share:.0%} of its messages are refused: {said}"


def _unused(status: StreamStatus, recent: Recent) -> str:
    """That a LIVE stream's frames are in no estimate: they are never near enough in time."""
    waited = recent.lasted_ns >= _UNUSED_AFTER_NS and recent.received - recent.refused > 2
    if recent.used or not waited:
        return ""
    return (
        f"none of its frames was used for {recent.lasted_ns / NS:.0f} s: their stamps are not near "
        f"those of other sensors ({status.behind_s:.3f} s old when they come); set "
        f"{status.modality}.stamp_policy to align, or raise {status.modality}.sync_tolerance_s"
    )
