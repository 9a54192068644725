"""The rules of stamps and repeated contents that every stream keeps, of frames or of packets.

When a content counts as frozen, how fast messages come, how many were lost, how long a silence is
too long, and when the consumer's clock itself jumped back.
"""

from __future__ import annotations

from bisect import insort
from collections import deque
from statistics import median, median_low

from pta_ros.clock import NS, to_ns
from pta_ros.frames import FloatArray
from pta_ros.fusion.config import StreamConfig

#: A clock that goes back by more than this was set back or belongs to a looped recording; less is
#: two callers that read the clock before they waited for the same lock.
CLOCK_JUMP_S = 0.5
RATE_WINDOW_NS = 2 * NS
#: Share of a period that a stamp may come early or late before a gap counts as a lost frame:
#: a gap of 1.65 periods lost one frame, jitter of half a period lost none.
_GAP_SLACK = 0.35
_MIN_GAPS = 4
_SOME, _ALL = slice(None, None, 64), slice(None)
#: So many gaps in a row, all alike, are a new rate; by chance (half of all frames lost) so many
#: gaps of two periods come once in 65,000 frames.
_CHANGE_RUN = 8
#: Slower sensors are silent between their messages.
_LONGEST_PERIOD_NS = 2 * NS
#: So many of its own periods a sensor may be silent: one frame lost, and half a period late.
PATIENCE = 2.5


class ClockWatch:
    """Notices that the caller's clock jumped back (sim time restarted, bag looped, clock set)."""

    def __init__(self) -> None:
        self._latest_ns: int | None = None

    def went_back(self, now_ns: int) -> bool:
        """Record one reading (ns); True when it lies over CLOCK_JUMP_S before the latest one."""
        latest = self._latest_ns
        jumped = latest is not None and now_ns < latest - to_ns(CLOCK_JUMP_S)
        self._latest_ns = now_ns if jumped or latest is None else max(latest, now_ns)
        return jumped


class FreezeRule:
    """Counts repeats: a real sensor has noise, so the same bits again and again are no reading."""

    def __init__(self, config: StreamConfig) -> None:
        self._limit = config.freeze_frames
        self.forget()

    def forget(self) -> None:
        """Begin anew: the next content repeats nothing."""
        self._last: FloatArray | None = None
        self.repeats = 0

    def add(self, array: FloatArray) -> int:
        """How often this content has come again by now; always 0 where repeats are allowed."""
        last, self._last = self._last, array
        same = last is not None and last.shape == array.shape and _equal(last, array)
        self.repeats = self.repeats + 1 if same and self._limit else 0
        return self.repeats

    @property
    def reason(self) -> str:
        """Why the stream counts as frozen, in words; empty while it does not."""
        if not 0 < self._limit <= self.repeats:
            return ""
        return f"frozen: {self.repeats} messages repeat the content before them"


def _equal(one: FloatArray, other: FloatArray) -> bool:
    """Bit for bit; of arrays that differ a few rows show it as a rule."""
    return all(one[rows].tobytes() == other[rows].tobytes() for rows in (_SOME, _ALL))


class RateMeter:
    """Rate and losses of one stream, from the stamps (ns) of its usable frames.

    A gap of several median periods means that frames were lost on the way, unless unusable
    messages arrived in it (they account for the missing ones). Gaps over `limit_ns` are a silent
    sensor, which its STALE state reports, and no loss. Where gaps go on to be another length, each
    like the one before, the rate has changed and nothing was lost: loss strikes at random.

    The limit is `silence_ns`, or `patience` periods where that is longer: a slow sensor is not
    silent between its messages.
    """

    def __init__(self, silence_ns: int, patience: float = PATIENCE) -> None:
        self.lost = 0
        self._silence_ns, self._patience = silence_ns, patience
        self._stamps: list[int] = []
        self._gaps: deque[float] = deque(maxlen=20)
        self._losses: deque[int] = deque(maxlen=_CHANGE_RUN)  # within each of the last gaps
        #: The median gap between stamps; 0 while too few are known. Many ask between two frames.
        self.period_ns = 0.0

    @property
    def limit_ns(self) -> float:
        """Without a frame for so long the sensor is silent."""
        return max(self._silence_ns, self._patience * self.period_ns)

    def add(self, stamp_ns: int, unusable: int = 0) -> None:
        """Take one usable frame; `unusable` messages came since the one before it."""
        stamps = self._stamps
        if not stamps or stamp_ns > stamps[-1]:
            self._note_gap(stamp_ns, unusable)
        elif self.lost:
            self._found_again()
        self.period_ns = float(median(self._gaps)) if len(self._gaps) >= _MIN_GAPS else 0.0
        insort(stamps, stamp_ns)
        window_ns = self._window_ns
        while stamps[0] < stamps[-1] - window_ns:
            stamps.pop(0)

    def _found_again(self) -> None:
        """A frame that counted as lost was only late; the gap that it left is no sign of a rate."""
        self.lost -= 1
        lately = [i for i, missing in enumerate(self._losses) if missing]
        if lately:
            self._losses[lately[-1]] -= 1
        if lately and lately[-1] == len(self._losses) - 1 and self._gaps:
            self._gaps.pop()

    def _note_gap(self, stamp_ns: int, unusable: int) -> None:
        gap = stamp_ns - self._stamps[-1] if self._stamps else 0
        if not 0 < gap <= max(self._silence_ns, _LONGEST_PERIOD_NS):
            return
        missing = 0
        if (period_ns := self.period_ns) and gap <= self.limit_ns:
            missing = max(0, int(gap / period_ns + _GAP_SLACK) - 1 - unusable)
        self.lost += missing
        self._losses.append(missing)
        self._gaps.append(gap / (1 + unusable))
        self._follow()

    def _follow(self) -> None:
        """Take the newest gaps alone for the period where they are alike, and unlike it."""
        newest = list(self._gaps)[-_CHANGE_RUN:]
        period, usual = median_low(newest), median_low(self._gaps)
        alike = all(abs(gap / period - 1) <= _GAP_SLACK for gap in newest)
        if len(newest) < _CHANGE_RUN or not alike or abs(period / usual - 1) <= _GAP_SLACK:
            return
        self.lost = max(0, self.lost - sum(self._losses))
        self._losses.clear()
        self._gaps = deque(newest, self._gaps.maxlen)

    @property
    def longest_gap_ns(self) -> float:
        """The longest of the last gaps between stamps; 0: none is known."""
        return max(self._gaps, default=0.0)

    @property
    def _window_ns(self) -> float:
        return max(RATE_WINDOW_NS, 3 * self.period_ns)

    def rate_hz(self, now_ns: int) -> float:
        """Frames per second over the last 2 s of stamps (3 periods); falls while nothing comes."""
        begin_ns = now_ns - self._window_ns
        stamps = [s for s in self._stamps if s >= begin_ns]
        if len(stamps) < 2:
            return 0.0
        span, gaps = stamps[-1] - stamps[0], len(stamps) - 1
        waited = now_ns - stamps[0] - span / gaps
        return gaps * NS / max(span, waited)

    def restart(self) -> None:
        """Forget the stamps (the clock jumped), keep the count of lost frames."""
        self._stamps.clear()
        self._gaps.clear()
        self._losses.clear()
        self.period_ns = 0.0
