"""Puts a sensor's stamps on the consumer's clock, whatever clock the sensor's driver has.

What comes in shows how far the two clocks are apart: the least time from stamp to receipt within
the last `_WINDOW_S` is the clocks' offset and the shortest way here. Four policies use it or not:

- `stamp`: the stamp counts. A stamp of zero or in the future says nothing: the time of receipt is
  taken and the frame counted as restamped. So it is for a sensor that shares the clock (default).
- `reject`: the stamp counts, and a message whose stamp is zero or in the future is refused.
- `receive`: the time of receipt counts, always.
- `align`: the stamp counts, moved by the offset. `_WAY_S` (10 ms) of the least delay is taken for
  the way here: a sensor in sync keeps its stamps if its least delay is no longer, and one that is
  off ends up within 10 ms of the truth where the way takes 0 to 20 ms. Drift of 200 ppm costs 1 ms.
  A stamp of zero becomes the time of receipt less 10 ms.
  A jump ahead is followed at once; one back by `_JUMP_S` or more when it lasted for `_SURE_S` (a
  message that was held up looks the same); a smaller one when the window is over.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from dataclasses import dataclass
from statistics import median

from pta_ros.clock import NS, to_ns
from pta_ros.fusion.config import StreamConfig

_WINDOW_S = 5.0
_WAY_S = 0.01
_JUMP_S = 0.2
_SURE_S = 0.5
_SURE_MESSAGES = 3
#: Clocks farther apart are not explained by a slow way.
FAR_S = 1.0
#: Stamps before 2000-01-01 count from the sensor's start, where the consumer lives later.
_EPOCH_NS = 946_684_800 * NS


@dataclass(frozen=True, slots=True)
class Placed:
    """A stamp on the consumer's clock (ns); `why` it is ruled out (empty: it is not)."""

    stamp_ns: int
    why: str = ""


class SensorClock:
    """The clock of one sensor as seen from its messages; not thread-safe."""

    def __init__(self, modality: str, config: StreamConfig) -> None:
        #: Messages whose stamp was replaced by the time of receipt, or moved by `align`.
        self.restamped = 0
        self._modality, self._config = modality, config
        self._offset_ns = to_ns(config.offset_s)
        self.forget()

    def forget(self) -> None:
        """Begin anew, as after a jump of the consumer's clock."""
        self._delays: deque[tuple[int, int]] = deque()  # receipt, delay; both rising
        self._doubtful: list[tuple[int, int]] = []  # in a row, far later than those before
        self._before_ns: int | None = None  # the offset before a jump ahead
        self._raw_ns = 0
        #: Why the last stamp was of no use, though the policy takes the message; may be empty.
        self.remark = ""

    @property
    def behind_ns(self) -> int | None:
        """How far the sensor's clock is behind (ns), with the shortest way here; None: unknown."""
        return self._delays[0][1] if self._delays else None

    def late(self) -> str:
        """What makes the sensor's messages too old when they come, in words; empty: not known."""
        behind = self.behind_ns
        if behind is None or behind < to_ns(_JUMP_S) or self._config.stamp_policy == "align":
            return ""
        told = apart(self._modality, behind, is_from_start(self._raw_ns, behind))
        if behind > to_ns(FAR_S):
            return told
        return f"stamps are {behind / NS:.2f} s old when they come; a slow link, or {told}"

    def place(self, raw_ns: int, now_ns: int) -> Placed:
        """Where a message of this stamp that came in at `now_ns` belongs.

        While the consumer's clock stands at zero nothing belongs anywhere.
        """
        if now_ns <= 0:
            return Placed(raw_ns, "it is no time yet (use_sim_time without /clock?)")
        if raw_ns > 0 and raw_ns != self._raw_ns:  # a stamp again says nothing of the clock
            self._learn(raw_ns, now_ns)
        if self._config.stamp_policy == "receive":
            return self._received(now_ns)
        if self._config.stamp_policy == "align":
            return self._aligned(raw_ns, now_ns)
        stamp_ns = raw_ns + self._offset_ns
        self.remark = self._fault(raw_ns, stamp_ns - now_ns)
        if not self.remark:
            return Placed(stamp_ns)
        if self._config.stamp_policy == "reject":
            return Placed(stamp_ns, self.remark)
        self.restamped += 1
        return Placed(now_ns)

    def _fault(self, raw_ns: int, ahead_ns: int) -> str:
        """Why a stamp cannot be a moment that was, with the remedy; empty if it can."""
        if raw_ns > 0 and ahead_ns <= to_ns(self._config.future_tolerance_s):
            return ""
        ahead = f"stamps lie {ahead_ns / NS:.3f} s in the future"
        return f"{ahead if raw_ns > 0 else 'stamps are zero'}: {remedy(self._modality)}"

    def _received(self, now_ns: int) -> Placed:
        """The time of receipt; never ahead of it, whatever is added."""
        self.restamped += 1
        return Placed(now_ns + min(self._offset_ns, 0))

    def _aligned(self, raw_ns: int, now_ns: int) -> Placed:
        least, way = self.behind_ns or 0, to_ns(_WAY_S)
        if raw_ns <= 0:
            return self._received(now_ns - way)
        moved = max(0, least - way) if least >= 0 else max(2 * least, least - way)
        self.restamped += moved != 0
        return Placed(min(raw_ns + moved + self._offset_ns, now_ns))

    def _learn(self, raw_ns: int, now_ns: int) -> None:
        """Take one message's delay into the window of the least ones, or start a new window."""
        self._raw_ns, delay = raw_ns, now_ns - raw_ns
        least = self.behind_ns
        if least is None or abs(delay - least) < to_ns(_JUMP_S):
            self._doubtful.clear()
        elif delay < least:
            self._begin(least)
        elif self._before_ns is not None and abs(delay - self._before_ns) < to_ns(_JUMP_S):
            self._begin(None)  # a jump ahead that is over
        else:
            self._doubtful.append((now_ns, delay))
            if not self._is_sure():
                return
            late = self._doubtful
            self._begin(None)
            for entry in late:
                self._keep(*entry)
        self._keep(now_ns, delay)

    def _begin(self, before_ns: int | None) -> None:
        """Forget the delays of a clock that jumped."""
        self._delays.clear()
        self._doubtful, self._before_ns = [], before_ns

    def _is_sure(self) -> bool:
        """Whether so many messages over so long came late that it is the clock."""
        lasted_ns = self._doubtful[-1][0] - self._doubtful[0][0]
        return len(self._doubtful) >= _SURE_MESSAGES and lasted_ns >= to_ns(_SURE_S)

    def _keep(self, now_ns: int, delay: int) -> None:
        while self._delays and self._delays[-1][1] >= delay:
            self._delays.pop()
        self._delays.append((now_ns, delay))
        while self._delays[0][0] < now_ns - to_ns(_WINDOW_S):
            self._delays.popleft()


def is_from_start(raw_ns: int, behind_ns: int) -> bool:
    """Whether a stamp so far behind looks like a time since the sensor's start."""
    return raw_ns < _EPOCH_NS < raw_ns + behind_ns


def remedy(modality: str) -> str:
    """The settings that cure a wrong clock, in words."""
    return f"set {modality}.stamp_policy to align, or receive"


def apart(modality: str, behind_ns: int, from_start: bool = False) -> str:
    """That a clock is so far behind (negative: ahead), and what cures it, in words."""
    way = "behind" if behind_ns > 0 else "ahead"
    guess = " (stamps since boot?)" if from_start else ""
    return f"its clock is {abs(behind_ns) / NS:.1f} s {way}{guess}: {remedy(modality)}"


def shared_ns(offsets_ns: Collection[int]) -> int:
    """The offset (ns) of the clock that most of several topics have; 0 of none.

    Topics within `FAR_S` of each other have one clock. That of the most topics counts, of equally
    many the one with the least offset.
    """
    groups = [[g for g in offsets_ns if abs(g - one) <= to_ns(FAR_S)] for one in offsets_ns]
    chosen = min(groups, key=lambda group: (-len(group), abs(median(group))), default=[0])
    return int(median(chosen))
