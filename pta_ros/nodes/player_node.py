"""Plays a bag on real ROS topics, with /clock; see player_program."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from pta_ros.nodes import runtime

if TYPE_CHECKING:
    from pta_ros.nodes.player_program import PlayerNode


def build() -> PlayerNode:
    """The player, from this process's parameters."""
    from pta_ros.nodes.player_program import PlayerNode

    return PlayerNode()


def main() -> None:
    """Console script `player_node`."""
    sys.exit(runtime.run(build))


if __name__ == "__main__":
    main()
