"""How a run begins: the model that it is told to start from, read and checked against the run."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from pathlib import Path

from pta_ros import checkpoint
from pta_ros.checkpoint import Checkpoint
from pta_ros.errors import CheckpointError, ConfigError
from pta_ros.home import model_folder
from pta_ros.sensors import sensors_to_config
from pta_ros.training.config import TrainConfig, with_shapes
from pta_ros.training.parts import MAIN, parts_of

#: Told of the width that was asked for, and the model's name.
_NONE_KEPT = (
    "model.pretrained is {}, but {} keeps no single-modality models that fit: "
    "there will be none beside the fusion"
)


@dataclass(frozen=True, eq=False)
class Source:
    """A loaded model that a run starts from, and the SHA-256 of all that its answers depend on.

    `only` are the encoders that the run takes of it, `taken` what stands for those; empty: all that
    fits. `notes` are for the user.
    """

    loaded: Checkpoint
    sha256: str
    only: tuple[str, ...] = ()
    taken: str = ""
    notes: tuple[str, ...] = ()


def begin(config: TrainConfig) -> tuple[TrainConfig, Source | None]:
    """The model that `config.start_from` names, and the configuration with its sensors' settings.

    What the configuration itself says of a sensor goes before the model's. Raises CheckpointError
    for a model that cannot be read, ConfigError for one that cannot be a start of this run.
    """
    if config.take == "encoders":
        return _begin_encoders(config)
    _check_freeze(config)
    if not config.start_from:
        if config.freeze:
            raise ConfigError(
                f"freeze names {list(config.freeze)}, but the run starts from nothing; expected a "
                "model to take them from: train_pta --from MODEL"
            )
        return config, None
    config, source = _begin(config)
    asked = config.model.pretrained
    config = _with_kept(_with_shares(config, source.loaded), source.loaded)
    if asked and not config.model.pretrained:
        source = replace(source, notes=(_NONE_KEPT.format(asked, source.loaded.name),))
    return config, source


def begin_compared(config: TrainConfig) -> tuple[TrainConfig, Source | None]:
    """As `begin`, for systems that are compared: those take encoders alone, and leave them as are.

    Everything else of each begins from nothing, so that none has the model's own fusion. Raises as
    `begin`, and ConfigError for parts to freeze.
    """
    return begin(replace(config, take="encoders") if config.start_from else config)


def _begin_encoders(config: TrainConfig) -> tuple[TrainConfig, Source]:
    """A run that takes encoders, and the search for people, and leaves them as they are.

    Widths are as without a start: no projection and no head is kept.
    """
    if not config.start_from:
        raise ConfigError(
            "take is 'encoders', but the run starts from nothing; expected a model to take them "
            "from: train_pta --from MODEL"
        )
    if config.freeze:
        raise ConfigError(
            f"freeze names {list(config.freeze)}; expected nothing: with --systems, and where take "
            f"is 'encoders', a run keeps those of {config.start_from}, and trains all else"
        )
    encoders = config.model.modalities
    begun, source = _begin(replace(config, freeze=encoders))
    name, theirs = source.loaded.name, source.loaded.model.config.modalities
    if missing := [m for m in encoders if m not in theirs]:
        raise ConfigError(
            f"model {name} has no encoder of {', '.join(missing)}; expected all of "
            f"{', '.join(encoders)}, as model.modalities says"
        )
    taken = _encoders_sha256(source.loaded, encoders)  # its fusion may change: a run does not care
    return begun, replace(source, only=encoders, taken=taken)


def _begin(config: TrainConfig) -> tuple[TrainConfig, Source]:
    """The model that is named, checked, and the configuration with its sensors' settings."""
    folder = model_folder(config.start_from)
    loaded = checkpoint.load(folder)
    _check(config, loaded)
    source = Source(loaded, _sha256(folder))
    if config.model.joint_tokens:  # their readings are centred, not reduced by sensors' settings
        return config, source
    theirs = sensors_to_config(loaded.sensors)
    both = {m: {**theirs.get(m, {}), **config.sensors.get(m, {})} for m in config.model.modalities}
    bare = replace(config.model, shapes={})
    return with_shapes(replace(config, sensors=both, model=bare)), source


def _with_kept(config: TrainConfig, loaded: Checkpoint) -> TrainConfig:
    """The single-modality models that a run keeps are those that its start keeps, if they fit."""
    mine, theirs = config.model, loaded.model.config
    fit = set(mine.modalities) <= set(theirs.modalities) and mine.tasks[0] == theirs.tasks[0]
    sizes = ("channels", "tokens", "joints" if mine.has("pose") else "classes")
    fit = fit and all(getattr(mine, name) == getattr(theirs, name) for name in sizes)
    fit = fit and theirs.pretrained <= mine.dim
    return replace(config, model=replace(mine, pretrained=theirs.pretrained if fit else 0))


def _with_shares(config: TrainConfig, loaded: Checkpoint) -> TrainConfig:
    """A refinement that is not trained moves features as far as it did."""
    if "refinement" not in config.freeze:
        return config
    theirs = loaded.model.config.refined
    shares = {m: theirs[m] for m in config.model.modalities if m in theirs}
    return replace(config, model=replace(config.model, refined=shares))


def _check_freeze(config: TrainConfig) -> None:
    """Raise ConfigError for parts that the model does not have, and where nothing is trained."""
    known = parts_of(config.model)
    if unknown := [part for part in config.freeze if part not in known]:
        raise ConfigError(f"freeze names {unknown}; this model's parts are {list(known)}")
    # A refinement that is trained later is trained beside something else all the same.
    aligns = config.model.refine or config.meta.align_weight > 0
    aligns = aligns and not config.meta.refine_epochs
    trained = [part for part in MAIN if part in known and (aligns or part != "refinement")]
    if set(trained) <= set(config.freeze):
        raise ConfigError(
            f"freeze names {list(config.freeze)}; expected one of {trained} to be trained"
        )


def _check(config: TrainConfig, loaded: Checkpoint) -> None:
    """Raise ConfigError for a model of another family, or of other sensors."""
    theirs, mine = loaded.model.config, config.model
    if theirs.encoders != mine.encoders:
        what = " (it finds people anywhere)" if loaded.finder is not None else ""
        raise ConfigError(
            f"model {loaded.name} has encoders {theirs.encoders!r}{what}; expected "
            f"{mine.encoders!r}, as model.encoders says"
        )
    if not set(theirs.modalities) & set(mine.modalities):
        raise ConfigError(
            f"model {loaded.name} has {', '.join(theirs.modalities)}; expected some of "
            f"{', '.join(mine.modalities)}, as model.modalities says"
        )


def _sha256(folder: Path) -> str:
    """Of all that a model folder's answers depend on."""
    digest = hashlib.sha256()
    about = checkpoint.read_config(folder / checkpoint.CONFIG, "expected a model folder")
    digest.update(json.dumps([about["model"], about["sensors"]], sort_keys=True).encode())
    for name in (checkpoint.WEIGHTS, checkpoint.FINDER):
        try:
            digest.update((folder / name).read_bytes() if (folder / name).exists() else b"")
        except OSError as error:
            raise CheckpointError(f"{folder / name}: {error.strerror}; expected weights") from error
    return digest.hexdigest()


def _encoders_sha256(loaded: Checkpoint, modalities: tuple[str, ...]) -> str:
    """Of all that the features which some encoders make depend on."""
    settings = sensors_to_config(loaded.sensors)
    told = {m: settings.get(m) for m in modalities}
    digest = hashlib.sha256(json.dumps(told, sort_keys=True).encode())
    for modality in modalities:
        for name, value in loaded.model.encoders[modality].state_dict().items():
            digest.update(f"{modality}.{name}".encode() + value.contiguous().numpy().tobytes())
    return digest.hexdigest()
