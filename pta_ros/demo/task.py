"""The tasks that a demo can be of."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Task:
    """What a demo is of: shipped files, the simulator with its settings, and the estimates' kind.

    `sensors` are the simulated ones; `shows` says in words what they measure. `least_s` is the
    shortest script in which everything has its time.
    """

    name: str
    model: str
    config: str
    params: str
    sensor_set: str
    sensors: tuple[str, ...]
    shows: str
    simulator: str
    simulation: tuple[str, ...]
    estimates: str
    least_s: float


PEOPLE = Task(
    "people", "models/people_lite", "config/demo_people.yaml", "config/people_live.yaml", "mmfi",
    ("depth", "lidar"), "a simulated room, in which people come, walk and go", "people_sim_node",
    ("seed", "subject", "scene", "rate_hz"), "people", 24.0,
)  # fmt: skip
POSE = Task(
    "pose", "models/mmfi_lite", "config/demo.yaml", "config/mmfi_live.yaml", "mmfi",
    ("depth", "lidar", "csi"), "a simulated person", "sim_node",
    ("seed", "subject", "scene", "rate_hz"), "skeleton", 12.0,
)  # fmt: skip
ACTIVITY = Task(
    "activity", "models/xrf55_lite", "config/demo_activity.yaml", "config/xrf55_live.yaml", "xrf55",
    ("radar", "wifi", "rfid"), "a simulated person", "rf_sim_node",
    ("seed", "subject", "scene", "activity_s", "loss", "jitter_s"), "activity", 60.0,
)  # fmt: skip
#: What can be run in place of the demo, or with bounds that decide.
CHECKS = ("speed", "transport", "busy", "memory")
TASKS = {task.name: task for task in (PEOPLE, POSE, ACTIVITY)}
