"""The nodes' parameters, each declared once: default, meaning, unit, range and when it may change.

No ROS here: the dataclasses below are the only home of a default. `nodes/base.py` puts them on a
node; `docs/params_doc.py` writes config/*_live.yaml and docs/parameters.md from them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from pta_ros.errors import ConfigError, did_you_mean
from pta_ros.fusion.activity_filter import ActivityConfig
from pta_ros.fusion.config import (
    PublishConfig,
    SearchConfig,
    StreamParams,
    TracksConfig,
    WindowConfig,
)
from pta_ros.sensors import SENSORS, WindowSensor, sensor_sets, sensors_of
from pta_ros.settings import (
    LIVE,
    START,
    Group,
    Spec,
    build,
    param,
    ros_parameters,
    specs,
)

#: Before the names of the inner groups' parameters, as a modality is before its stream's.
PEOPLE, TRACKS, ACTIVITY, PUBLISH = "people.", "tracks.", "activity.", "publish."
#: The groups of FusionParams that have parameters of their own, by the prefix of their names.
_INNER: dict[str, type[Group]] = {
    PEOPLE: SearchConfig, TRACKS: TracksConfig, ACTIVITY: ActivityConfig, PUBLISH: PublishConfig
}  # fmt: skip
#: Defaults of a stream of windows: one comes at every hop, none repeats.
_WINDOWED = {"stale_after_s": 0.8, "recover_frames": 1, "qos_depth": 20}
#: A window looks back five seconds by itself: what was told before it adds little.
_WINDOWED_ACTIVITY = {"dwell_s": 0.3, "independent_s": 1.0}


@dataclass(frozen=True)
class FusionParams(Group):
    """The fusion node: the model, the moment of an estimate, what is published, and how."""

    sensor_set: str = param(
        "mmfi",
        "depth, lidar, csi (mmfi), or windows of radar, wifi, rfid (xrf55)",
        choices=sensor_sets,
        change=START,
    )
    model: str = param(
        "",
        "model folder; empty takes the default model that is shipped. Set while the node runs, it "
        "is loaded beside and takes over between two estimates, or is refused with the reason",
        change=LIVE,
    )
    device: str = param("auto", "where the model runs: cpu, cuda, cuda:N, or auto (cuda if usable)")
    num_threads: int = param(1, "threads of the model on the CPU", low=1, high=64)
    precision: str = param(
        "auto",
        "of encoders xfi and people models; bfloat16 is faster, joints move by millimetres; "
        "auto: of people models, where the CPU multiplies it in hardware",
        choices=("auto", "float32", "bfloat16"),
    )
    refine: bool = param(True, "refine features by diffusion before the head", change=LIVE)
    gate: bool = param(True, "judge every sensor by each frame, if the model has learned to")
    rate_hz: float = param(
        0.0,
        "most instants per second that are estimated; 0: as many as the best sensor gives, and "
        "others near to it in weight",
        unit="Hz",
        low=0.0,
        high=1000.0,
    )
    max_wait_s: float = param(
        0.02,
        "wait for other LIVE streams' frames, so long after their usual time",
        unit="s",
        low=0.0,
        high=1.0,
    )
    window_hop_s: float = param(
        WindowConfig.hop_s, "time between two windows of packets", unit="s", low=0.1, high=5.0
    )
    window_grace_s: float = param(
        WindowConfig.grace_s, "wait for late packets; below the hop", unit="s", low=0.0, high=1.0
    )
    window_max_missing: float = param(
        WindowConfig.max_missing, "share of packets that may be missing", low=0.0, high=0.9
    )
    frame_id: str = param(
        "",
        "frame of the published joints; empty takes the first sensor's, the depth image's; of a "
        "people model the level frame that it answers in, where empty is base_link",
    )
    diagnostics_period_s: float = param(
        1.0, "period of /diagnostics; changes are sent at once", unit="s", low=0.1, high=10.0
    )
    composed: bool = param(
        True, "decode here; false expects sensor_nodes, on each topic + '/reduced'", change=START
    )
    autostart: bool = param(
        True, "configure and activate unasked; a failure ends the process", change=START
    )
    #: Of a model that finds people.
    search: SearchConfig = field(default_factory=SearchConfig)
    #: Of a model with joints.
    tracks: TracksConfig = field(default_factory=TracksConfig)
    #: Of a model that tells activities.
    activity: ActivityConfig = field(default_factory=ActivityConfig)
    publish: PublishConfig = field(default_factory=PublishConfig)

    def windows(self) -> WindowConfig:
        """The settings of windows; raises ConfigError when they contradict each other."""
        return WindowConfig(self.window_hop_s, self.window_grace_s, self.window_max_missing)


def topics_of(sensor_set: str) -> dict[str, str]:
    """The default topic (relative) of every sensor of a set."""
    return {modality: kind.topic for modality, kind in sensors_of(sensor_set).items()}


def sensor_set_of(modalities: Collection[str]) -> str:
    """The set that has these modalities; raises ConfigError when none has them all."""
    sets = {name: list(sensors_of(name)) for name in sensor_sets()}
    for name, listed in sets.items():
        if set(modalities) <= set(listed):
            return name
    raise ConfigError(f"modalities are {list(modalities)}; expected some of one of {sets}")


def fusion_specs(sensor_set: str = FusionParams.sensor_set) -> tuple[Spec, ...]:
    """Every parameter of the fusion node: its own, its groups', then `<modality>.<name>`."""
    sensors = sensors_of(sensor_set)
    windowed = any(issubclass(kind, WindowSensor) for kind in sensors.values())
    streams = [
        specs(
            StreamParams,
            f"{modality}.",
            topic=kind.topic,
            **(_WINDOWED if issubclass(kind, WindowSensor) else {}),
        )
        + specs(kind.installation, f"{modality}.")
        for modality, kind in sensors.items()
    ]
    own = specs(FusionParams, sensor_set=sensor_set)
    changed = {ACTIVITY: _WINDOWED_ACTIVITY if windowed else {}}
    inner = [specs(kind, prefix, **changed.get(prefix, {})) for prefix, kind in _INNER.items()]
    return own + sum(inner, ()) + sum(streams, ())


def fusion_from(values: Mapping[str, Any]) -> tuple[FusionParams, dict[str, StreamParams]]:
    """Build the groups from parameter values by name; raises ConfigError naming what is wrong."""
    own = build(FusionParams, {s.name: values[s.name] for s in specs(FusionParams)})
    inner = {"search": PEOPLE, "tracks": TRACKS, "activity": ACTIVITY, "publish": PUBLISH}
    own = replace(own, **{name: _inner(prefix, values) for name, prefix in inner.items()})
    names = [spec.name for spec in specs(StreamParams)]
    sensors = sensors_of(own.sensor_set)
    streams = {}
    for modality in sensors:
        device = device_of(modality, values, f"{modality}.")
        given = {name: values[f"{modality}.{name}"] for name in names}
        streams[modality] = replace(build(StreamParams, given, modality), device=device)
    topics = [stream.topic for stream in streams.values()]
    if "" in topics or len(set(topics)) < len(topics):
        raise ConfigError(
            f"topics are {topics}; expected one non-empty topic per modality, no two alike"
        )
    if not own.composed and any(issubclass(kind, WindowSensor) for kind in sensors.values()):
        raise ConfigError("composed is false; packets are decoded in the fusion node: use true")
    own.windows()
    for modality, stream in streams.items():
        stream.check(modality)
        if stream.elsewhere and not own.composed:
            raise ConfigError(
                f"{modality}.transport, frame and extrinsic need composed: true; without it they "
                "are parameters of the sensor_node that reads the sensor"
            )
        _check_device(modality, stream.device, own.composed)
    return own, streams


def _inner(prefix: str, values: Mapping[str, Any]) -> Any:
    """One of the inner groups from parameter values by name."""
    kind = _INNER[prefix]
    return build(kind, {s.name: values[prefix + s.name] for s in specs(kind)}, prefix.rstrip("."))


def _check_device(modality: str, device: Group, composed: bool) -> None:
    """Raise ConfigError for settings of a device that another process reads."""
    if composed or device == type(device)():
        return
    changed = [f.name for f in fields(device) if getattr(device, f.name) != f.default]
    raise ConfigError(
        f"{modality}.{changed[0]} needs composed: true; without it it is a parameter of the "
        "sensor_node that reads the sensor"
    )


def device_of(modality: str, values: Mapping[str, Any], prefix: str = "") -> Group:
    """The `installation` of a sensor from parameter values by name."""
    kind = SENSORS[modality].installation
    return build(kind, {s.name: values[prefix + s.name] for s in specs(kind)}, modality)


def read_params(
    path: Path | None, sensor_set: str = FusionParams.sensor_set
) -> tuple[FusionParams, dict[str, StreamParams]]:
    """The parameters that a fusion node named `fusion` would have with `path`; None: the defaults.

    `sensor_set` counts where the file names none. Raises ConfigError for a file that cannot be
    read, an unknown name and a value out of range.
    """
    given = ros_parameters(path) if path else {}
    asked = given.get("sensor_set", sensor_set)
    known = {s.name: s for s in fusion_specs(asked if asked in sensor_sets() else sensor_set)}
    problems = [
        unknown_parameter(n, known) for n in given if n not in known and n != "use_sim_time"
    ]
    values = {n: spec.converted(given.get(n, spec.default)) for n, spec in known.items()}
    problems += [text for n, spec in known.items() if (text := spec.problem(values[n]))]
    if problems:
        raise ConfigError(f"{path}: {'; '.join(problems)}")
    return fusion_from(values)


def unknown_parameter(name: str, known: Collection[str]) -> str:
    """What to say of a parameter that nobody declares."""
    return f"unknown parameter {name}; {did_you_mean(name, known, 'see docs/parameters.md')}"
