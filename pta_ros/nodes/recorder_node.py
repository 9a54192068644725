"""Records topics into a bag; see recorder_program."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from pta_ros.nodes import runtime

if TYPE_CHECKING:
    from pta_ros.nodes.recorder_program import RecorderNode


def build() -> RecorderNode:
    """The recorder, from this process's parameters."""
    from pta_ros.nodes.recorder_program import RecorderNode

    return RecorderNode()


def main() -> None:
    """Console script `recorder_node`."""
    sys.exit(runtime.run(build))


if __name__ == "__main__":
    main()
