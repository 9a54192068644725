"""Options of a node that lives inside another node's process."""

from __future__ import annotations

import sys
from typing import Any

from rclpy.parameter import Parameter


def composed_options() -> dict[str, Any]:
    """Options of a sensor node inside another node's process.

    It follows the process's remappings, but not its new name, which is meant for the main node;
    services that nobody asks of it are left out: every one costs time in each turn of the executor.
    """
    return {
        "use_global_arguments": False,
        "cli_args": _without_names(sys.argv),
        "enable_rosout": False,
        "start_parameter_services": False,
        "parameter_overrides": [
            Parameter("start_type_description_service", value=False),
            Parameter("use_sim_time", value=False),
        ],
    }


def _without_names(arguments: list[str]) -> list[str]:
    kept: list[str] = []
    for argument in arguments:
        if argument.startswith(("__node:=", "__name:=")):
            kept.pop()  # the flag before it: -r or --remap
        else:
            kept.append(argument)
    return kept
