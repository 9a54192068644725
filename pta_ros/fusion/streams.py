"""One sensor stream: keeps its last frames and judges whether they may be used.

States and their changes (ages and waits are by the clock that the caller passes in):
- MISSING -> LIVE at the first good frame, so that start-up is quick.
- LIVE -> STALE when the newest usable stamp is older than the stale limit: `stale_after_s`, or a
  few of the sensor's own periods where it is slow. Repeats of old stamps do not refresh it, so a
  frozen sensor that resends its last message goes STALE.
- any -> CORRUPT at the first message that failed its check, and at the `freeze_frames`-th frame
  in a row whose content is bit for bit that of the frame before it (a real sensor has noise).
- any -> EMPTY at a message in which the sensor sees nobody: it works, its message is dropped, and
  it is LIVE again at the first good frame, unless it was STALE or CORRUPT and has not recovered.
- STALE or CORRUPT -> LIVE after `recover_frames` good frames in a row, without a wait longer than
  the stale limit between them.
- CORRUPT or EMPTY -> STALE when no message at all came for the stale limit: the sensor is silent
  now; the reason keeps what it said last.
- A clock that goes back resets to MISSING. An old stamp under a steady clock is a late frame.

Counters add up at any time: received = used + dropped + corrupt + waiting.
"""

from __future__ import annotations

import math
from dataclasses import replace

from pta_ros.clock import NS, to_ns
from pta_ros.errors import NobodySeen
from pta_ros.frames import Frame, StreamState, StreamStatus
from pta_ros.fusion.buffer import FrameBuffer
from pta_ros.fusion.clocks import SensorClock
from pta_ros.fusion.config import StreamConfig
from pta_ros.fusion.stamps import PATIENCE, ClockWatch, FreezeRule, RateMeter
from pta_ros.fusion.timing import Timing

__all__ = ["Stream", "StreamConfig"]


class Stream:
    """Health, time and bookkeeping of one modality. Not thread-safe: the caller serialises calls.

    Every method takes the caller's clock `now_ns` (ns, the clock of the stamps). Frames' arrays
    are kept by reference and must not be changed afterwards.
    """

    def __init__(self, modality: str, config: StreamConfig, patience: float = PATIENCE) -> None:
        """`patience`: so many of its own periods it may be silent, `stale_after_s` at least."""
        self.modality = modality
        self.config = config
        self._freeze = FreezeRule(config)
        self._enabled = config.enabled
        self._received = self._dropped = self._corrupt = 0
        self._refused, self._refusal = 0, ""  # why the last message was refused
        self._clock = ClockWatch()
        self._sensor_clock = SensorClock(modality, config)
        #: When its frames come.
        self.timing = Timing(config, RateMeter(to_ns(config.stale_after_s), patience))
        #: Its `take`s and `settle` use frames that `nearest` and `late` gave.
        self.buffer = FrameBuffer(config.history)
        self._forget()

    def _forget(self) -> None:
        self._state = StreamState.MISSING
        self.timing.forget()
        self._heard_ns = 0  # when the last message came, usable or not
        self._raw_ns = 0  # the sensor's own stamp on the frame before
        self._sensor_clock.forget()
        self._freeze.forget()
        self._good_run = self._unusable = 0
        self._ailing = False  # since it was STALE or CORRUPT, until enough good frames came
        self._note = ""  # why the last message was of no use

    # -- messages in ------------------------------------------------------------------------

    def push(self, frame: Frame, now_ns: int) -> bool:
        """Take one decoded frame; True when it may be used, else it was counted out."""
        self._hear(now_ns)
        placed = self._placed(frame, now_ns) if self._enabled else None
        if placed is None:
            self._dropped += 1
            return False
        if self._freeze.add(placed.array):
            self._note_repeat()
            return False
        self._accept(placed, now_ns)
        return True

    def reject(self, error: Exception, now_ns: int) -> None:
        """Take note of one message that failed to decode or its check, or shows nobody."""
        self._hear(now_ns)
        if isinstance(error, NobodySeen):
            self._mark_empty(error)
        else:
            self._mark_corrupt(str(error))

    def _hear(self, now_ns: int) -> None:
        self._tick(now_ns)
        self._heard_ns = now_ns
        self._received += 1
        self._unusable += 1  # until it is accepted

    def _placed(self, frame: Frame, now_ns: int) -> Frame | None:
        """The frame with its stamp on the common clock; None when the stamp rules it out."""
        placed = self._sensor_clock.place(frame.stamp_ns, now_ns)
        counts = self.config.stamp_policy != "receive"
        again = counts and 0 < frame.stamp_ns == self._raw_ns
        if placed.why or again or not self.buffer.admits(placed.stamp_ns):
            self._refuse(placed.why or "stamps do not advance")
            return None
        self._raw_ns = frame.stamp_ns
        return replace(frame, stamp_ns=placed.stamp_ns)

    def _note_repeat(self) -> None:
        """Count a frame that repeats the one before it: dropped at first, corrupt from then on."""
        if self._freeze.reason:
            self._mark_corrupt(self._freeze.reason)
        else:
            self._dropped += 1
            self._good_run = 0
            self._refuse("content repeats")

    def _refuse(self, why: str) -> None:
        self._refused += 1
        self._note = self._refusal = why

    def _mark_empty(self, error: NobodySeen) -> None:
        self._dropped += 1
        self._good_run = 0
        if self._enabled:
            self._state = StreamState.EMPTY
            self._note = f"{error.reason} ({error.expected})"
            self.buffer.clear()

    def _mark_corrupt(self, reason: str) -> None:
        self._corrupt += 1
        self._good_run = 0
        if self._enabled:
            self._state, self._ailing = StreamState.CORRUPT, True
            self._note = reason
            self.buffer.clear()

    def _accept(self, frame: Frame, now_ns: int) -> None:
        """Keep a good frame; one that advances time counts towards LIVE.

        Whether it was old on arrival shows at the next `_tick`, with which every question begins.
        """
        self.buffer.add(frame)
        advances = self.timing.add(frame.stamp_ns, now_ns, self._unusable - 1)
        self._unusable = 0
        if not advances:
            return
        self._good_run += 1
        if not self._ailing or self._good_run >= self.config.recover_frames:
            self._state, self._ailing = StreamState.LIVE, False
            self._note = ""

    # -- health -----------------------------------------------------------------------------

    def _tick(self, now_ns: int) -> None:
        """Let time pass: a clock that jumped back, frames that grew old, a silent sensor."""
        if self._clock.went_back(now_ns):
            self.reset()
        limit_ns = self.timing.rate.limit_ns
        if self.timing.newest_ns is not None and now_ns - self.timing.newest_ns > limit_ns:
            self._good_run = 0
            if self._state is StreamState.LIVE:
                self._state, self._ailing = StreamState.STALE, True
                self.buffer.clear()
        heard_of = self._state in (StreamState.CORRUPT, StreamState.EMPTY)
        if heard_of and now_ns - self._heard_ns > limit_ns:
            self._state, self._ailing = StreamState.STALE, True

    def reset(self) -> None:
        """Start over, as after a jump of the clock; the counters stay."""
        self.buffer.restart()
        self.timing.rate.restart()
        self._forget()

    def enable(self, enabled: bool) -> None:
        """Switch the stream on (it starts over) or off (its messages are counted dropped)."""
        if enabled != self._enabled:
            self.reset()
        self._enabled = enabled

    def status(self, now_ns: int) -> StreamStatus:
        """State, age, rate, counters and reason at `now_ns`; `weight` is the pipeline's to fill."""
        self._tick(now_ns)
        newest, behind_ns = self.timing.newest_ns, self._sensor_clock.behind_ns
        return StreamStatus(
            modality=self.modality,
            state=self._state if self._enabled else StreamState.DISABLED,
            age_s=math.inf if newest is None else max(0, now_ns - newest) / NS,
            rate_hz=self.timing.rate.rate_hz(now_ns),
            received=self._received,
            used=self.buffer.used,
            dropped=self._dropped + self.buffer.dropped,
            corrupt=self._corrupt,
            lost=self.timing.rate.lost,
            reason=self._reason(now_ns),
            restamped=self._sensor_clock.restamped,
            remark=self._sensor_clock.remark,
            refused=self._refused,
            refusal=self._refusal,
            behind_s=math.nan if behind_ns is None else behind_ns / NS,
            stale_limit_s=self.timing.rate.limit_ns / NS,
        )

    def _reason(self, now_ns: int) -> str:
        """Why the stream is not LIVE, in words."""
        if not self._enabled:
            return "disabled by the operator"
        if self._state is StreamState.LIVE:
            return ""
        said = {StreamState.MISSING: "no usable message yet", StreamState.STALE: "silent"}
        parts = [said.get(self._state, ""), self._note]
        if self._state is StreamState.STALE and self.timing.newest_ns is not None:
            old = f"no new frame for {(now_ns - self.timing.newest_ns) / NS:.2f} s"
            heard = now_ns - self._heard_ns <= self.timing.rate.limit_ns
            parts[0] = (heard and self._sensor_clock.late()) or old
        return ": ".join(part for part in parts if part)

    # -- frames out -------------------------------------------------------------------------

    def newest_ns(self, now_ns: int) -> int | None:
        """Stamp (ns) of the newest usable frame; None unless LIVE."""
        self._tick(now_ns)
        return self.timing.newest_ns if self._is_live() else None

    def nearest(self, t_ns: int, now_ns: int) -> Frame | None:
        """The frame nearest to `t_ns` within the tolerance; None unless LIVE."""
        self._tick(now_ns)
        return self.buffer.nearest(t_ns, self.timing.tolerance_ns) if self._is_live() else None

    def late(self, now_ns: int) -> Frame | None:
        """The newest of its frames that came after their instant; None unless LIVE."""
        self._tick(now_ns)
        return self.buffer.late if self._is_live() else None

    def _is_live(self) -> bool:
        return self._enabled and self._state is StreamState.LIVE
