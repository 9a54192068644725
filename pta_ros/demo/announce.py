"""What a demo says before it begins, and before each phase."""

from __future__ import annotations

from pta_ros.demo.plan import Plan
from pta_ros.demo.task import PEOPLE
from pta_ros.demo.verdict import SENT, WHAT, listed
from pta_ros.simulate.script import Phase


def opening(plan: Plan) -> str:
    """What one will see, in two sentences."""
    phases = plan.script.phases
    return (
        f"You will see {plan.task.shows}, measured by {listed(plan.task.sensors)} on real ROS "
        f"topics, and the fusion node making {WHAT[plan.task.name]} of it live, while a script of "
        f"{len(phases)} phases ({plan.script.duration_s:g} s) makes sensors fail. Every line shows "
        "each stream's state and weight and how right the estimates are; at the end comes a "
        f"verdict per phase (synthetic data, model {plan.model.name}, results in {plan.folder})."
    )


def announcement(plan: Plan, phase: Phase) -> str:
    """What begins with a phase and what is expected of the fusion, in plain words."""
    faults = {m: phase.fault(m).value for m in plan.task.sensors}
    failing = [
        f"{sent} from {listed([m for m in faults if faults[m] == fault])}"
        for fault, sent in SENT.items()
        if fault in faults.values()
    ]
    number = plan.script.phases.index(phase) + 1
    good = [m for m in plan.sensors if faults[m] == "none"]
    what = WHAT[plan.task.name]
    then = f"{what} from {listed(good)}" if good else f"no {what}, and ERROR in the diagnostics"
    room = ""
    if plan.task is PEOPLE:
        room = ("an empty room, ", "one person, ", "two people, ")[phase.people]
        then = then if phase.people or not good else f"empty {then}, and no skeleton"
    return (
        f"-- phase {number} of {len(plan.script.phases)}, {phase.name} "
        f"({phase.end_s - phase.start_s:.3g} s): {room}"
        f"{listed(failing) or 'good data from all sensors'}; expected: {then}"
    )
