"""Sensors from 5 to 100 Hz, alike and mixed, in made-up time: live, at their rate, and used."""

import numpy as np
import pytest

from pta_ros.bench.clocks import NAMES, T0, told
from pta_ros.clock import NS
from pta_ros.frames import Frame, StreamState
from pta_ros.fusion.config import StreamConfig
from pta_ros.fusion.pipeline import FusionPipeline
from pta_ros.fusion.streams import Stream

END_S, MAX_WAIT_NS = 10.0, 20_000_000


def played(rates_hz, jitter):
    """The estimates of three sensors at their rates, the node's way, and the pipeline at the end.

    A message is late by up to `jitter` of its period, which stays below the wait for others.
    """
    pipeline = FusionPipeline({m: Stream(m, StreamConfig()) for m in NAMES}, told)
    rng, events, estimates, since = np.random.default_rng(4), [], [], None
    for n, (name, rate) in enumerate(zip(NAMES, rates_hz, strict=True)):
        for k in range(round(END_S * rate)):
            t = k / rate + 0.003 * n
            events.append((t + min(jitter / rate, 0.015) * rng.random(), t, name))
    for serial, (now, t, name) in enumerate(sorted(events)):
        now_ns = T0 + round(now * NS)
        if since is not None and now_ns - since > MAX_WAIT_NS:
            estimates.append(pipeline.step(since + MAX_WAIT_NS))
            since = None
        frame = Frame(name, T0 + round(t * NS), np.array([serial], np.float32), now_ns)
        pipeline.push(frame, now_ns)
        if pipeline.ready(now_ns):
            estimates.append(pipeline.step(now_ns))
        since = (since or now_ns) if pipeline.pending(now_ns) else None
    return [e for e in estimates if e], pipeline, now_ns


@pytest.mark.parametrize("jitter", [0.0, 0.3])
@pytest.mark.parametrize("rates_hz", [(5, 5, 5), (20, 20, 20), (100, 100, 100), (20, 5, 100)])
def test_every_rate_is_live_and_used(rates_hz, jitter):
    estimates, pipeline, now_ns = played(rates_hz, jitter)
    for status, rate in zip(pipeline.statuses(now_ns), rates_hz, strict=True):
        assert status.state is StreamState.LIVE
        assert (status.reason, status.remark) == ("", "")
        assert status.rate_hz == pytest.approx(rate, rel=0.1)
        if rate == min(rates_hz):  # of faster ones the newest counts
            assert status.dropped <= 2
    if len(set(rates_hz)) == 1:
        assert np.mean([set(e.stamps_ns) == set(NAMES) for e in estimates]) > 0.95
