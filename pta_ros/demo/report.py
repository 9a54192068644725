"""From a recorded run to summary.json, summary.png and the words at the end.

It loads torch and open3d, which must not lie beside the measured processes: import it afterwards.
"""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from importlib import metadata
from pathlib import Path
from statistics import fmean
from typing import Any

from pta_ros.demo import verdict
from pta_ros.demo.bounds import busy_bounds, memory_bounds, speed_bounds, transport_bounds
from pta_ros.demo.plan import LOADED, LOADS, Plan
from pta_ros.demo.plot import draw
from pta_ros.demo.reading import load_run
from pta_ros.demo.records import Run
from pta_ros.demo.reference import mean_pose_m, reference
from pta_ros.demo.run import Measured
from pta_ros.demo.summary import SCHEMA, percentiles, summarise
from pta_ros.demo.task import POSE
from pta_ros.errors import ConfigError
from pta_ros.fusion.engine import Engine
from pta_ros.metrics.bound import EXIT_MISSED, as_records, bounds_text, exit_code

_PACKAGES = ("pta_ros", "torch", "numpy", "open3d-cpu", "rclpy")


@dataclass(frozen=True)
class Made:
    """A report: its words, its files, and the exit code that it calls for."""

    text: str
    files: tuple[Path, ...]
    exit_code: int


def make_report(plan: Plan, measured: Measured) -> Made:
    """Summarise the run, draw its picture and judge it; writes both files."""
    run = load_run(plan.folder, plan.sensors)
    if plan.check in (*LOADS, "memory"):
        return _check_report(plan, run, measured)
    pose = against = None
    if plan.task is POSE:
        engine = Engine.load(replace(plan.fusion, model=str(plan.model)), plan.streams)
        pose, against = mean_pose_m(engine), reference(run, engine)
    summary = summarise(run, pose, against) | _measured(plan, run, measured)
    found, bounds = verdict.findings(summary), speed_bounds(summary)
    summary |= {"verdict": [asdict(finding) for finding in found], "bounds": as_records(bounds)}
    picture = plan.folder / "summary.png"
    _write(picture, lambda: draw(run, summary, pose, picture))
    code = 0 if verdict.did_its_job(found) else EXIT_MISSED
    told = "which decide nothing here (`make bounds` decides by them)"
    if plan.check:
        code, told = code or exit_code(bounds), "by which this check decides, too"
    texts = (
        verdict.verdict_text(found),
        f"Speed and size, {told}:\n{bounds_text(bounds)}",
        machine_text(summary),
    )
    return Made("\n\n".join(texts), (_dump(summary, plan.folder), picture), code)


def _check_report(plan: Plan, run: Run, measured: Measured) -> Made:
    """The same of a check in place of the demo; without a picture."""
    summary: dict[str, Any] = {"schema": SCHEMA, "task": plan.task.name, "synthetic": True}
    summary["latency_ms"] = percentiles([e.latency_ms for e in run.estimates])
    summary |= {"frames": run.counters(), **_measured(plan, run, measured)}
    if plan.check in LOADS:
        summary |= load_summary(run, LOADED)
    if plan.check == "transport":
        bounds = transport_bounds(summary, run.session["rate_hz"])
    elif plan.check == "busy":
        bounds = busy_bounds(summary)
    else:
        bounds = memory_bounds(summary["memory"], grown=True)
    summary["bounds"] = as_records(bounds)
    return Made(bounds_text(bounds), (_dump(summary, plan.folder),), exit_code(bounds))


def load_summary(run: Run, name: str) -> dict[str, Any]:
    """Per modality what was sent and received in a phase that has a silence before and after it,
    and how many instants were not estimated.

    The silences are what makes the counts exact: nothing is on its way at either end. A stream that
    comes back is believed from its second frame on, so instants count from the second one.
    """
    span = next((span for span in run.spans if span.name == name), None)
    if span is None:
        return {"messages": {}, "sent_rate_hz": 0.0, "instants": 0, "lost_estimates": None}
    found, sent = {}, len(span.ticks)
    for modality in span.available:
        counts = [(t, s[modality].counters["received"]) for t, s in run.states if modality in s]
        before = [count for t, count in counts if t <= span.start_ns]
        received = counts[-1][1] - before[-1] if before else None
        lost = None if received is None else sent - received
        found[modality] = {"sent": sent, "received": received, "lost": lost}
    rate_hz = sent / ((span.end_ns - span.start_ns) / 1e9)
    told = {e.stamp_ns for e in run.estimates}
    believed = span.ticks[1:]
    return {
        "messages": found,
        "sent_rate_hz": round(rate_hz, 3),
        "instants": len(believed),
        "lost_estimates": sum(tick.stamp_ns not in told for tick in believed),
        "latency_ms": percentiles([e.latency_ms for e in run.within(span)]),
    }


def _measured(plan: Plan, run: Run, measured: Measured) -> dict[str, Any]:
    """What was measured from outside, and where."""
    first = min((e.received_ns for e in run.estimates), default=None)
    start_s = None if first is None else round((first - measured.fusion_started_ns) / 1e9, 3)
    grown, memory = measured.growth(), [(round(t, 1), round(mb, 1)) for t, mb in measured.memory]
    cores = measured.cores()
    in_use = fmean(used for _, used in measured.machine) if measured.machine else None
    return {
        "stale_after_s": plan.stale_after_s,
        "start_to_first_estimate_s": start_s,
        "memory": {
            "peak_mb": max((mb for _, mb in memory), default=None),
            "last_mb": memory[-1][1] if memory else None,
            "growth": None if grown is None else round(grown, 4),
            "samples_mb": memory,
        },
        "cpu_cores": cores,
        "machine": {
            "processors": os.cpu_count(),
            "load": max((round(load, 1) for load, _ in measured.machine), default=None),
            "others": None if in_use is None else round(max(0.0, in_use - sum(cores.values())), 2),
        },
        "model": plan.model.name,
        "duration_s": plan.script.duration_s,
        "environment": _environment(run),
    }


def machine_text(summary: dict[str, Any]) -> str:
    """How busy the machine was, and whether the simulator kept its own pace."""
    machine, simulator = summary["machine"], summary["simulator"]
    text = (
        f"The machine meanwhile: load {machine['load']} on {machine['processors']} processors, of "
        f"which other programs used {machine['others']}; the simulator kept "
        f"{simulator['kept_rate_hz']:g} of {simulator['rate_hz']:g} ticks per second."
    )
    if simulator["kept_rate_hz"] < 0.98 * simulator["rate_hz"]:
        text += "\nIt is too busy or too slow for the figures above to tell of the fusion."
    return text


def _environment(run: Run) -> dict[str, Any]:
    installed = {d.metadata["Name"]: d.version for d in metadata.distributions()}
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "cpus": os.cpu_count(),
        "ros_distro": os.environ.get("ROS_DISTRO", "wheels"),
        "rmw": os.environ.get("RMW_IMPLEMENTATION", "default"),
        "device": run.reports[-1].device if run.reports else "",
        "packages": {name: installed.get(name) for name in _PACKAGES},
    }


def _dump(summary: dict[str, Any], folder: Path) -> Path:
    path, text = folder / "summary.json", json.dumps(summary, indent=1) + "\n"
    _write(path, lambda: path.write_text(text, encoding="utf-8"))
    return path


def _write(path: Path, write: Callable[[], object]) -> None:
    """Write a file; ConfigError where that fails, as on a full disk."""
    try:
        write()
    except OSError as error:
        reason = error.strerror or error
        raise ConfigError(f"cannot write {path}: {reason}; make room, or choose --out") from error
