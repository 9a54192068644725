"""The scene of a live fusion, on its page; times are brought onto one clock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import rerun as rr

from pta_ros.frames import Estimate, FloatArray, Frame, Person, StreamStatus
from pta_ros.sensors.lidar import POSE
from pta_ros.view.layout import APPLICATION
from pta_ros.view.page import Page, PageServer
from pta_ros.view.scene import Scene

#: A stamp farther from now than this is not believed.
_BELIEVED_NS = 5_000_000_000
#: The clock going back so far is a jump: a bag that begins anew.
_JUMP_NS = 1_000_000_000


class LiveScene:
    """Serves `page` and shows on it what it is told, as Scene does; `now_ns` is the node's clock.

    A stamp that cannot be believed is replaced by now. When the clock jumps back a new recording
    begins on the page, or it would go on showing the end of the old one. A clock at 0 has not
    begun: nothing is shown. Raises ConfigError when the page cannot be served.
    """

    def __init__(
        self, page: Page, modalities: Sequence[str], title: str, lidar_pose: str = POSE
    ) -> None:
        self.server = PageServer(page)
        self._about = (modalities, title, lidar_pose)
        self._newest_ns = 0
        self.server.start()
        self._begin()

    def frame(self, frame: Frame, now_ns: int) -> None:
        """Show one sensor's reading."""
        if self._follow(now_ns):
            self._scene.frame(replace(frame, stamp_ns=_believed(frame.stamp_ns, now_ns)))

    def estimate(self, estimate: Estimate, now_ns: int) -> None:
        """Show an estimate, and the states of the streams that came with it."""
        if self._follow(now_ns):
            stamp_ns = _believed(estimate.stamp_ns, now_ns)
            self._scene.states(stamp_ns, estimate.streams)
            self._scene.estimate(replace(estimate, stamp_ns=stamp_ns))

    def truth(self, stamp_ns: int, joints_m: FloatArray, now_ns: int) -> None:
        """Show the true pose."""
        if self._follow(now_ns):
            self._scene.truth(_believed(stamp_ns, now_ns), joints_m)

    def true_people(self, stamp_ns: int, people: Sequence[Person], now_ns: int) -> None:
        """Show everybody who is really there, in the camera's frame."""
        if self._follow(now_ns):
            self._scene.true_people(_believed(stamp_ns, now_ns), [p.joints for p in people])

    def states(self, time_ns: int, statuses: Sequence[StreamStatus], now_ns: int) -> None:
        """Show the streams' states."""
        if self._follow(now_ns):
            self._scene.states(_believed(time_ns, now_ns), statuses)

    def no_estimate(self, now_ns: int) -> None:
        """Take the skeleton away."""
        if self._follow(now_ns):
            self._scene.no_estimate(now_ns)

    def close(self) -> None:
        """End the page; harmless when done twice."""
        self._stream.disconnect()
        self.server.stop()

    def _begin(self) -> None:
        page = self.server.page
        self._stream = rr.RecordingStream(APPLICATION)
        self._stream.connect_grpc(page.data_url(page.near))
        self._scene = Scene(self._stream, *self._about, live=True)

    def _follow(self, now_ns: int) -> bool:
        if now_ns < self._newest_ns - _JUMP_NS:
            self._stream.disconnect()
            self._begin()
            self._newest_ns = now_ns
        self._newest_ns = max(self._newest_ns, now_ns)
        return now_ns > 0


def _believed(stamp_ns: int, now_ns: int) -> int:
    return stamp_ns if abs(now_ns - stamp_ns) <= _BELIEVED_NS else now_ns
