"""Reads a training configuration from YAML or plain containers, naming the entry that is wrong."""

from __future__ import annotations

from dataclasses import fields, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

import yaml

from pta_ros.datasets import class_names
from pta_ros.errors import ConfigError
from pta_ros.model.config import PTAConfig
from pta_ros.training.config import (
    ActivityConfig,
    GateConfig,
    MetaConfig,
    PretrainConfig,
    SplitConfig,
    TrainConfig,
    WidthConfig,
)

T = TypeVar("T")

_GROUPS = {
    "split": SplitConfig,
    "meta": MetaConfig,
    "gate": GateConfig,
    "activity": ActivityConfig,
    "widths": WidthConfig,
}


def load_config(path: Path) -> TrainConfig:
    """Read a training configuration; raises ConfigError naming the entry that is wrong."""
    try:
        values = yaml.safe_load(path.read_text()) or {}
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file; expected a training configuration") from None
    except (OSError, yaml.YAMLError) as error:
        raise ConfigError(f"{path}: {' '.join(str(error).split())}; expected YAML") from error
    try:
        return config_from(values)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error


def config_from(values: Any) -> TrainConfig:
    """Build a configuration from plain containers; raises ConfigError."""
    given = dict(_checked(TrainConfig, values, "the configuration"))
    for name, group in _GROUPS.items():
        if name in given:
            given[name] = _build(group, given[name], name)
    if "pretrain" in given:
        given["pretrain"] = _pretrain(given["pretrain"])
    if "model" in given:
        given["model"] = _named(PTAConfig.from_dict(_checked(PTAConfig, given["model"], "model")))
    return _build(TrainConfig, given, "the configuration")


def _named(model: PTAConfig) -> PTAConfig:
    """With the data set's names of activities, where none are given."""
    if not model.has("activity") or model.classes:
        return model
    return replace(model, classes=class_names(model.modalities))


def _pretrain(values: Any) -> dict[str, PretrainConfig]:
    if not isinstance(values, dict):
        raise ConfigError(f"pretrain is {values!r}; expected a mapping from modality to options")
    return {m: _build(PretrainConfig, options, f"pretrain.{m}") for m, options in values.items()}


def _checked(kind: type, values: Any, where: str) -> dict[str, Any]:
    if not isinstance(values, dict):
        raise ConfigError(f"{where} is {values!r}; expected a mapping")
    known = [f.name for f in fields(kind)]
    for name in values:
        if name not in known:
            near = get_close_matches(str(name), known, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"expected some of {known}"
            raise ConfigError(f"{where} has no entry {name!r}; {hint}")
    return values


def _build(kind: type[T], values: Any, where: str) -> T:
    built = kind(**_checked(kind, values, where))
    for f in fields(kind):  # type: ignore[arg-type]
        value, default = getattr(built, f.name), f.default
        if isinstance(default, (int, float)) and (
            isinstance(value, bool)
            or not isinstance(value, (int, float) if isinstance(default, float) else int)
            or value < 0
        ):
            raise ConfigError(
                f"{where}: {f.name} is {value!r}; expected a {type(default).__name__} of 0 or more"
            )
    return built
