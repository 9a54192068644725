"""The live fusion as a page in a browser; see view_program."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from pta_ros.nodes import runtime

if TYPE_CHECKING:
    from pta_ros.nodes.view_program import ViewProgram


def build() -> ViewProgram:
    """The view, from this process's parameters."""
    from pta_ros.nodes.view_program import ViewProgram

    return ViewProgram()


def main() -> None:
    """Console script `view_node`."""
    sys.exit(runtime.run(build))


if __name__ == "__main__":
    main()
