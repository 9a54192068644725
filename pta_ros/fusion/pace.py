"""Which streams set the pace of estimates, and how long an instant waits for the others.

A fast poor sensor alone would fill the time between a better one's frames with poor estimates that
jump. So instants are those of streams that lead: whose weight in the model is not far below the
best one's among those that are LIVE. Times as in pipeline.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from pta_ros.clock import NS, to_ns
from pta_ros.fusion.streams import Stream

#: Streams with so much of the best one's weight lead, too.
_LEADS = 0.4
#: What is new is good enough up to so much of a period's age: half would be nearest, but streams of
#: one rate would then wait for one another in turn.
_LAGS = 0.75
#: Instants may come so much of their period earlier than the asked rate says: stamps jitter.
_EARLY = 0.2


class Instant(NamedTuple):
    """The next instant: whose frame sets it, its stamp, and when it was noticed, ns."""

    lead: str
    stamp_ns: int
    since_ns: int


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

    def leading(self, live: Mapping[str, Stream], now_ns: int) -> list[str]:
        """Which of the streams that are `live` set instants.

        One that has missed two of its frames bars no other; one lost frame is bridged by tracks.
        """
        wait_ns = to_ns(self.max_wait_s)
        sound = [m for m, s in live.items() if not s.timing.missed_two(now_ns - wait_ns)]
        best = max(map(self.weight, sound), default=0.0)
        return [m for m in live if self.weight(m) >= _LEADS * best]

    def next_allowed_ns(self, allowed_ns: float, instant_ns: int) -> float:
        """From when on an instant may follow `instant_ns`, which was allowed from `allowed_ns` on.

        On a grid, so that early ones do not add up to a higher rate.
        """
        if not self.rate_hz:
            return instant_ns + 1
        period_ns = NS / self.rate_hz
        early_ns = _EARLY * period_ns
        return max(allowed_ns + period_ns, instant_ns + period_ns - early_ns)

    def until_ns(self, wanted: Instant, other: Stream, has_new: bool) -> int:
        """How long an instant waits for a frame of another stream.

        For a better one whose next frame belongs to this instant until that is overdue: the
        instant is the better one's. For another whose next frame will lie nearer than the one it
        has, where that usually comes within `max_wait_s`. `has_new`: the other has a frame that was
        in no instant.
        """
        timing, wait_ns = other.timing, to_ns(self.max_wait_s)
        since_ns, t_ns = wanted.since_ns, wanted.stamp_ns
        if timing.missed_two(since_ns - wait_ns):
            return since_ns
        due = timing.due(t_ns)
        if due is None:  # its period is not known
            return since_ns if has_new and timing.fits(t_ns) else since_ns + wait_ns
        better = self.weight(other.modality) > self.weight(wanted.lead) and not has_new
        belongs = max(abs(due.stamp_ns - t_ns), due.arrival_ns - t_ns) <= timing.tolerance_ns
        nearer = timing.lag(t_ns) > (_LAGS if has_new else 0.5)
        if (better and belongs) or (nearer and due.arrival_ns <= since_ns + wait_ns):
            return max(due.arrival_ns, since_ns) + wait_ns
        return since_ns
