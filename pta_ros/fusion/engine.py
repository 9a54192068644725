"""From parameters to a running pipeline: the model's folder, its device, streams and smoothing."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b

import torch

from pta_ros import checkpoint
from pta_ros.errors import ConfigError
from pta_ros.fusion.config import StreamParams
from pta_ros.fusion.estimator import Estimator
from pta_ros.fusion.params import FusionParams
from pta_ros.fusion.pipeline import FusionPipeline
from pta_ros.fusion.smoothing import OneEuroFilter, SmoothingConfig
from pta_ros.fusion.streams import Stream
from pta_ros.fusion.windows import WindowedPipeline
from pta_ros.home import model_folder
from pta_ros.sensors.base import Sensor
from pta_ros.sensors.window import WindowSensor


def resolve_device(asked: str) -> str:
    """The device to use; raises ConfigError for one that is not there."""
    usable = torch.cuda.is_available()
    if asked == "auto":
        return "cuda" if usable else "cpu"
    kind, _, index = asked.partition(":")
    if asked == "cpu":
        return asked
    if kind != "cuda" or not (index or "0").isdigit():
        raise ConfigError(f"device is {asked!r}; expected cpu, cuda, cuda:N or auto")
    count = torch.cuda.device_count() if usable else 0
    if int(index or 0) >= count:
        raise ConfigError(
            f"device is {asked!r}, but {count} CUDA devices are usable; use cpu or auto"
        )
    return asked


@lru_cache(maxsize=4)
def _graphs(model: bytes, device: str, precision: str) -> dict[str, bytes]:
    """What was traced of a model (by its `_digest`) in this process: see `trace_parts`."""
    return {}


def _digest(loaded: checkpoint.Checkpoint) -> bytes:
    """Tells one model and its sensors from every other."""
    shapes = {m: sensor.shape for m, sensor in loaded.sensors.items()}
    digest = blake2b(f"{loaded.model.config} {shapes}".encode())
    for name, tensor in loaded.model.state_dict().items():
        digest.update(name.encode() + tensor.numpy().tobytes())
    return digest.digest()


@dataclass
class Engine:
    """A loaded model and its device; `start` makes the pipeline, `stop` frees the device."""

    loaded: checkpoint.Checkpoint
    device: str
    params: FusionParams
    streams: dict[str, StreamParams]
    estimator: Estimator | None = None
    smoother: OneEuroFilter | None = None

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
        return cls(loaded, device, params, {m: streams[m] for m in loaded.sensors})

    @property
    def sensors(self) -> dict[str, Sensor]:
        """The sensors that the model was trained with."""
        return self.loaded.sensors

    def start(self) -> FusionPipeline:
        """Put a copy of the model on its device, warm it up and make a fresh pipeline."""
        torch.set_num_threads(self.params.num_threads)
        self.estimator = Estimator(
            self.loaded.model,
            self.device,
            self.params.refine,
            self.params.gate,
            self.params.precision,
        )
        graphs = _graphs(_digest(self.loaded), self.device, self.params.precision)
        self.estimator.warm_up({m: sensor.shape for m, sensor in self.sensors.items()}, graphs)
        return self.pipeline()

    def pipeline(self) -> FusionPipeline:
        """A fresh pipeline around the estimator that `start` made."""
        assert self.estimator is not None, "start() comes first"
        smoothing = SmoothingConfig(
            min_cutoff_hz=self.params.smoothing_min_cutoff_hz, beta=self.params.smoothing_beta
        )
        self.smoother = OneEuroFilter(smoothing, self.params.smoothing)
        streams = {m: Stream(m, given) for m, given in self.streams.items()}
        windows = {m: s for m, s in self.sensors.items() if isinstance(s, WindowSensor)}
        if windows:
            return WindowedPipeline(streams, self.estimator, windows, self.params.windows())
        return FusionPipeline(streams, self.estimator, self.smoother)

    def stop(self) -> None:
        """Release the device's memory; the loaded model stays, on the CPU.

        The estimator holds the model's copy on the device; the pipeline must be gone before.
        """
        self.estimator = None
        if self.device != "cpu":
            torch.cuda.empty_cache()
