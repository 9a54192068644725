"""Executable `fusion_node`: the fusion lifecycle node and its sensor nodes under one executor."""

from __future__ import annotations

import sys
from typing import Any

from pta_ros.nodes import runtime


class FusionProgram:
    """The fusion node, its sensor nodes and, with `autostart`, the way to active."""

    def __init__(self) -> None:
        # Here, so that a missing package is told in one line and the executable starts at once.
        from pta_ros.nodes.lifecycle import STEADY, FusionNode

        self.exit_code: int | None = None
        self._fusion = FusionNode()
        if self._fusion.get_parameter("autostart").value:
            self._starter = self._fusion.create_timer(0.0, self._start, clock=STEADY)

    def nodes(self) -> list[Any]:
        """Every node of this process."""
        return [self._fusion, *self._fusion.sensor_nodes.values()]

    def close(self) -> None:
        """Stop the worker and free the device."""
        self._fusion.release()

    def _start(self) -> None:
        """Configure and activate; a failure ends the process, after diagnostics have told it."""
        self._starter.cancel()
        for trigger in (self._fusion.trigger_configure, self._fusion.trigger_activate):
            if trigger().name != "SUCCESS":
                self._fusion.watch.look(at_once=True)
                self.exit_code = 1
                return


def main() -> None:
    """Console script: run until interrupted; 1 when it could not start."""
    sys.exit(runtime.run(FusionProgram))


if __name__ == "__main__":
    main()
