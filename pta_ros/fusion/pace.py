"""Which streams set the pace of estimates, and how long an instant waits for the others.

A fast poor sensor alone would fill the time between a better one's frames with poor estimates that
jump. So instants are those of streams that lead: whose weight in the model is not far below the
best one's among those that are LIVE. Times as in pipeline.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pta_ros.clock import NS, to_ns
from pta_ros.fusion.streams import Stream

#: Streams with so much of the best one's weight lead, too.
_LEADS = 0.4
#: What is new is good enough up to so much of a period's age: half would be nearest, but streams of
#: one rate would then wait for one another in turn.
_LAGS = 0.75
#: Instants may come so much earlier than the asked rate says: stamps jitter.
_EARLY = 0.2


@dataclass(frozen=True)
class Pace:
    """`weights` by modality, as the model has learned them (equal for those that are not named).

    `rate_hz` limits instants, 0: nothing does. `max_wait_s`: so long after its usual time a frame
    is waited for.
    """

    weights: Mapping[str, float] = field(default_factory=dict)
    rate_hz: float = 0.0
    max_wait_s: float = 0.02

    def weight(self, modality: str) -> float:
        """How much a modality counts."""
        return self.weights.get(modality, 1.0)

    def leads(self, modality: str, live: Mapping[str, object]) -> bool:
        """Whether one of the streams that are `live` sets instants beside the others."""
        return self.weight(modality) >= _LEADS * max(map(self.weight, live))

    def may_follow(self, instant_ns: int, last_ns: int | None) -> bool:
        """Whether an instant may come after the last one."""
        if last_ns is None or not self.rate_hz:
            return last_ns is None or instant_ns > last_ns
        return instant_ns - last_ns >= (1 - _EARLY) * NS / self.rate_hz

    def until_ns(self, lead: str, t_ns: int, since_ns: int, other: Stream, has_new: bool) -> int:
        """How long an instant of the stream `lead` waits for a frame of another.

        For a better one whose next frame belongs to this instant until that is overdue: the
        instant is the better one's. For another whose next frame will lie nearer than the one it
        has, where that usually comes within `max_wait_s`. `since_ns`: when the instant was noticed;
        `has_new`: the other has a frame that was in no instant.
        """
        timing, wait_ns = other.timing, to_ns(self.max_wait_s)
        due = timing.due(t_ns)
        if due is None:  # its period is not known yet
            return since_ns if has_new and timing.fits(t_ns) else since_ns + wait_ns
        better = self.weight(other.modality) > self.weight(lead) and not has_new
        if better and abs(due.stamp_ns - t_ns) <= timing.tolerance_ns:
            return max(due.arrival_ns, since_ns) + wait_ns
        nearer = timing.lag(t_ns) > (_LAGS if has_new else 0.5)
        if nearer and due.arrival_ns <= since_ns + wait_ns:
            return max(due.arrival_ns, since_ns) + wait_ns
        return since_ns
