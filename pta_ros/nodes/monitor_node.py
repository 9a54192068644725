"""Records and shows what the fusion says; see monitor_program."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from pta_ros.nodes import runtime

if TYPE_CHECKING:
    from pta_ros.nodes.monitor_program import MonitorNode


def build() -> MonitorNode:
    """The monitor, from this process's parameters."""
    from pta_ros.nodes.monitor_program import MonitorNode

    return MonitorNode()


def main() -> None:
    """Console script `monitor_node`."""
    sys.exit(runtime.run(build))


if __name__ == "__main__":
    main()
