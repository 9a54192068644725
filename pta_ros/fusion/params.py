"""The nodes' parameters, each declared once: default, meaning, unit, range and when it may change.

No ROS here: the frozen dataclasses below are the only home of a default. `nodes/declare.py` puts
them on a node; `nodes/params_doc.py` gives config/mmfi_live.yaml and docs/parameters.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import Field, dataclass, field, fields
from difflib import get_close_matches
from typing import Any

from pta_ros.errors import ConfigError
from pta_ros.fusion.config import STAMP_POLICIES, StreamConfig
from pta_ros.fusion.smoothing import SmoothingConfig

#: Relative default topic of every modality.
TOPICS = {"depth": "depth/image", "lidar": "lidar/points", "csi": "wifi/csi"}

#: When a parameter may change: while running, only while unconfigured, or only at the start.
LIVE, RECONFIGURE, START = "live", "reconfigure", "start"


def param(
    default: Any,
    description: str,
    *,
    unit: str = "",
    low: float | None = None,
    high: float | None = None,
    choices: tuple[str, ...] = (),
    change: str = RECONFIGURE,
) -> Any:
    """A dataclass field that carries its parameter's description, unit and range."""
    info = {"description": description, "unit": unit, "low": low, "high": high}
    return field(default=default, metadata={**info, "choices": choices, "change": change})


@dataclass(frozen=True)
class Spec:
    """One parameter as a node declares it; `low` and `high` are inclusive."""

    name: str
    default: bool | int | float | str
    description: str
    unit: str
    low: float | None
    high: float | None
    choices: tuple[str, ...]
    change: str

    def taken(self, value: Any) -> Any:
        """`value` as given in YAML, where "1" may stand for "1.0"."""
        return float(value) if type(value) is int and isinstance(self.default, float) else value

    def problem(self, value: Any) -> str:
        """Why `value` cannot be this parameter's, or an empty string."""
        kind = type(self.default)
        if type(value) is not kind:
            return f"{self.name} is {value!r}; expected {kind.__name__}, as in {self.default!r}"
        if self.choices and value not in self.choices:
            return f"{self.name} is {value!r}; expected one of {', '.join(self.choices)}"
        low = float("-inf") if self.low is None else self.low
        high = float("inf") if self.high is None else self.high
        if kind in (int, float) and not low <= float(value) <= high:
            return f"{self.name} is {value!r}; expected {self.range_text}"
        return ""

    @property
    def range_text(self) -> str:
        """The legal values in words."""
        if self.choices:
            return " \\| ".join(choice or '""' for choice in self.choices)
        if self.low is None or self.high is None:
            return ""
        return f"{self.low:g} to {self.high:g}" + (f" {self.unit}" if self.unit else "")


class _Group:
    """Shared check of every parameter group: values of the right type and inside their range."""

    def __post_init__(self) -> None:
        problems = [spec.problem(getattr(self, spec.name)) for spec in specs(type(self))]
        if any(problems):
            raise ConfigError("; ".join(text for text in problems if text))


@dataclass(frozen=True)
class StreamParams(_Group):
    """One sensor stream: where it comes from and when it is to be trusted."""

    enabled: bool = param(True, "use this stream; false makes it DISABLED at once", change=LIVE)
    topic: str = param("", "topic to subscribe, relative to the node's namespace")
    qos_depth: int = param(5, "messages kept while a callback runs; the newest wins", low=1, high=5)
    qos_reliability: str = param(
        "best_effort",
        "reliability that is asked of the publisher; best_effort fits every publisher",
        choices=("best_effort", "reliable"),
    )
    stale_after_s: float = param(
        StreamConfig.stale_after_s,
        "without a usable frame for so long the stream is STALE",
        unit="s",
        low=0.05,
        high=60.0,
    )
    sync_tolerance_s: float = param(
        StreamConfig.sync_tolerance_s,
        "largest distance of a frame from the moment that is estimated",
        unit="s",
        low=0.001,
        high=5.0,
    )
    offset_s: float = param(
        StreamConfig.offset_s,
        "added to every stamp; negative for a sensor that stamps late",
        unit="s",
        low=-5.0,
        high=5.0,
    )
    recover_frames: int = param(
        StreamConfig.recover_frames,
        "good frames in a row that end CORRUPT or STALE",
        low=1,
        high=50,
    )
    freeze_frames: int = param(
        StreamConfig.freeze_frames,
        "identical repeats after which a sensor counts as frozen; 0 allows repeats",
        low=0,
        high=50,
    )
    stamp_policy: str = param(
        StreamConfig.stamp_policy,
        "a zero or future stamp: use the time of receipt, or reject the frame",
        choices=STAMP_POLICIES,
    )

    def config(self) -> StreamConfig:
        """The settings that fusion/ needs."""
        names = {entry.name for entry in fields(StreamConfig)}
        return StreamConfig(**{n: v for n, v in vars(self).items() if n in names})


@dataclass(frozen=True)
class FusionParams(_Group):
    """The fusion node: the model, the moment of an estimate, what is published, and how."""

    model: str = param("", "model folder; empty takes the default model that is shipped")
    device: str = param("auto", "where the model runs: cpu, cuda, cuda:N, or auto (cuda if usable)")
    num_threads: int = param(1, "threads of the model on the CPU", low=1, high=64)
    refine: bool = param(True, "refine features by diffusion before the head", change=LIVE)
    gate: bool = param(True, "judge every sensor by each frame, if the model has learned to")
    smoothing: bool = param(False, "one-euro filter on the joints", change=LIVE)
    smoothing_min_cutoff_hz: float = param(
        SmoothingConfig.min_cutoff_hz,
        "cut-off for a joint at rest; lower is smoother",
        unit="Hz",
        low=0.01,
        high=50.0,
    )
    smoothing_beta: float = param(
        SmoothingConfig.beta,
        "how much the cut-off rises per m/s; higher lags less",
        low=0.0,
        high=100.0,
    )
    max_wait_s: float = param(
        0.02, "longest wait for the other LIVE streams' new frames", unit="s", low=0.0, high=1.0
    )
    frame_id: str = param("depth_optical_frame", "frame of the published joints")
    diagnostics_period_s: float = param(
        1.0,
        "period of /diagnostics; changes of state are sent at once",
        unit="s",
        low=0.1,
        high=10.0,
    )
    composed: bool = param(
        True,
        "decode in this process; false expects sensor_node processes, on each topic + '/reduced'",
        change=START,
    )
    autostart: bool = param(
        True, "configure and activate without being asked; a failure ends the process", change=START
    )


@dataclass(frozen=True)
class SensorParams(_Group):
    """The stand-alone sensor node: one stream, reduced near its sensor."""

    modality: str = param("depth", "which sensor this is", choices=tuple(TOPICS), change=START)
    model: str = param(
        "", "model folder whose sensor settings to use; empty takes the defaults", change=START
    )
    topic: str = param(
        "", "topic in; empty takes the modality's. Out is this + '/reduced'", change=START
    )
    qos_depth: int = param(
        5, "messages kept while a callback runs; the newest wins", low=1, high=5, change=START
    )


def unknown_name(name: str, known: Iterable[str]) -> str:
    """What to say of a parameter that nobody declares."""
    close = get_close_matches(name, list(known), n=1)
    hint = f"did you mean {close[0]}?" if close else "see docs/parameters.md"
    return f"unknown parameter {name}; {hint}"


def _spec(name: str, entry: Field[Any], default: Any) -> Spec:
    return Spec(name=name, default=default, **entry.metadata)


def specs(group: type, prefix: str = "", **defaults: Any) -> tuple[Spec, ...]:
    """The parameters of one dataclass, names behind `prefix`, `defaults` replacing its own."""
    listed = [entry for entry in fields(group) if entry.metadata]
    return tuple(_spec(prefix + e.name, e, defaults.get(e.name, e.default)) for e in listed)


def fusion_specs() -> tuple[Spec, ...]:
    """Every parameter of the fusion node, its own first, then `<modality>.<name>`."""
    streams = [specs(StreamParams, f"{name}.", topic=topic) for name, topic in TOPICS.items()]
    return specs(FusionParams) + sum(streams, ())


def fusion_from(values: Mapping[str, Any]) -> tuple[FusionParams, dict[str, StreamParams]]:
    """Build the groups from parameter values by name; raises ConfigError naming what is wrong."""
    own = FusionParams(**{s.name: values[s.name] for s in specs(FusionParams)})
    names = [spec.name for spec in specs(StreamParams)]
    streams = {m: StreamParams(**{n: values[f"{m}.{n}"] for n in names}) for m in TOPICS}
    topics = [stream.topic for stream in streams.values()]
    if "" in topics or len(set(topics)) < len(topics):
        raise ConfigError(
            f"topics are {topics}; expected one non-empty topic per modality, no two alike"
        )
    return own, streams
