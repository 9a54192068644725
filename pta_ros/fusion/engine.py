"""From parameters to a running pipeline: the model's folder, its device, streams and tracks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from hashlib import blake2b

import torch

from pta_ros import checkpoint
from pta_ros.errors import ConfigError
from pta_ros.frames import Sample
from pta_ros.fusion.activity_filter import ActivityFilter
from pta_ros.fusion.config import StreamParams
from pta_ros.fusion.estimator import Estimator
from pta_ros.fusion.follow import Follower
from pta_ros.fusion.level import LEVEL_FRAME
from pta_ros.fusion.live_people import LivePeople
from pta_ros.fusion.pace import Pace
from pta_ros.fusion.params import FusionParams
from pta_ros.fusion.people import PeopleEstimator
from pta_ros.fusion.pipeline import FusionPipeline
from pta_ros.fusion.prediction import Prediction
from pta_ros.fusion.provenance import taught, trained
from pta_ros.fusion.streams import Stream
from pta_ros.fusion.windows import WindowedPipeline
from pta_ros.home import model_folder
from pta_ros.model.device import has_bfloat16, resolve_device, use_float32
from pta_ros.model.freeze import Frozen
from pta_ros.sensors.base import Sensor
from pta_ros.sensors.window import WindowSensor
from pta_ros.skeleton import NUM_JOINTS


def resolve_precision(asked: str, device: str, finds_people: bool) -> str:
    """What `precision` stands for. auto is bfloat16 for a model of people on a CPU that has it."""
    if asked != "auto":
        return asked
    return "bfloat16" if finds_people and device == "cpu" and has_bfloat16() else "float32"


@lru_cache(maxsize=4)
def _graphs(model: bytes, device: str, precision: str) -> Frozen:
    """What was traced of a model (by its `_digest`) in this process: see `trace_parts`."""
    return {}


def _digest(loaded: checkpoint.Checkpoint) -> bytes:
    """Tells one model and its sensors from every other."""
    shapes = {m: sensor.shape for m, sensor in loaded.sensors.items()}
    digest = blake2b(f"{loaded.model.config} {shapes}".encode())
    tensors = loaded.model.state_dict() | (loaded.finder.state_dict() if loaded.finder else {})
    for name, tensor in tensors.items():
        digest.update(name.encode() + tensor.numpy().tobytes())
    return digest.digest()


@dataclass
class Engine:
    """A loaded model and its device; `start` makes the pipeline, `stop` frees the device."""

    loaded: checkpoint.Checkpoint
    device: str
    params: FusionParams
    streams: dict[str, StreamParams]
    estimator: Estimator | LivePeople | None = None

    @classmethod
    def load(cls, params: FusionParams, streams: dict[str, StreamParams]) -> Engine:
        """Load and check everything; raises CheckpointError or ConfigError."""
        device = resolve_device(params.device)
        loaded = checkpoint.load(model_folder(params.model, params.sensor_set))
        missing = sorted(set(loaded.sensors) - set(streams))
        if missing:
            raise ConfigError(
                f"model {loaded.name} needs {missing}; this node has {sorted(streams)}"
            )
        joints = loaded.model.config.output_joints
        if joints not in (0, NUM_JOINTS):
            raise ConfigError(
                f"model {loaded.name} has {joints} joints; expected {NUM_JOINTS}, in the order of "
                "Human3.6M: messages and tracks hold no others"
            )
        engine = cls(loaded, device, params, {})
        engine.configure(params, streams)
        return engine

    def configure(self, params: FusionParams, streams: Mapping[str, StreamParams]) -> None:
        """Take these parameters, those of the model's own streams; raises ConfigError."""
        own = {m: streams[m] for m in self.loaded.sensors}
        if self.finds_people:
            own = {m: _in_level(m, stream, params) for m, stream in own.items()}
        else:
            for modality, stream in own.items():
                stream.check_moves(modality)
        self.params, self.streams = params, own

    @property
    def finds_people(self) -> bool:
        """Whether the model finds any number of people, anywhere."""
        return self.loaded.finder is not None

    @property
    def level_frame(self) -> str:
        """The frame that a model which finds people answers in; empty for one person's."""
        return _level_frame(self.params) if self.finds_people else ""

    @property
    def sensors(self) -> dict[str, Sensor]:
        """The sensors that the model was trained with, whole for one that finds people."""
        return self.loaded.live_sensors

    @cached_property
    def about(self) -> dict[str, str]:
        """Where the model comes from, for diagnostics: folder, format and provenance in words."""
        folder, loaded = model_folder(self.params.model, self.params.sensor_set), self.loaded
        return {
            "model_path": str(folder.absolute()),
            "model_format": str(checkpoint.FORMAT),
            "trained": trained(loaded.provenance, loaded.statistics),
            "taught": taught(loaded.provenance),
        }

    @property
    def graphs_told(self) -> dict[str, str]:
        """What runs by CUDA graphs, and what does not and why; empty on a CPU."""
        estimator = self.estimator
        runs = estimator.people if isinstance(estimator, LivePeople) else estimator
        return runs.graphs.told() if runs is not None and runs.graphs is not None else {}

    def start(self) -> FusionPipeline:
        """Put a copy of the model on its device, warm it up and make a fresh pipeline."""
        self.prepare()
        return self.pipeline()

    def prepare(self) -> None:
        """Put a copy of the model on its device and warm it up: `estimator` is there then."""
        torch.set_num_threads(self.params.num_threads)
        if self.device != "cpu":
            use_float32()
        params = self.params
        precision = resolve_precision(params.precision, self.device, self.finds_people)
        graphs = _graphs(_digest(self.loaded), self.device, precision)
        if self.finds_people:
            people = PeopleEstimator(self.loaded, params.search, self.device, params.refine)
            people.quicken(precision, graphs)
            self.estimator = LivePeople(people)
            return
        self.estimator = Estimator(
            self.loaded.model, self.device, params.refine, params.gate, precision
        )
        follower = self._follower()
        self.estimator.alone = follower is not None and follower.wants_alone
        self.estimator.warm_up({m: sensor.shape for m, sensor in self.sensors.items()}, graphs)

    def pipeline(self, instead: Callable[[Sample], Prediction] | None = None) -> FusionPipeline:
        """A fresh pipeline around the estimator that `start` made, or around another `instead`."""
        assert self.estimator is not None, "start() comes first"
        estimator = instead or self.estimator
        streams = {m: Stream(m, given) for m, given in self.streams.items()}
        activities = ActivityFilter(self.params.activity)
        windows = {m: s for m, s in self.sensors.items() if isinstance(s, WindowSensor)}
        if windows:
            settings = self.params.windows()
            return WindowedPipeline(streams, estimator, windows, settings, activities, self.pace())
        follower = self._follower()
        self.estimator.alone = follower is not None and follower.wants_alone
        return FusionPipeline(streams, estimator, follower, activities, self.pace())

    def pace(self) -> Pace:
        """Which streams lead with this model's weights, and how long others are waited for."""
        if any(isinstance(sensor, WindowSensor) for sensor in self.sensors.values()):
            return Pace({}, self.params.rate_hz, self.params.max_wait_s)  # windows end at once
        weights = self.loaded.model.purify(
            torch.ones(1, len(self.loaded.sensors), dtype=torch.bool)
        )
        shares = dict(zip(self.loaded.model.config.modalities, weights[0].tolist(), strict=True))
        return Pace(shares, self.params.rate_hz, self.params.max_wait_s)

    def _follower(self) -> Follower | None:
        """None for a model that tells no joints."""
        config = self.loaded.model.config
        if not config.has("pose"):
            return None
        return Follower(self.params.tracks, config.modalities, self.finds_people)

    def stop(self) -> None:
        """Release the device's memory; the loaded model stays, on the CPU.

        The estimator holds the model's copy on the device; the pipeline must be gone before.
        """
        self.estimator = None
        if self.device != "cpu":
            torch.cuda.empty_cache()


def _level_frame(params: FusionParams) -> str:
    return params.frame_id or LEVEL_FRAME


def _in_level(modality: str, stream: StreamParams, params: FusionParams) -> StreamParams:
    """A stream whose readings are placed in the level frame; raises ConfigError."""
    if not params.composed:
        raise ConfigError(
            "composed is false; sensor_nodes reduce what a model that finds people needs whole: "
            "use true"
        )
    if stream.frame:
        raise ConfigError(
            f"{modality}.frame is {stream.frame!r}; a model that finds people knows one frame, "
            f"frame_id ({_level_frame(params)}): leave it empty"
        )
    return replace(stream, frame=_level_frame(params))
