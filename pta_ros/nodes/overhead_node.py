"""Measures what the live node adds to the model; `bench_pta` runs it. See overhead_program."""

from __future__ import annotations

import sys
from typing import Any

from pta_ros.nodes import runtime


def build() -> Any:
    """The program, from this process's parameters."""
    from pta_ros.nodes.overhead_program import OverheadProgram

    return OverheadProgram()


def main() -> None:
    """Run until it is measured."""
    sys.exit(runtime.run(build))


if __name__ == "__main__":
    main()
