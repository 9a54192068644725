"""A service that may answer later, whatever spins its node.

Coroutines would do, but not every executor of rclpy runs them for services. A callback that has no
answer yet gives a Later in its place; `service_of` keeps it from being sent, and `Later.send` sends
the answer when there is one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from rclpy.node import Node
from rclpy.qos import qos_profile_parameters


@dataclass(eq=False)
class Later:
    """In place of an answer that is not known yet; `make` gives it, in the node's own thread."""

    make: Callable[[], Any]
    _out: list[Callable[[Any], None]] = field(default_factory=list)

    def send(self) -> None:
        """Make the answer and send it; once."""
        answer = self.make()
        for out in self._out:
            out(answer)


def service_of(node: Node, kind: Any, name: str, answer: Callable[[Any, Any], Any]) -> None:
    """Make a service of parameters whose `answer` may give a Later."""
    service = node.create_service(kind, name, answer, qos_profile=qos_profile_parameters)
    send = service.send_response

    def send_or_keep(response: Any, header: Any) -> None:
        if isinstance(response, Later):
            response._out.append(lambda known: send(known, header))
        else:
            send(response, header)

    service.send_response = send_or_keep
