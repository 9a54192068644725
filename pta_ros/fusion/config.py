"""Settings of streams, windows and the search: where messages come from, what is to be trusted."""

from __future__ import annotations

from dataclasses import dataclass, field

from pta_ros.errors import ConfigError
from pta_ros.fusion.transforms import pose_form
from pta_ros.sensors import SENSORS
from pta_ros.settings import HIDDEN, LIVE, Group, param
from pta_ros.tracks.association import AssociationConfig
from pta_ros.tracks.filter import MotionConfig
from pta_ros.tracks.tracker import TrackerConfig

STAMP_POLICIES = ("stamp", "receive", "align", "reject")
IMAGE, CLOUD = "sensor_msgs/msg/Image", "sensor_msgs/msg/PointCloud2"
_UNMOVED = "only clouds can be moved into another frame"
#: Message type of an image topic that is not raw.
COMPRESSED = "sensor_msgs/msg/CompressedImage"
RAW = "raw"
#: Topic of a fusion node's people as points: a cloud, and no LiDAR's.
OBSTACLE_POINTS = "obstacle_points"


@dataclass(frozen=True)
class StreamConfig(Group):
    """When a stream is to be trusted; raises ConfigError for a value out of its range."""

    enabled: bool = param(True, "use this stream; false makes it DISABLED at once", change=LIVE)
    stale_after_s: float = param(
        0.3, "without a usable frame for so long the stream is STALE", unit="s", low=0.05, high=60.0
    )
    sync_tolerance_s: float = param(
        0.08,
        "largest distance of a frame from the estimated moment; one and a half of the sensor's own "
        "periods, where that is less",
        unit="s",
        low=0.001,
        high=5.0,
    )
    offset_s: float = param(
        0.0, "added to stamps; negative for a sensor that stamps late", unit="s", low=-5.0, high=5.0
    )
    recover_frames: int = param(2, "good frames in a row that end CORRUPT or STALE", low=1, high=50)
    freeze_frames: int = param(
        2, "identical repeats that make it frozen; 0 allows repeats", low=0, high=50
    )
    stamp_policy: str = param(
        "stamp",
        "the sensor's stamp (receipt for a zero or future one); receive: always the receipt; "
        "align: the stamp moved by the clocks' measured offset; reject: no zero or future one",
        choices=STAMP_POLICIES,
    )
    history: int = param(8, "frames that are kept", low=1, high=1000, change=HIDDEN)
    future_tolerance_s: float = param(
        0.1, "so far ahead is no future stamp", unit="s", low=0.0, high=60.0, change=HIDDEN
    )


@dataclass(frozen=True)
class Source(Group):
    """Where a stream's messages come from, and how clouds are moved."""

    topic: str = param("", "topic to subscribe, relative to the node's namespace")
    transport: str = param(
        RAW,
        "raw, or of a depth image: CompressedImage on topic + '/' + transport",
        choices=(RAW, "compressed", "compressedDepth"),
    )
    frame: str = param(
        "", "frame that the model knows clouds in; others are moved there; empty moves none"
    )
    extrinsic: str = param(
        "",
        "the LiDAR's pose in `frame`: x y z (m) roll pitch yaw (degrees); empty asks /tf_static; "
        "for a people model also the camera's, and both in frame_id",
        form=pose_form,
    )
    qos_depth: int = param(
        5, "messages kept while a callback runs; the newest wins", low=1, high=50
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

    @property
    def elsewhere(self) -> bool:
        """Whether messages are decompressed or moved: work of the process that decodes them."""
        return self.transport != RAW or bool(self.frame)

    def message_type(self, modality: str) -> str:
        """The type of the messages on `source`, as "package/msg/Name"."""
        return SENSORS[modality].message_type if self.transport == RAW else COMPRESSED

    def check(self, modality: str) -> None:
        """Raise ConfigError for what this modality cannot have."""
        kind = SENSORS[modality].message_type if modality in SENSORS else ""
        if kind != IMAGE and self.transport != RAW:
            reason = "only depth images come compressed"
            raise ConfigError(f"{modality}.transport is {self.transport!r}; {reason}: use {RAW}")
        for name, kinds in (("frame", (CLOUD,)), ("extrinsic", (CLOUD, IMAGE))):
            value = getattr(self, name)
            if kind not in kinds and value:
                raise ConfigError(f"{modality}.{name} is {value!r}; {_UNMOVED}: leave it empty")

    def check_moves(self, modality: str) -> None:
        """Raise ConfigError for a pose that a model for one person in a fixed place cannot use."""
        if self.extrinsic and SENSORS[modality].message_type != CLOUD:
            raise ConfigError(
                f"{modality}.extrinsic is {self.extrinsic!r}; {_UNMOVED}, but for a model that "
                "finds people: leave it empty"
            )
        if self.extrinsic and not self.frame:
            raise ConfigError(
                f"{modality}.extrinsic is {self.extrinsic!r}, but {modality}.frame is empty; "
                "name the frame that it leads to"
            )


@dataclass(frozen=True)
class StreamParams(StreamConfig, Source):
    """One sensor stream: where it comes from and when it is to be trusted."""

    qos_reliability: str = param(
        "best_effort",
        "asked of the publisher; best_effort fits all",
        choices=("best_effort", "reliable"),
    )
    #: The sensor's own settings, of its class's `installation`.
    device: Group = field(default_factory=Group)


@dataclass(frozen=True)
class WindowConfig:
    """When windows end and when they count; raises ConfigError for values that cannot work."""

    hop_s: float = 0.5
    grace_s: float = 0.03
    max_missing: float = 0.3

    def __post_init__(self) -> None:
        if not (self.hop_s > 0 and 0 <= self.grace_s < self.hop_s and 0 <= self.max_missing < 1):
            raise ConfigError(
                f"window hop_s {self.hop_s}, grace_s {self.grace_s}, max_missing "
                f"{self.max_missing}; expected 0 <= grace_s < hop_s and a share below 1"
            )


@dataclass(frozen=True)
class SearchConfig(Group):
    """Whom a model that finds people counts as found; parameters `people.<name>`."""

    candidate: float = param(
        0.15, "least probability of a place in the grid that is looked at", low=0.0, high=1.0
    )
    presence: float = param(
        0.6, "least probability of a person, of search and look together", low=0.0, high=1.0
    )
    apart_m: float = param(
        0.35, "least distance of two people that are looked at", unit="m", low=0.05, high=5.0
    )
    most: int = param(8, "places that are looked at, the likeliest first", low=1, high=100)


@dataclass(frozen=True)
class PublishConfig(Group):
    """What else is published of people who are followed; parameters `publish.<name>`."""

    tf: bool = param(False, "people and their joints as frames on /tf; needs tf2_msgs")
    humans: bool = param(False, "REP 155's topics of bodies, /humans/bodies/...; needs hri_msgs")
    obstacles: bool = param(
        True, "people on the floor: obstacles (PoseArray), obstacle_points (PointCloud2)"
    )
    people_msgs: bool = param(
        False, "moving_people (people_msgs/People) for social costmap layers; needs people_msgs"
    )


#: How models of people err: on two synthetic walkers of the wide world (10 Hz, camera, LiDAR and
#: both) tracks are then as right as single frames (0.98 to 1.02 of the error). With the defaults,
#: which keep somebody at rest calmer, limbs that swing lag: up to 1.2 of it.
_CROWD = MotionConfig(start_hz=6.0, white=0.5)


@dataclass(frozen=True)
class TracksConfig(Group):
    """How people are followed over time; parameters `tracks.<name>`."""

    enabled: bool = param(
        True, "follow people over time; false publishes each instant by itself", change=LIVE
    )
    consistency: bool = param(
        True,
        "leave a sensor out while it contradicts the others and the track",
        change=LIVE,
    )
    forget_after_s: float = param(
        AssociationConfig.forget_after_s,
        "somebody is predicted for so long after the last measurement, when sensors are silent",
        unit="s",
        low=0.05,
        high=60.0,
    )
    hide_after_s: float = param(
        0.3,
        "and published for so long while sensors look and do not show them",
        unit="s",
        low=0.0,
        high=60.0,
    )
    history_s: float = param(
        TrackerConfig.history_s,
        "a frame so late is still taken in, at its own stamp; 0: none",
        unit="s",
        low=0.0,
        high=5.0,
    )
    predict_ahead_s: float = param(
        0.0,
        "publish where people will be so long from now; 0: where they were at the newest stamp",
        unit="s",
        low=0.0,
        high=5.0,
    )

    def tracker(self, crowd: bool) -> TrackerConfig:
        """The settings of the tracker, of a model for a `crowd` or for one person."""
        people = AssociationConfig(forget_after_s=self.forget_after_s)
        motion = _CROWD if crowd else MotionConfig()
        return TrackerConfig(self.history_s, people, motion)
