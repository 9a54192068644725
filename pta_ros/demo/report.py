"""From a recorded run to summary.json, summary.png and the table of bounds."""

from __future__ import annotations

import json
import os
import platform
from importlib import metadata
from pathlib import Path
from typing import Any

import yaml

from pta_ros.demo import bounds
from pta_ros.demo.activity import activity_bounds, summarise_activity
from pta_ros.demo.checks import LOAD_RATE_HZ, LOADED
from pta_ros.demo.load import load_summary
from pta_ros.demo.records import Run, load_run
from pta_ros.demo.run import ACTIVITY, Measured, Plan
from pta_ros.demo.summary import SCHEMA, frame_counters, percentiles, summarise
from pta_ros.fusion.smoothing import SmoothingConfig
from pta_ros.metrics.bound import Bound, as_records, at_least, at_most


def demo_report(plan: Plan, measured: Measured) -> dict[str, Any]:
    """Summarise the demo, draw its picture and check its bounds; writes both files."""
    if plan.task is ACTIVITY:
        return _activity_report(plan, measured)
    # Late: they load torch and open3d, which must not lie beside the measured processes.
    from pta_ros import checkpoint
    from pta_ros.demo.plot import draw
    from pta_ros.demo.reference import ReferenceSettings, mean_pose_m, reference

    run = load_run(plan.folder)
    loaded = checkpoint.load(plan.model)
    pose = mean_pose_m(loaded, plan.model)
    settings = ReferenceSettings(*_as_run(plan.params))
    summary = summarise(run, pose, reference(run, loaded, settings))
    summary |= _measured(run, measured, plan)
    summary["bounds"] = as_records(bounds.demo_bounds(summary))
    draw(run, summary, pose, plan.folder / "summary.png")
    _dump(summary, plan.folder / "summary.json")
    return summary


def _activity_report(plan: Plan, measured: Measured) -> dict[str, Any]:
    """The same of activities; without a picture."""
    run = load_run(plan.folder)
    params = fusion_values(plan.params)
    stale_after_s = float((params.get("wifi") or {}).get("stale_after_s", 0.8))
    summary = summarise_activity(run, stale_after_s) | _measured(run, measured, plan)
    summary["bounds"] = as_records(activity_bounds(summary))
    _dump(summary, plan.folder / "summary.json")
    return summary


def check_report(plan: Plan, measured: Measured) -> dict[str, Any]:
    """Summarise a check of transport or memory; writes summary.json."""
    run = load_run(plan.folder)
    latencies = percentiles([s.latency_ms for s in run.skeletons])
    summary = {"schema": SCHEMA, "synthetic": True, "latency_ms": latencies}
    summary |= {"frames": frame_counters(run), **_measured(run, measured, plan)}
    transport = any(phase.name == LOADED for phase in plan.script.phases)
    if transport:
        summary |= load_summary(run, LOADED)
    found = _transport_bounds(summary) if transport else _memory_bounds(summary)
    summary["bounds"] = as_records(found)
    _dump(summary, plan.folder / "summary.json")
    return summary


def _transport_bounds(summary: dict[str, Any]) -> list[Bound]:
    messages = summary["messages"]
    found = [
        at_most(f"{name}: lost of {count['sent']} messages", count["lost"], 0)
        for name, count in messages.items()
    ]
    rate = summary["sent_rate_hz"]
    return [*found, at_least("messages sent per topic", rate, 0.99 * LOAD_RATE_HZ, "1/s")]


def _memory_bounds(summary: dict[str, Any]) -> list[Bound]:
    memory = summary["memory"]
    return [
        at_most("fusion process, resident", memory["peak_mb"], bounds.MEMORY_MB, "MB"),
        at_most("fusion process, growth", memory["growth"], bounds.GROWTH),
    ]


def _measured(run: Run, measured: Measured, plan: Plan) -> dict[str, Any]:
    first = min((s.received_ns for s in run.skeletons), default=None)
    start_s = None if first is None else (first - measured.fusion_started_ns) / 1e9
    grown = bounds.growth(measured.memory)
    return {
        "start_to_first_estimate_s": None if start_s is None else round(start_s, 3),
        "memory": {
            "peak_mb": round(measured.peak_mb, 1) or None,
            "last_mb": round(measured.memory[-1][1], 1) if measured.memory else None,
            "growth": None if grown is None else round(grown, 4),
            "samples_mb": [[round(t, 1), round(mb, 1)] for t, mb in measured.memory],
        },
        "cpu_cores": measured.cores(),
        "model": plan.model.name,
        "duration_s": plan.script.duration_s,
        "environment": _environment(run),
    }


def _environment(run: Run) -> dict[str, Any]:
    packages = ("pta_ros", "torch", "numpy", "open3d-cpu", "rclpy")
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "cpus": os.cpu_count(),
        "ros_distro": os.environ.get("ROS_DISTRO", "wheels"),
        "rmw": os.environ.get("RMW_IMPLEMENTATION", "default"),
        "device": run.reports[-1].device if run.reports else "",
        "packages": {name: _version(name) for name in packages},
    }


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def fusion_values(params: Path | None) -> dict[str, Any]:
    """What a parameter file gives the fusion node."""
    record = yaml.safe_load(params.read_text()) if params else {}
    given: dict[str, Any] = {}
    for node in (record or {}).values():
        given |= node.get("ros__parameters", {})
    return given


def _as_run(params: Path | None) -> tuple[bool, bool, SmoothingConfig | None]:
    """`refine`, `gate` and the smoothing that a parameter file asks of the fusion node."""
    given = fusion_values(params)
    default = SmoothingConfig()
    smoothing = SmoothingConfig(
        min_cutoff_hz=given.get("smoothing_min_cutoff_hz", default.min_cutoff_hz),
        beta=given.get("smoothing_beta", default.beta),
    )
    smoothed = given.get("smoothing", False)
    return given.get("refine", True), given.get("gate", True), smoothing if smoothed else None


def missed(summary: dict[str, Any]) -> list[dict[str, Any]]:
    """The bounds that were missed."""
    return [bound for bound in summary["bounds"] if not bound["ok"]]


def print_bounds(summary: dict[str, Any]) -> None:
    """Print every bound with its value and limit, and how many were missed."""
    listed = summary["bounds"]
    width = max(len(bound["name"]) for bound in listed)
    print()
    for bound in listed:
        value = "never" if bound["value"] is None else f"{bound['value']:.4g}"
        limit = f"{bound['sense']} {bound['limit']:.4g} {bound['unit']}".rstrip()
        verdict = "ok" if bound["ok"] else "MISSED"
        print(f"  {bound['name']:<{width}}  {value:>8}  {limit:<18}  {verdict}")
    if too_slow := _too_slow(summary):
        print(f"\nwarning: {too_slow}")
    count = len(missed(summary))
    print(
        f"\n{len(listed) - count} of {len(listed)} bounds kept" + f", {count} MISSED" * bool(count)
    )


def _too_slow(summary: dict[str, Any]) -> str:
    """Why the figures say little of the fusion: the simulator did not keep its own pace."""
    simulator = summary.get("simulator")
    if simulator is None or simulator["kept_rate_hz"] >= 0.98 * simulator["rate_hz"]:
        return ""
    return (
        f"the simulator itself kept only {simulator['kept_rate_hz']:g} of "
        f"{simulator['rate_hz']:g} ticks per second (a frame took "
        f"{simulator['render_ms']['p50']:.0f} ms to render): this machine is too busy or too slow "
        "for these figures to tell of the fusion"
    )


def _dump(summary: dict[str, Any], path: Path) -> None:
    path.write_text(json.dumps(summary, indent=1) + "\n", encoding="utf-8")
