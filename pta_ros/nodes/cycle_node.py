"""Takes the fusion node through its lifecycle again and again over DDS, as an operator's tool does.

Each cycle deactivates and activates it, every `whole_every`-th also cleans up and configures; it is
over when an estimate came that was made after the activation. `pta_soak` runs it.
"""

from __future__ import annotations

from pta_ros.nodes import entry

if __name__ == "__main__":  # before ROS is imported, so that its absence is one line
    entry.start("cycle_node")

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from pta_msgs.msg import Skeleton
from rclpy.task import Future

from pta_ros.clock import stamp_ns
from pta_ros.errors import ConfigError
from pta_ros.nodes.base import STEADY, ProgramNode
from pta_ros.settings import START, param

_WAIT_S, _TICK_S = 30.0, 0.02
_SHORT = (Transition.TRANSITION_DEACTIVATE, Transition.TRANSITION_ACTIVATE)
_WHOLE = (
    Transition.TRANSITION_DEACTIVATE,
    Transition.TRANSITION_CLEANUP,
    Transition.TRANSITION_CONFIGURE,
    Transition.TRANSITION_ACTIVATE,
)


@dataclass(frozen=True)
class CycleParams:
    """The node's parameters."""

    record: str = param("", "file for one JSON line per cycle", change=START)
    cycles: int = param(200, "how many", low=1, high=1_000_000, change=START)
    whole_every: int = param(10, "every so many also clean up", low=1, high=1000, change=START)


def _opened(path: str) -> TextIO:
    try:
        return Path(path).open("w", encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"cannot write {path}: {error.strerror}") from error


class CycleNode(ProgramNode):
    """One transition after the other; a refusal or a wait of half a minute ends it with 1."""

    def __init__(self) -> None:
        super().__init__("cycle_node", CycleParams)
        self._file = _opened(self.params.record)
        self._client = self.create_client(ChangeState, "fusion/change_state")
        self.create_subscription(Skeleton, "skeleton", self._on_skeleton, 10)
        self.create_timer(_TICK_S, self._turn, clock=STEADY)
        self._done = 0
        self._left: list[int] = []  # transitions of this cycle that are to come
        self._asked: Future | None = None
        self._active_ns = 0  # when it became active; 0 while it is not
        self._newest_ns = 0
        self._begun = self._since = time.monotonic()

    def _on_skeleton(self, msg: Skeleton) -> None:
        if not msg.predicted:
            self._newest_ns = stamp_ns(msg.header.stamp)

    def _turn(self) -> None:
        """Go on with what is due: a transition's answer, the next one, the estimate after them."""
        if time.monotonic() - self._since > _WAIT_S:
            self._fail(f"nothing happened for {_WAIT_S:g} s, with {self._left} to come")
        elif self._asked is not None:
            self._answered(self._asked)
        elif self._left:
            self._ask()
        elif self._newest_ns > self._active_ns:
            self._next()

    def _ask(self) -> None:
        if not self._client.service_is_ready():
            return
        request = ChangeState.Request()
        request.transition.id = self._left[0]
        self._asked = self._client.call_async(request)

    def _answered(self, asked: Future) -> None:
        if not asked.done():
            return
        self._asked, self._since = None, time.monotonic()
        if not asked.result().success:
            self._fail(f"the fusion node refused transition {self._left[0]}")
            return
        del self._left[0]
        self._active_ns = self.get_clock().now().nanoseconds

    def _next(self) -> None:
        """An estimate came: note the cycle that ends with it, and begin another."""
        now = time.monotonic()
        if self._active_ns:  # not the first estimate of all, before any cycle
            self._done += 1
            record = {"type": "cycle", "cycle": self._done, "lasted_s": round(now - self._begun, 3)}
            self._file.write(json.dumps(record) + "\n")
            self._file.flush()
        if self._done == self.params.cycles:
            self.exit_code = 0
            return
        whole = (self._done + 1) % self.params.whole_every == 0
        self._left = list(_WHOLE if whole else _SHORT)
        self._begun = self._since = now

    def _fail(self, text: str) -> None:
        self.get_logger().error(f"cycle {self._done + 1}: {text}")
        self.exit_code = 1

    def close(self) -> None:
        """Close the record."""
        self._file.close()
