"""What a demo runs: the task's files, the fault script, and the settings of the fusion node."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pta_ros import home
from pta_ros.demo.task import ACTIVITY, PEOPLE, POSE, TASKS, Task
from pta_ros.errors import ConfigError, did_you_mean
from pta_ros.fusion.config import RAW, StreamParams
from pta_ros.fusion.params import FusionParams, read_params
from pta_ros.settings import mapping, read_yaml
from pta_ros.simulate.script import Fault, Phase, Script, load_script
from pta_ros.view.page import Page

LOADED = "loaded"
#: Checks of one phase with all sensors: at a high rate, and beside processes that keep all cores
#: busy.
LOADS = ("transport", "busy")
_LOAD_RATE_HZ, _LOAD_S, _MEMORY_S = 30.0, 60.0, 600.0
#: Long enough that the node reports its counters (once a second) while nothing is on its way.
_QUIET_S = 2.5
#: After `stale_after_s` a stream is STALE; so much longer must a fault last to be seen in any case.
_NOTICE_S = 0.5
_FLOATS = ("rate_hz", "activity_s", "loss", "jitter_s")


@dataclass(frozen=True)
class Request:
    """What a user asks for; None takes what is shipped."""

    task: str = PEOPLE.name
    check: str | None = None
    duration: float | None = None
    model: Path | None = None
    params: Path | None = None
    config: Path | None = None
    simulation: Mapping[str, int | None] = field(default_factory=dict)
    quiet: bool = False
    view: bool = False


@dataclass(frozen=True)
class Plan:
    """What to run, and where to: script, simulator's parameters, fusion's model and parameters.

    `sensors` are those that the fusion uses; `view` is the table in the terminal, `page` the page
    in a browser.
    """

    folder: Path
    task: Task
    check: str | None
    script: Script
    simulation: dict[str, Any]
    model: Path
    params: Path
    fusion: FusionParams
    streams: dict[str, StreamParams]
    sensors: tuple[str, ...]
    fastdds: Path
    view: bool = True
    page: Page | None = None

    @property
    def stale_after_s(self) -> dict[str, float]:
        """Per sensor in use: without a good frame for so long it is STALE."""
        return {name: self.streams[name].stale_after_s for name in self.sensors}


def make_plan(asked: Request, folder: Path) -> Plan:
    """Check everything that can be checked before something runs; raises ConfigError."""
    task = TASKS[asked.task]
    if task is ACTIVITY and (asked.check in LOADS or asked.view):
        raise ConfigError(
            f"--check {' and '.join(LOADS)} and --view are of the tasks people and pose"
        )
    config = asked.config or shipped(task.config)
    script, simulation = _whole_script(config, task), _simulation(config, task)
    simulation |= {name: value for name, value in asked.simulation.items() if value is not None}
    if asked.check == "transport":
        simulation.update(rate_hz=_LOAD_RATE_HZ, prerender=30)
    params = (asked.params or shipped(task.params)).expanduser().resolve()
    fusion, streams = _settings(params, task)
    model = (asked.model or shipped(task.model)).expanduser().resolve()
    if task is ACTIVITY:
        simulation["hop_s"] = fusion.window_hop_s
    sensors = tuple(m for m in _model_sensors(model, task) if streams[m].enabled)
    if not sensors:
        raise ConfigError(f"{params} enables no sensor of the model {model.name}; enable one")
    plan = Plan(
        folder, task, asked.check, script, simulation, model, params, fusion, streams, sensors,
        shipped("config/fastdds.xml").resolve(), not asked.quiet, Page() if asked.view else None,
    )  # fmt: skip
    return replace(plan, script=_script(asked, plan))


def shipped(relative: str) -> Path:
    """A file or folder that the package ships; ConfigError when it is not there."""
    place = home.shipped(relative)
    if place is None:
        places = ", ".join(str(folder) for folder in home.homes())
        raise ConfigError(f"no {relative} in {places}; install the package again, or name the file")
    return place


def _settings(path: Path, task: Task) -> tuple[FusionParams, dict[str, StreamParams]]:
    """The fusion node's parameters; ConfigError for those that this simulator cannot serve."""
    fusion, streams = read_params(path, task.sensor_set)
    if not set(task.sensors) <= set(streams):
        raise ConfigError(
            f"{path} is for the sensors {', '.join(streams)}; task {task.name} simulates "
            f"{', '.join(task.sensors)}: choose another --params or --task"
        )
    for name in task.sensors if task is PEOPLE else ():
        if not streams[name].extrinsic:
            raise ConfigError(
                f"{path}: {name}.extrinsic is empty; the demo mounts its sensors as it says: give "
                "x y z (m) roll pitch yaw (degrees)"
            )
    for name in ("composed", "autostart"):
        if not getattr(fusion, name):
            raise ConfigError(
                f"{path}: {name} is false; the demo runs one fusion process: use true"
            )
    for name, stream in streams.items():
        if stream.transport != RAW:
            raise ConfigError(
                f"{path}: {name}.transport is {stream.transport}; the simulator sends {RAW} images"
            )
    return fusion, streams


def _model_sensors(folder: Path, task: Task) -> tuple[str, ...]:
    """A model's sensors; ConfigError for what would be noticed only in another process."""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{folder} is not a model folder ({error}); choose --model") from error
    finds = (config.get("model") or {}).get("encoders") == "centred"
    if finds is not (task is PEOPLE):
        answers = "finds people" if finds else "does not find people"
        raise ConfigError(f"{folder} {answers}; task {task.name}: choose another --model or --task")
    if task is POSE and "mean_pose_m" not in (config.get("statistics") or {}):
        raise ConfigError(
            f"{folder}: statistics without mean_pose_m, which the demo compares with; "
            "train the model again"
        )
    sensors = tuple(config.get("sensors") or ())
    if unknown := set(sensors) - set(task.sensors):
        raise ConfigError(
            f"{folder} needs the sensors {sorted(unknown)}; task {task.name} simulates "
            f"{', '.join(task.sensors)}: choose another --model or --task"
        )
    return sensors


def _whole_script(config: Path, task: Task) -> Script:
    """The script of a configuration; ConfigError for one of another task."""
    script = load_script(config)
    if set(script.phases[0].modalities) != set(task.sensors):
        raise ConfigError(
            f"{config}: the script is for {', '.join(script.phases[0].modalities)}; task "
            f"{task.name} simulates {', '.join(task.sensors)}: choose another --config or --task"
        )
    for phase in script.phases:
        if task is not PEOPLE and phase.people != 1:
            raise ConfigError(
                f"{config}: phase {phase.name!r} has {phase.people} people; task {task.name} "
                "simulates one: leave it out"
            )
    return script


def _simulation(config: Path, task: Task) -> dict[str, Any]:
    """The world's settings in a configuration that `load_script` has read."""
    content = read_yaml(config, "a world and a fault script")
    record = mapping(content.get("simulation") or {}, f"{config}: simulation")
    for name in record:
        if name not in task.simulation:
            hint = did_you_mean(name, task.simulation)
            raise ConfigError(f"{config}: unknown entry simulation.{name}; {hint}")
    try:
        return {name: float(v) if name in _FLOATS else v for name, v in record.items()}
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{config}: simulation {record}; expected numbers ({error})") from error


def _script(asked: Request, plan: Plan) -> Script:
    """The script in the length that was asked for."""
    if plan.check in LOADS:
        return transport_script(asked.duration or _LOAD_S, plan.task.sensors)
    if plan.check == "memory":
        return memory_script(plan.script, asked.duration or _MEMORY_S)
    whole_s = plan.script.duration_s
    duration_s = whole_s if asked.duration is None else asked.duration
    shortest_s = min(phase.end_s - phase.start_s for phase in plan.script.phases)
    stale_s = max(plan.stale_after_s.values())
    least_s = max(plan.task.least_s, round(whole_s / shortest_s * (stale_s + _NOTICE_S), 1))
    if not duration_s >= least_s:
        raise ConfigError(
            f"duration {duration_s:g} s; expected at least {least_s:g} s, as a stream that is lost "
            f"for less than its stale_after_s ({stale_s:g} s) cannot be noticed"
        )
    return plan.script.scaled(duration_s)


def transport_script(duration_s: float, sensors: tuple[str, ...]) -> Script:
    """All streams for `duration_s`, with a silence before and after it to count exactly."""
    silent = dict.fromkeys(sensors, Fault.SILENT)
    end_s = _QUIET_S + duration_s
    return Script(
        (
            Phase("quiet before", 0.0, _QUIET_S, silent, sensors),
            Phase(LOADED, _QUIET_S, end_s, modalities=sensors),
            Phase("quiet after", end_s, end_s + _QUIET_S, silent, sensors),
        )
    )


def memory_script(script: Script, duration_s: float) -> Script:
    """The demo's script again and again, so that every kind of failure could leak."""
    rounds = max(1, round(duration_s / script.duration_s))
    one = script.scaled(duration_s / rounds)
    phases: list[Phase] = []
    for turn in range(rounds):
        for phase in one.phases:
            start_s = phases[-1].end_s if phases else 0.0
            end_s = turn * one.duration_s + phase.end_s
            name = f"{phase.name} {turn + 1}"
            phases.append(replace(phase, name=name, start_s=start_s, end_s=end_s))
    return Script(tuple(phases))
