"""Settings of one sensor stream."""

from __future__ import annotations

import math
from dataclasses import dataclass

from pta_ros.errors import ConfigError

STAMP_POLICIES = ("receive", "reject")


@dataclass(frozen=True)
class StreamConfig:
    """Settings of one stream; seconds and counts of frames.

    `offset_s` is added to the sensor's stamps (negative for a sensor that stamps late).
    `sync_tolerance_s`: how far a frame may lie from the instant that is estimated.
    `stamp_policy`: what becomes of zero stamps and of stamps further in the future than
    `future_tolerance_s`: use the time of `receive`, or `reject` the frame.
    `freeze_frames`: identical repeats until a stream counts as frozen; 0 allows repeats.
    Raises ConfigError for values that cannot work.
    """

    stale_after_s: float = 0.3
    sync_tolerance_s: float = 0.08
    offset_s: float = 0.0
    recover_frames: int = 2
    freeze_frames: int = 2
    history: int = 8
    future_tolerance_s: float = 0.1
    stamp_policy: str = "receive"
    enabled: bool = True

    def __post_init__(self) -> None:
        rules = (
            ("stale_after_s", self.stale_after_s > 0, "a positive number of seconds"),
            ("sync_tolerance_s", self.sync_tolerance_s >= 0, "zero or more seconds"),
            ("offset_s", math.isfinite(self.offset_s), "a finite number of seconds"),
            ("recover_frames", self.recover_frames >= 1, "at least 1 frame"),
            ("freeze_frames", self.freeze_frames >= 0, "0 (off) or more frames"),
            ("history", self.history >= 1, "at least 1 frame"),
            ("future_tolerance_s", self.future_tolerance_s >= 0, "zero or more seconds"),
            ("stamp_policy", self.stamp_policy in STAMP_POLICIES, "receive or reject"),
        )
        for name, valid, expected in rules:
            if not valid:
                raise ConfigError(f"stream {name} is {getattr(self, name)!r}; expected {expected}")
