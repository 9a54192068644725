"""People over time behind a pipeline: who is published where, whom to trust, when to predict.

Times as in pipeline.py. Not thread-safe.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import replace
from statistics import median

import numpy as np
from numpy.typing import NDArray

from pta_ros.clock import to_ns
from pta_ros.frames import Estimate, Frame, Person, Sample, Track
from pta_ros.fusion.config import TracksConfig
from pta_ros.fusion.prediction import Prediction
from pta_ros.tracks.consistency import Consistency
from pta_ros.tracks.tracker import Tracker

#: Time between estimates while it is not known, and the least that predictions have, ns.
_PERIOD_NS, _LEAST_NS = to_ns(0.1), to_ns(0.01)
#: A search of people is off by so much, along each axis.
_SURE_M = 0.05


class Follower:
    """Follows people from estimate to estimate.

    `crowd`: any number of people, else the one who is always there. A person is published from the
    second estimate on; the one person of the other models from the first, as the model says.
    """

    def __init__(self, config: TracksConfig, modalities: Sequence[str], crowd: bool) -> None:
        self.config, self._crowd = config, crowd
        self._tracker = Tracker(config.tracker(crowd), modalities)
        self._consistency = Consistency(modalities)
        self.consistency = config.consistency
        self.enabled = config.enabled
        self._forget()

    def _forget(self) -> None:
        self._judged: dict[str, Frame] = {}  # the last frame of each modality that was
        self._out: dict[str, str] = {}  # why a modality is left out
        self._gaps: deque[int] = deque(maxlen=9)  # between the last instants
        self._instant_ns: int | None = None  # the last one, and when it was told
        self._told_ns = self._predicted = 0  # and how many predictions followed
        self._shown_ns: int | None = None  # the newest stamp that was published

    def reset(self) -> None:
        """Start over, as after a jump of the clock; numbers are not given again."""
        self._tracker.reset()
        self._consistency.reset()
        self._forget()

    @property
    def history_ns(self) -> int:
        """A frame so late is still of use; 0: none."""
        return to_ns(self.config.history_s) if self.enabled else 0

    def enable(self, enabled: bool) -> None:
        """Switch it on or off; it starts over."""
        if enabled != self.enabled:
            self.reset()
        self.enabled = enabled

    # -- whom to trust ----------------------------------------------------------------------

    def watch(self, consistency: bool) -> None:
        """Judge the sensors or not, from now on; it starts over."""
        if consistency != self.consistency:
            self._consistency.reset()
            self._judged, self._out = {}, {}
        self.consistency = consistency

    @property
    def wants_alone(self) -> bool:
        """Whether predictions must say what each modality shows alone."""
        return self.enabled and self.consistency

    def reason(self, modality: str) -> str:
        """Why a modality is left out now; empty: it is not."""
        return self._out.get(modality, "")

    def trusted(self, sample: Sample, alone: Mapping[str, tuple[Person, ...]]) -> frozenset[str]:
        """Which modalities of a sample may be used; perhaps none.

        Each frame is judged once; a modality whose last one is in the sample again stays as it is.
        """
        told = {
            m: frame
            for m, frame in sample.frames.items()
            if m in alone and frame is not self._judged.get(m)
        }
        if not self.wants_alone:
            self._out = {}
        elif told:
            self._judge(sample.stamp_ns, told, alone)
        return frozenset(sample.frames) - self._out.keys()

    def _judge(
        self,
        stamp_ns: int,
        told: Mapping[str, Frame],
        alone: Mapping[str, tuple[Person, ...]],
    ) -> None:
        tracks = {m: self._tracker.at(frame.stamp_ns) for m, frame in told.items()}
        if not any(tracks.values()):  # nobody who could be contradicted
            self._consistency.reset()
        self._consistency.judge(stamp_ns, {m: alone[m] for m in told}, tracks)
        self._judged |= told
        verdicts = self._consistency.verdicts()
        self._out = {m: verdict.reason for m, verdict in verdicts.items() if not verdict.trusted}

    # -- who is where -----------------------------------------------------------------------

    def expected(self, stamp_ns: int) -> NDArray[np.float64]:
        """Centres (K, 3) of those whose place at a stamp is known better than a search tells."""
        tracks = self._tracker.at(stamp_ns) if self.enabled and self._crowd else ()
        sure = [track.centre for track in tracks if track.centre_deviation_m <= _SURE_M]
        return np.array(sure, np.float64).reshape(-1, 3)

    def follow(
        self, raw: Estimate, sample: Sample, prediction: Prediction, now_ns: int
    ) -> Estimate | None:
        """The estimate of a sample after what it shows is taken in: nothing without weights.

        Of a late one: what it corrects, at the newest stamp; None: there is nothing to correct.
        """
        if not sample.late:
            self._note(sample.stamp_ns, now_ns)
        if not prediction.weights:
            return self._shown(raw, sample.stamp_ns, now_ns, keep=False)
        self._tracker.update(sample.stamp_ns, prediction.everybody())
        newest = self._tracker.newest_ns or sample.stamp_ns
        return self._shown(raw, newest, now_ns, keep=not sample.late)

    def _shown(self, raw: Estimate, stamp_ns: int, now_ns: int, keep: bool) -> Estimate | None:
        """`raw` with the people at a stamp; without any of them itself if it is to be kept."""
        ahead_ns = to_ns(self.config.predict_ahead_s)
        least_ns = max(stamp_ns, self._shown_ns or stamp_ns)  # stamps never go back
        wanted = max(least_ns, now_ns + ahead_ns) if ahead_ns else least_ns
        found = [t for t in self._tracker.at(stamp_ns, wanted - stamp_ns) if self._is_shown(t)]
        if not found and not (keep or (self._crowd and not raw.predicted)):
            return None
        if not found and not self._crowd:  # nobody is sure yet
            self._shown_ns = least_ns
            return replace(raw, stamp_ns=least_ns)
        self._shown_ns = wanted
        return (_crowd if self._crowd else _one)(replace(raw, stamp_ns=wanted), found)

    def _is_shown(self, track: Track) -> bool:
        """Whether sensors have not looked for too long without showing the person."""
        seen_ns, newest = track.stamp_ns - to_ns(track.unseen_s), self._tracker.newest_ns
        return newest is None or newest - seen_ns <= to_ns(self.config.hide_after_s)

    # -- when nothing comes -----------------------------------------------------------------

    def _note(self, stamp_ns: int, now_ns: int) -> None:
        if self._instant_ns is not None:
            self._gaps.append(stamp_ns - self._instant_ns)
        self._instant_ns, self._told_ns, self._predicted = stamp_ns, now_ns, 0

    @property
    def _period_ns(self) -> int:
        """Time between estimates."""
        return max(_LEAST_NS, int(median(self._gaps))) if len(self._gaps) > 1 else _PERIOD_NS

    @property
    def due_ns(self) -> int | None:
        """When the next prediction is due; None: never. An estimate may be a period late."""
        if self._instant_ns is None or not self.enabled:
            return None
        return self._told_ns + (self._predicted + 2) * self._period_ns

    def predict(self, now_ns: int) -> Estimate | None:
        """Where everybody is expected, at the last estimates' rate; None: not due, or nobody."""
        if self._instant_ns is None or self.due_ns is None or now_ns < self.due_ns:
            return None
        self._predicted = max(1, (now_ns - self._told_ns) // self._period_ns - 1)
        stamp_ns = self._instant_ns + self._predicted * self._period_ns
        estimate = self._shown(_nothing(stamp_ns), stamp_ns, now_ns, keep=False)
        if estimate is None:
            self._instant_ns = None  # the end, until the next estimate
            self._gaps.clear()
        return estimate


def _nothing(stamp_ns: int) -> Estimate:
    return Estimate(stamp_ns, np.zeros((0, 3), np.float32), np.zeros(0, np.float32), {}, {})


def _one(raw: Estimate, tracks: Sequence[Track]) -> Estimate:
    """The one person: of several tracks, after a jump, whom was seen last, and is new."""
    track = min(tracks, key=lambda t: (t.unseen_s, t.age_s))
    return _led_by(track, replace(raw, tracks=(track,)))


def _crowd(raw: Estimate, tracks: Sequence[Track]) -> Estimate:
    """Everybody, the nearest first."""
    ordered = tuple(sorted(tracks, key=lambda t: float(np.hypot(*t.centre[:2]))))
    told = replace(raw, tracks=ordered, people=tuple(track.person for track in ordered))
    if not ordered:
        return replace(told, joints_m=np.zeros((0, 3), np.float32), std_m=np.zeros(0, np.float32))
    return _led_by(ordered[0], told)


def _led_by(track: Track, estimate: Estimate) -> Estimate:
    joints, deviation = track.joints.astype(np.float32), track.deviation_m.astype(np.float32)
    return replace(estimate, joints_m=joints, std_m=deviation)
