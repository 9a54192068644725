"""The nodes' parameters, each declared once: default, meaning, unit, range and when it may change.

No ROS here: the frozen dataclasses below are the only home of a default. `nodes/declare.py` puts
them on a node; `nodes/params_doc.py` gives config/mmfi_live.yaml and docs/parameters.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from pta_ros.errors import ConfigError
from pta_ros.fusion.config import STAMP_POLICIES, StreamConfig
from pta_ros.fusion.smoothing import SmoothingConfig
from pta_ros.fusion.specs import LIVE, START, Group, Spec, param, specs
from pta_ros.fusion.transforms import pose_form
from pta_ros.fusion.windows import WindowConfig

#: Relative default topic of every modality.
TOPICS = {"depth": "depth/image", "lidar": "lidar/points", "csi": "wifi/csi"}

#: The same of the sensors whose packets are seen through windows.
WINDOW_TOPICS = {"radar": "radar/heatmap", "wifi": "wifi/csi", "rfid": "rfid/phase"}
#: Sets of sensors that a fusion node can read.
SETS = {"mmfi": TOPICS, "xrf55": WINDOW_TOPICS}

#: Message type of every modality's topic, and of a depth topic that is not raw.
TYPES = {
    "depth": "sensor_msgs/msg/Image",
    "lidar": "sensor_msgs/msg/PointCloud2",
    "csi": "pta_msgs/msg/CsiFrame",
    "radar": "pta_msgs/msg/RadarHeatmap",
    "wifi": "pta_msgs/msg/CsiFrame",
    "rfid": "pta_msgs/msg/RfidPhases",
}
#: Defaults of a stream of windows: one comes at every hop, none repeats.
_WINDOWED = {"stale_after_s": 0.8, "recover_frames": 1, "qos_depth": 20}
COMPRESSED = "sensor_msgs/msg/CompressedImage"

RAW = "raw"
_TRANSPORT = "raw topic, or a depth image's topic + '/' + transport (sensor_msgs/CompressedImage)"
_FRAME = "frame that the model knows clouds in; others are moved there; empty uses them as they are"
_EXTRINSIC = (
    "the LiDAR's pose in `frame`: x y z (m) roll pitch yaw (degrees); empty asks /tf_static"
)


def _transport(**change: Any) -> Any:
    return param(RAW, _TRANSPORT, choices=(RAW, "compressed", "compressedDepth"), **change)


def _frame(**change: Any) -> Any:
    return param("", _FRAME, **change)


def _extrinsic(**change: Any) -> Any:
    return param("", _EXTRINSIC, form=pose_form, **change)


@dataclass(frozen=True)
class StreamParams(Group):
    """One sensor stream: where it comes from and when it is to be trusted."""

    enabled: bool = param(True, "use this stream; false makes it DISABLED at once", change=LIVE)
    topic: str = param("", "topic to subscribe, relative to the node's namespace")
    transport: str = _transport()
    frame: str = _frame()
    extrinsic: str = _extrinsic()
    qos_depth: int = param(
        5, "messages kept while a callback runs; the newest wins", low=1, high=50
    )
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

    @property
    def source(self) -> str:
        """The topic that is read: `topic`, with the transport's ending (image_transport's way)."""
        if self.transport == RAW:
            return self.topic
        ending = f"/{self.transport}"
        return self.topic.removesuffix(ending) + ending

    @property
    def needs_transforms(self) -> bool:
        """Whether /tf_static must say where the sensor is."""
        return bool(self.frame) and not self.extrinsic

    def message_type(self, modality: str) -> str:
        """The type of the messages on `source`, as "package/msg/Name"."""
        return TYPES[modality] if self.transport == RAW else COMPRESSED

    def check(self, modality: str) -> None:
        """Raise ConfigError for what this modality cannot have."""
        if modality != "depth" and self.transport != RAW:
            reason = "only depth images come compressed"
            raise ConfigError(f"{modality}.transport is {self.transport!r}; {reason}: use {RAW}")
        for name in ("frame", "extrinsic"):
            value = getattr(self, name)
            if modality != "lidar" and value:
                reason = "only clouds can be moved into another frame"
                raise ConfigError(f"{modality}.{name} is {value!r}; {reason}: leave it empty")
        if self.extrinsic and not self.frame:
            raise ConfigError(
                f"{modality}.extrinsic is {self.extrinsic!r}, but {modality}.frame is empty; "
                "name the frame that it leads to"
            )

    def config(self) -> StreamConfig:
        """The settings that fusion/ needs."""
        names = {entry.name for entry in fields(StreamConfig)}
        return StreamConfig(**{n: v for n, v in vars(self).items() if n in names})


@dataclass(frozen=True)
class FusionParams(Group):
    """The fusion node: the model, the moment of an estimate, what is published, and how."""

    sensors: str = param(
        "mmfi",
        "sensors to read: depth, lidar, csi (mmfi), or windows of radar, wifi, rfid (xrf55)",
        choices=tuple(SETS),
        change=START,
    )
    model: str = param("", "model folder; empty takes the default model that is shipped")
    device: str = param("auto", "where the model runs: cpu, cuda, cuda:N, or auto (cuda if usable)")
    num_threads: int = param(1, "threads of the model on the CPU", low=1, high=64)
    precision: str = param(
        "float32",
        "precision of the layers of encoders xfi; bfloat16 is faster, joints move by millimetres",
        choices=("float32", "bfloat16"),
    )
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
    window_hop_s: float = param(
        WindowConfig.hop_s, "time between two windows of packets", unit="s", low=0.1, high=5.0
    )
    window_grace_s: float = param(
        WindowConfig.grace_s,
        "wait for late packets after a window's end; below the hop",
        unit="s",
        low=0.0,
        high=1.0,
    )
    window_max_missing: float = param(
        WindowConfig.max_missing,
        "share of a window's packets that may be missing; smaller gaps are interpolated",
        low=0.0,
        high=0.9,
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

    def windows(self) -> WindowConfig:
        """The settings of windows; raises ConfigError when they contradict each other."""
        return WindowConfig(self.window_hop_s, self.window_grace_s, self.window_max_missing)


@dataclass(frozen=True)
class SensorParams(Group):
    """The stand-alone sensor node: one stream, reduced near its sensor."""

    modality: str = param("depth", "which sensor this is", choices=tuple(TOPICS), change=START)
    model: str = param(
        "", "model folder whose sensor settings to use; empty takes the defaults", change=START
    )
    topic: str = param(
        "", "topic in; empty takes the modality's. Out is this + '/reduced'", change=START
    )
    transport: str = _transport(change=START)
    frame: str = _frame(change=START)
    extrinsic: str = _extrinsic(change=START)
    qos_depth: int = param(
        5, "messages kept while a callback runs; the newest wins", low=1, high=5, change=START
    )

    def stream(self) -> StreamParams:
        """The stream that this node reads; raises ConfigError for what its modality cannot have."""
        topic = self.topic or TOPICS[self.modality]
        given = StreamParams(
            topic=topic, transport=self.transport, frame=self.frame, extrinsic=self.extrinsic
        )
        given.check(self.modality)
        return given


def fusion_specs(sensors: str = "mmfi") -> tuple[Spec, ...]:
    """Every parameter of the fusion node, its own first, then `<modality>.<name>`."""
    windowed = sensors == "xrf55"
    changed = _WINDOWED if windowed else {}
    own = {"sensors": sensors, "frame_id": "radar_frame"} if windowed else {}
    streams = [
        specs(StreamParams, f"{name}.", topic=topic, **changed)
        for name, topic in SETS[sensors].items()
    ]
    return specs(FusionParams, **own) + sum(streams, ())


def fusion_from(values: Mapping[str, Any]) -> tuple[FusionParams, dict[str, StreamParams]]:
    """Build the groups from parameter values by name; raises ConfigError naming what is wrong."""
    own = FusionParams(**{s.name: values[s.name] for s in specs(FusionParams)})
    names = [spec.name for spec in specs(StreamParams)]
    streams = {m: StreamParams(**{n: values[f"{m}.{n}"] for n in names}) for m in SETS[own.sensors]}
    topics = [stream.topic for stream in streams.values()]
    if "" in topics or len(set(topics)) < len(topics):
        raise ConfigError(
            f"topics are {topics}; expected one non-empty topic per modality, no two alike"
        )
    if own.sensors == "xrf55" and not own.composed:
        raise ConfigError("composed is false; packets are decoded in the fusion node: use true")
    own.windows()
    for modality, stream in streams.items():
        stream.check(modality)
        elsewhere = stream.transport != RAW or stream.frame
        if elsewhere and not own.composed:
            raise ConfigError(
                f"{modality}.transport, frame and extrinsic need composed: true; without it they "
                "are parameters of the sensor_node that reads the sensor"
            )
    return own, streams
