"""The simulated sensors on real ROS topics; see sim_program."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from pta_ros.nodes import runtime

if TYPE_CHECKING:
    from pta_ros.nodes.rf_sim_program import RfSimNode


def build() -> RfSimNode:
    """The simulator, from this process's parameters."""
    from pta_ros.nodes.rf_sim_program import RfSimNode

    return RfSimNode()


def main() -> None:
    """Console script `sim_node`."""
    sys.exit(runtime.run(build))


if __name__ == "__main__":
    main()
