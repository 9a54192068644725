"""The simulated sensors on real ROS topics; see sim_program."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from pta_ros.nodes import runtime

if TYPE_CHECKING:
    from pta_ros.nodes.sim_program import SimNode


def build() -> SimNode:
    """The simulator, from this process's parameters."""
    from pta_ros.nodes.sim_program import SimNode

    return SimNode()


def main() -> None:
    """Console script `sim_node`."""
    sys.exit(runtime.run(build))


if __name__ == "__main__":
    main()
