"""Model folders: what is in one, read and written.

A checkpoint is a folder: `model.safetensors` and `config.json` with the model's configuration, the
sensors' reduction settings, statistics of the training data and the weights' provenance. Nothing
in it is code. Loading is strict, and every size is checked before memory is taken for it.
"""

from __future__ import annotations

import json
import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pta_ros.errors import CheckpointError, ConfigError
from pta_ros.model.config import PTAConfig
from pta_ros.model.finder import Finder
from pta_ros.model.pta import PTA
from pta_ros.people import birdseye
from pta_ros.sensors import sensors_from_config, sensors_to_config
from pta_ros.sensors.base import Sensor
from pta_ros.sensors.whole import all_whole
from pta_ros.tensors import load_into, load_tensors, save_tensors, tensor_shapes, write_atomically

FORMAT = 1
WEIGHTS = "model.safetensors"
CONFIG = "config.json"
FINDER = "finder.safetensors"
#: Values of a reduced frame; the largest that an encoder takes has 560,000.
LARGEST_FRAME = 10_000_000
_TRAINED = "expected a model folder made by train_pta"


@dataclass(frozen=True)
class Checkpoint:
    """A model in eval mode on the CPU, with all that is needed to feed it.

    `finder` finds the people whom a model of centred readings (encoders `centred`) looks at.
    """

    model: PTA
    sensors: dict[str, Sensor]
    statistics: dict[str, Any]
    provenance: dict[str, Any]
    name: str
    finder: Finder | None = None

    @property
    def live_sensors(self) -> dict[str, Sensor]:
        """The sensors as live messages are read: whole for a model that finds people."""
        return self.sensors if self.finder is None else all_whole(self.sensors)


def save(
    folder: Path,
    model: PTA,
    sensors: dict[str, Sensor],
    statistics: dict[str, Any],
    provenance: dict[str, Any],
    finder: Finder | None = None,
) -> None:
    """Write `model` and its context to `folder`, replacing what is there, weights first.

    Raises CheckpointError when that is impossible, such as on a full disk.
    """
    config = {
        "format": FORMAT,
        "model": model.config.to_dict(),
        "sensors": sensors_to_config(sensors),
        "statistics": statistics,
        "provenance": provenance,
    }
    save_tensors(folder / WEIGHTS, model.state_dict())
    if finder is not None:
        save_tensors(folder / FINDER, finder.state_dict())
    write_atomically(folder / CONFIG, (json.dumps(config, indent=1) + "\n").encode())


def load(folder: Path | str) -> Checkpoint:
    """Read a checkpoint folder; raises CheckpointError when any part is missing or does not fit."""
    folder = Path(folder)
    path, weights = folder / CONFIG, folder / WEIGHTS
    config = read_config(path, _TRAINED)
    try:
        declared = PTAConfig.from_dict(config["model"])
        sensors = sensors_from_config(config["sensors"])
        context = config["statistics"], config["provenance"]
    except (ConfigError, KeyError, TypeError, AttributeError) as error:
        reason = error if isinstance(error, ConfigError) else repr(error)
        raise CheckpointError(f"{path}: {reason}; train the model again") from error
    _check_frames(path, declared, sensors)
    _check_shapes(weights, declared)
    try:
        model = PTA(declared)
    except ConfigError as error:
        raise CheckpointError(f"{path}: {error}; train the model again") from error
    load_into(model, load_tensors(weights), weights)
    _check_exponents(weights, model)
    finder = _load_finder(folder / FINDER) if declared.joint_tokens else None
    return Checkpoint(model.eval(), sensors, *context, name=name_of(folder), finder=finder)


def _check_exponents(path: Path, model: PTA) -> None:
    """Raise CheckpointError where answers would be pooled by what is no exponent."""
    if model.pretrained is None:
        return
    each = model.pretrained.exponents
    if not bool(each.isfinite().all() and (each >= 0).all() and (each.sum(dim=1) > 0).all()):
        raise CheckpointError(
            f"{path}: pretrained.exponents are {each.tolist()}; expected two of each subset, none "
            "negative, not both 0: train the model again"
        )


def _load_finder(path: Path) -> Finder:
    finder = Finder(birdseye.CHANNELS)
    load_into(finder, load_tensors(path), path)
    return finder.eval()


def _check_frames(path: Path, declared: PTAConfig, sensors: dict[str, Sensor]) -> None:
    """Raise CheckpointError unless there is a sensor of sane size for each modality."""
    if set(sensors) != set(declared.modalities):
        raise CheckpointError(
            f"{path}: sensors are {sorted(sensors)}; "
            f"expected the model's modalities {list(declared.modalities)}"
        )
    for modality, sensor in sensors.items():
        if math.prod(sensor.shape) > LARGEST_FRAME:
            raise CheckpointError(
                f"{path}: a frame of {modality} has shape {sensor.shape}; "
                f"expected at most {LARGEST_FRAME} values: correct the sensor's settings"
            )
        if declared.shapes.get(modality, sensor.shape) != sensor.shape:
            raise CheckpointError(
                f"{path}: a frame of {modality} has shape {sensor.shape}; expected "
                f"{declared.shapes[modality]}, which the model is made for: train the model again"
            )


def _check_shapes(path: Path, declared: PTAConfig) -> None:
    """Raise CheckpointError when the file's tensors have other sizes than those declared.

    Only the file's header is read. That all tensors fit is `load_into`'s to check.
    """
    expected, shared = {}, declared.diffusion.shared
    for modality in declared.modalities:
        expected[f"projectors.{modality}.channel.0.weight"] = [declared.dim, declared.channels]
        aligner = "aligner" if shared else f"aligner.{modality}"
        expected[f"{aligner}.start_noise"] = [declared.tokens, declared.latent]
        steps = [declared.diffusion.train_steps, declared.latent]
        expected[f"{aligner}.predictor.time.weight"] = steps
    for block in range(declared.attention):
        expected[f"attention.blocks.{block}.query.weight"] = [declared.dim, declared.dim]
    if declared.has("pose"):
        expected["head.position.weight"] = [3 * declared.joints, declared.dim]
        for block in range(declared.mixers):
            expected[f"head.mix.{block}.token.0.weight"] = [4 * declared.tokens, declared.tokens]
    if declared.has("activity"):
        head = "activity" if declared.has("pose") else "head"
        expected[f"{head}.score.weight"] = [len(declared.classes), declared.dim]
    found = tensor_shapes(path)
    for name, shape in expected.items():
        if found.get(name) != shape:
            raise CheckpointError(
                f"{path}: weights of another configuration: {name} has shape {found.get(name)}; "
                f"expected {shape}, as {CONFIG} declares"
            )


def name_of(folder: Path) -> str:
    """A model's name: its folder's, or, of what train_pta writes to `<run>/model`, the run's."""
    full = Path(os.path.abspath(folder))
    return full.parent.name if full.name == "model" and full.parent.name else full.name


def modalities_of(folder: Path) -> tuple[str, ...]:
    """The modalities of a model folder, without its weights; raises CheckpointError."""
    config = read_config(folder / CONFIG, _TRAINED)
    try:
        return tuple(config["model"]["modalities"])
    except (KeyError, TypeError) as error:
        raise CheckpointError(f"{folder / CONFIG}: {error!r}; train the model again") from error


def read_config(path: Path, advice: str) -> dict[str, Any]:
    """Read a config.json of this FORMAT; raises CheckpointError that ends with `advice`."""
    try:
        if path.exists() and not path.is_file():  # to open a pipe would wait for a writer
            raise CheckpointError(f"{path}: not a regular file; {advice}")
        config = json.loads(path.read_text())
    except FileNotFoundError:
        raise CheckpointError(f"{path}: no such file; {advice}") from None
    except OSError as error:
        raise CheckpointError(f"{path}: {error.strerror}; {advice}") from error
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{path}: {error}; expected JSON: {advice}") from error
    found = config.get("format") if isinstance(config, dict) else None
    if found != FORMAT:
        raise CheckpointError(f"{path}: format is {found!r}, expected {FORMAT}; {advice}")
    return dict(config)
