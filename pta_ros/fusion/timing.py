"""When one stream's frames come: its period and usual delay, and so which instants they are of."""

from __future__ import annotations

from collections import deque
from statistics import median
from typing import NamedTuple

from pta_ros.clock import to_ns
from pta_ros.fusion.config import StreamConfig
from pta_ros.fusion.stamps import RateMeter

#: A frame counts for so many of its sensor's periods: until the next one, or the one after.
_JOINS = 1.5
#: Where a gap is longer than so many periods, frames come in bursts, or several were lost.
_BURSTS = 3.0
#: The usual delay is the median of so many.
_DELAYS = 20


class Due(NamedTuple):
    """A frame to come: its stamp and when it usually arrives, ns."""

    stamp_ns: int
    arrival_ns: int


class Timing:
    """Usable frames in time, ns on the stream's clock; `rate` says how often they come."""

    def __init__(self, config: StreamConfig, rate: RateMeter) -> None:
        self.rate = rate
        self._most_ns = to_ns(config.sync_tolerance_s)
        self.forget()

    def forget(self) -> None:
        """Start over; the rate has its own restart."""
        #: Stamp of the newest frame; None: none came.
        self.newest_ns: int | None = None
        self._delays_ns: deque[int] = deque(maxlen=_DELAYS)

    def add(self, stamp_ns: int, now_ns: int, unusable: int) -> bool:
        """Note a frame, `unusable` messages after the one before; False: it advances nothing."""
        self.rate.add(stamp_ns, unusable)
        self._delays_ns.append(now_ns - stamp_ns)
        if self.newest_ns is not None and stamp_ns < self.newest_ns:
            return False
        self.newest_ns = stamp_ns
        return True

    def due(self, t_ns: int) -> Due | None:
        """The frame to come that lies nearest to `t_ns`; None while no regular period is known."""
        period_ns = self.rate.period_ns
        if (
            self.newest_ns is None
            or not period_ns
            or self.rate.longest_gap_ns > _BURSTS * period_ns
        ):
            return None
        count = max(1, round((t_ns - self.newest_ns) / period_ns))
        stamp_ns = self.newest_ns + round(count * period_ns)
        return Due(stamp_ns, stamp_ns + round(median(self._delays_ns)))

    def missed_two(self, now_ns: int) -> bool:
        """Whether two of its frames should have come by now and did not; False: not known."""
        period_ns = self.rate.period_ns
        if self.newest_ns is None or not period_ns:
            return False
        return now_ns > self.newest_ns + 2 * period_ns + median(self._delays_ns)

    @property
    def tolerance_ns(self) -> int:
        """So far from an instant a frame may lie: `sync_tolerance_s`, of a fast sensor less.

        A frame counts until the next is due; where they come in bursts, until the next burst.
        """
        period_ns = self.rate.period_ns
        if not period_ns:
            return self._most_ns
        return min(self._most_ns, round(max(_JOINS * period_ns, self.rate.longest_gap_ns)))

    def fits(self, t_ns: int) -> bool:
        """Whether the newest frame may be used at `t_ns`."""
        return self.newest_ns is not None and abs(t_ns - self.newest_ns) <= self.tolerance_ns

    def lag(self, t_ns: int) -> float:
        """How far the newest frame lies before `t_ns`, in periods, which must be known.

        From a half on the next frame will lie nearer.
        """
        assert self.newest_ns is not None
        return (t_ns - self.newest_ns) / self.rate.period_ns
