"""The only file that reads or writes weights.

A checkpoint is a folder: `model.safetensors` and `config.json` with the model's configuration, the
sensors' reduction settings, statistics of the training data and where the weights come from.
Nothing in it is code, and loading is strict.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from pta_ros.errors import CheckpointError, ConfigError
from pta_ros.home import shipped
from pta_ros.model.config import PTAConfig
from pta_ros.model.pta import PTA
from pta_ros.sensors import sensors_from_config, sensors_to_config
from pta_ros.sensors.base import Sensor

FORMAT = 1
WEIGHTS = "model.safetensors"
CONFIG = "config.json"
#: The default model of each set of sensors (the fusion node's parameter `sensors`).
DEFAULT_MODELS = {"mmfi": "mmfi_lite", "xrf55": "xrf55_lite"}


@dataclass(frozen=True)
class Checkpoint:
    """A model in eval mode on the CPU, with all that is needed to feed it."""

    model: PTA
    sensors: dict[str, Sensor]
    statistics: dict[str, Any]
    provenance: dict[str, Any]
    name: str


def model_folder(given: str, sensors: str = "mmfi") -> Path:
    """The model folder asked for; for an empty string the default one of a set of sensors.

    Raises ConfigError when no default model is found.
    """
    if given:
        return Path(given).expanduser()
    name = DEFAULT_MODELS[sensors]
    place = shipped(f"models/{name}")
    if place is None:
        raise ConfigError(
            f"no default model {name} beside {Path(__file__).parent} or in share/pta_ros; "
            "name a model folder"
        )
    return place


def save(
    folder: Path,
    model: PTA,
    sensors: dict[str, Sensor],
    statistics: dict[str, Any],
    provenance: dict[str, Any],
) -> None:
    """Write `model` and its context to `folder`, replacing what is there, weights first."""
    folder.mkdir(parents=True, exist_ok=True)
    save_tensors(folder / WEIGHTS, model.state_dict())
    config = {
        "format": FORMAT,
        "model": model.config.to_dict(),
        "sensors": sensors_to_config(sensors),
        "statistics": statistics,
        "provenance": provenance,
    }
    write_atomically(folder / CONFIG, (json.dumps(config, indent=1) + "\n").encode())


def load(folder: Path | str) -> Checkpoint:
    """Read a checkpoint folder; raises CheckpointError when any part is missing or does not fit."""
    folder = Path(folder)
    config = _read_config(folder)
    try:
        model = PTA(PTAConfig.from_dict(config["model"]))
        sensors = sensors_from_config(config["sensors"])
        context = config["statistics"], config["provenance"]
    except (ConfigError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(f"{folder / CONFIG}: {error!r}; train the model again") from error
    if set(sensors) != set(model.config.modalities):
        raise CheckpointError(
            f"{folder / CONFIG}: sensors are {sorted(sensors)}; "
            f"expected the model's modalities {list(model.config.modalities)}"
        )
    load_into(model, load_tensors(folder / WEIGHTS), folder / WEIGHTS)
    return Checkpoint(model.eval(), sensors, *context, name=name_of(folder))


def name_of(folder: Path) -> str:
    """A model's name: its folder's, or, of what train_pta writes to `<run>/model`, the run's."""
    full = Path(os.path.abspath(folder))
    return full.parent.name if full.name == "model" and full.parent.name else full.name


def modalities_of(folder: Path) -> tuple[str, ...]:
    """The modalities of a model folder, without its weights; raises CheckpointError."""
    config = _read_config(folder)
    try:
        return tuple(config["model"]["modalities"])
    except (KeyError, TypeError) as error:
        raise CheckpointError(f"{folder / CONFIG}: {error!r}; train the model again") from error


def _read_config(folder: Path) -> dict[str, Any]:
    path = folder / CONFIG
    try:
        config = json.loads(path.read_text())
    except FileNotFoundError:
        raise CheckpointError(
            f"{path}: no such file; expected a model folder made by train_pta"
        ) from None
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{path}: {error}; expected JSON written by train_pta") from error
    found = config.get("format") if isinstance(config, dict) else None
    if found != FORMAT:
        raise CheckpointError(f"{path}: format is {found!r}; expected {FORMAT}")
    return dict(config)


def load_into(module: nn.Module, tensors: dict[str, Tensor], source: Path) -> None:
    """Fill `module` strictly; raises CheckpointError naming what does not fit."""
    try:
        module.load_state_dict(tensors, strict=True)
    except RuntimeError as error:
        lines = " ".join(str(error).split())
        raise CheckpointError(f"{source}: weights of another configuration: {lines}") from error


def save_tensors(
    path: Path, tensors: dict[str, Tensor], note: dict[str, str] | None = None
) -> None:
    """Write tensors and a note of strings as safetensors, complete or not at all."""
    temporary = path.with_name(path.name + ".part")
    save_file({k: v.detach().cpu().contiguous() for k, v in tensors.items()}, temporary, note)
    os.replace(temporary, path)


def load_tensors(path: Path) -> dict[str, Tensor]:
    """Read the tensors of a safetensors file; raises CheckpointError when it cannot be read."""
    try:
        return load_file(path)
    except FileNotFoundError:
        raise CheckpointError(f"{path}: no such file; the model folder is incomplete") from None
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{path}: {error}; expected an undamaged safetensors file") from error


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file complete or not at all."""
    temporary = path.with_name(path.name + ".part")
    temporary.write_bytes(data)
    os.replace(temporary, path)
