"""The demo's longer checks as scripts: a heavy load of messages, and ten minutes of memory."""

from __future__ import annotations

from dataclasses import replace

from pta_ros.simulate.script import MODALITIES, Fault, Phase, Script

LOADED = "loaded"
LOAD_RATE_HZ = 30.0
LOAD_S = 60.0
MEMORY_S = 600.0
#: Long enough that the node reports its counters (once a second) while nothing is on its way.
_QUIET_S = 2.5


def transport_script(duration_s: float) -> Script:
    """All streams for `duration_s`, with a silence before and after it to count exactly."""
    silent = dict.fromkeys(MODALITIES, Fault.SILENT)
    end_s = _QUIET_S + duration_s
    return Script(
        (
            Phase("quiet before", 0.0, _QUIET_S, silent),
            Phase(LOADED, _QUIET_S, end_s),
            Phase("quiet after", end_s, end_s + _QUIET_S, silent),
        )
    )


def memory_script(script: Script, duration_s: float) -> Script:
    """The demo's script again and again, so that every kind of failure could leak."""
    rounds = max(1, round(duration_s / script.duration_s))
    one = script.scaled(duration_s / rounds)
    phases: list[Phase] = []
    for number in range(rounds):
        for phase in one.phases:
            start_s = phases[-1].end_s if phases else 0.0
            end_s = number * one.duration_s + phase.end_s
            name = f"{phase.name} {number + 1}"
            phases.append(replace(phase, name=name, start_s=start_s, end_s=end_s))
    return Script(tuple(phases))
