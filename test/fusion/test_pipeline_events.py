"""Random histories of messages, faults, polls and clock jumps against what must always hold."""

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from pta_ros.errors import DecodeError
from pta_ros.frames import Frame, StreamState
from pta_ros.fusion.config import STAMP_POLICIES, TracksConfig
from pta_ros.fusion.follow import Follower
from pta_ros.fusion.pipeline import FusionPipeline
from pta_ros.fusion.prediction import Prediction
from pta_ros.fusion.stamps import CLOCK_JUMP_S
from pta_ros.fusion.streams import Stream, StreamConfig

MS = 1_000_000
NAMES = ("depth", "lidar", "csi")
names = st.sampled_from(NAMES)


def estimate(sample):
    """Any sound prediction will do: what counts is when and from what it is made."""
    return Prediction(
        joints_m=np.zeros((17, 3), np.float32),
        std_m=np.ones(17, np.float32),
        weights=dict.fromkeys(sample.frames, 1 / len(sample.frames)),
    )


class Events(RuleBasedStateMachine):
    """The clock runs in ms; each frame's array holds a serial number of its own."""

    @initialize(
        recover=st.integers(1, 3),
        freeze=st.integers(0, 3),
        history=st.integers(1, 8),
        policy=st.sampled_from(STAMP_POLICIES),
        followed=st.booleans(),
    )
    def start(self, recover, freeze, history, policy, followed):
        self.config = StreamConfig(
            recover_frames=recover, freeze_frames=freeze, history=history, stamp_policy=policy
        )
        streams = {name: Stream(name, self.config) for name in NAMES}
        tracks = TracksConfig()
        self.late_s = tracks.history_s if followed else 0.0
        follower = Follower(tracks, NAMES, crowd=False) if followed else None
        self.pipeline = FusionPipeline(streams, estimate, follower)
        self.now = 1_000_000 * MS
        self.serial = 0
        self.sent = dict.fromkeys(NAMES, 0)
        self.last_frame = dict.fromkeys(NAMES)
        self.refusable = dict.fromkeys(NAMES, False)  # whether the last frame was accepted
        self.last_estimate = self.shown = 0
        self.in_flight = None

    # -- events -----------------------------------------------------------------------------

    @rule(ms=st.integers(0, 150))
    def wait(self, ms):
        self.now += ms * MS

    @rule(ms=st.integers(200, 3000))
    def pause(self, ms):
        self.now += ms * MS

    @rule(ms=st.integers(1, 400))
    def clock_wobbles(self, ms):
        """Two threads read the clock and came in the other order."""
        status = self.pipeline.statuses(self.now - ms * MS)
        assert len(status) == len(NAMES)

    @rule(ms=st.integers(int(CLOCK_JUMP_S * 1000) + 1, 5000))
    def clock_jumps_back(self, ms):
        self.now -= ms * MS
        states = {status.state for status in self.pipeline.statuses(self.now)}
        assert states == {StreamState.MISSING}
        self.refusable = dict.fromkeys(NAMES, False)
        self.last_estimate = self.shown = 0

    @rule(name=names, lag=st.integers(0, 40))
    def good_frame(self, name, lag):
        self._push(name, self.now - lag * MS)

    @rule(name=names, lag=st.integers(-5000, 5000))
    def odd_stamp(self, name, lag):
        self._push(name, self.now - lag * MS)

    @rule(name=names)
    def zero_stamp(self, name):
        self._push(name, 0)

    @rule(name=names)
    def same_message_again(self, name):
        last = self.last_frame[name]
        if last is not None:
            counts = self.config.stamp_policy != "receive"
            known = self.refusable[name] and last.stamp_ns > 0 and counts
            assert not (self._hand_over(last) and known)

    @rule(name=names)
    def same_content_again(self, name):
        last = self.last_frame[name]
        if last is not None:
            known = self.refusable[name] and self.config.freeze_frames > 0
            assert not (self._hand_over(Frame(name, self.now, last.array)) and known)

    @rule(name=names)
    def corrupt(self, name):
        self.pipeline.reject(name, DecodeError(name, "short buffer", "614400 bytes"), self.now)
        self.sent[name] += 1
        assert self._status(name).state is StreamState.CORRUPT
        assert self.pipeline.streams[name].nearest(self.now, self.now) is None

    @rule()
    def all_good(self):
        """A regular tick of all sensors, so that histories reach the LIVE states often."""
        self.now += 100 * MS
        for name in NAMES:
            self._push(name, self.now - 5 * MS)

    @rule()
    def step(self):
        pending = self.pipeline.pending(self.now)
        ready = self.pipeline.ready(self.now)
        live = {s.modality for s in self.pipeline.statuses(self.now) if s.state == StreamState.LIVE}
        sample = self.pipeline.sample(self.now)
        assert (sample is not None) == pending
        assert pending or not ready
        if sample is None:
            return
        assert set(sample.frames) <= live
        self._check(self.pipeline.finish(sample, self.pipeline.infer(sample), self.now), sample)

    @rule()
    def begin(self):
        self.in_flight = self.pipeline.sample(self.now)
        if self.in_flight is not None and not self.in_flight.late:
            self.last_estimate = self.in_flight.stamp_ns  # an instant, whatever comes of it

    @rule()
    def end(self):
        if self.in_flight is not None:
            result = self.pipeline.finish(self.in_flight, estimate(self.in_flight), self.now)
            if result is not None:
                self._check(result, self.in_flight)
            self.in_flight = None

    def _push(self, name, stamp_ns):
        self.serial += 1
        self._hand_over(Frame(name, stamp_ns, np.array([self.serial], np.float32)))

    def _hand_over(self, frame):
        before = self._status(frame.modality)
        accepted = self.pipeline.push(frame, self.now)
        after = self._status(frame.modality)
        self.sent[frame.modality] += 1
        self.last_frame[frame.modality] = frame
        self.refusable[frame.modality] = accepted
        counted_out = (after.dropped + after.corrupt) - (before.dropped + before.corrupt)
        assert counted_out >= (not accepted)
        return accepted

    # -- what must hold ---------------------------------------------------------------------

    def _status(self, name):
        return next(s for s in self.pipeline.statuses(self.now) if s.modality == name)

    @rule(enabled=st.booleans())
    def follow(self, enabled):
        """An operator switches the following of people."""
        self.pipeline.follow(enabled)
        self.shown = 0

    @rule()
    def predict(self):
        result = self.pipeline.predict(self.now)
        if result is not None:
            assert result.predicted
            assert len(result.tracks) == 1
            self._check_shown(result)

    def _check_shown(self, result):
        assert result.stamp_ns >= self.shown
        self.shown = result.stamp_ns

    def _check(self, result, sample):
        if result is not None:
            self._check_shown(result)
            assert result.stamp_ns >= sample.stamp_ns
        if sample.late:
            (frame,) = sample.frames.values()
            assert frame.stamp_ns <= self.last_estimate
            assert frame.stamp_ns >= self.last_estimate - self.late_s * 1e9
            return
        assert sample.stamp_ns >= self.last_estimate
        self.last_estimate = sample.stamp_ns
        assert sample.stamp_ns == max(result.stamps_ns.values())
        assert set(result.weights) == set(sample.frames)
        for name, frame in sample.frames.items():
            assert frame.modality == name
            distance_s = abs(frame.stamp_ns - sample.stamp_ns) / 1e9
            assert distance_s <= self.config.sync_tolerance_s

    @invariant()
    def live_is_fresh_and_speaks_for_itself(self):
        for status in self.pipeline.statuses(self.now):
            live = status.state is StreamState.LIVE
            assert not live or status.age_s <= status.stale_limit_s
            assert live == (status.reason == "")
            assert live or status.weight == 0
            frame = self.pipeline.streams[status.modality].nearest(self.now, self.now)
            assert live or frame is None

    @invariant()
    def nothing_is_lost(self):
        for status in self.pipeline.statuses(self.now):
            waiting = self.pipeline.streams[status.modality].buffer.waiting
            most = self.config.history * (2 if self.late_s else 1) + 1
            assert 0 <= waiting <= most
            assert status.received == self.sent[status.modality]
            assert status.received == status.used + status.dropped + status.corrupt + waiting

    @invariant()
    def rates_are_sane(self):
        for status in self.pipeline.statuses(self.now):
            assert np.isfinite(status.rate_hz)
            assert status.rate_hz >= 0
            assert status.lost >= 0


TestEvents = Events.TestCase
TestEvents.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
