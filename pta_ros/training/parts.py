"""The parts of a model by the names that `freeze` knows: which tensors and modules they are."""

from __future__ import annotations

from torch import nn

from pta_ros.model.config import PTAConfig
from pta_ros.model.pta import PTA

#: Name of a part -> the model's own names; an encoder's part has its modality's name.
PARTS: dict[str, tuple[str, ...]] = {
    "projectors": ("projectors", "position"),
    "weights": ("purify",),
    "refinement": ("aligner",),
    "attention": ("attention",),
    "head": ("head", "own"),
    "activity": ("activity",),
    "gate": ("gate",),
}
#: The search of models that find people; it is no part of the PTA model.
FIND = "find"
#: What the main stage trains, beside the weights.
MAIN = ("projectors", "refinement", "attention", "head")


def parts_of(config: PTAConfig) -> tuple[str, ...]:
    """The parts that a model of this configuration has."""
    second = ["activity"] if config.tasks[1:] else []
    gate = ["gate"] if config.gate else []
    find = [FIND] if config.joint_tokens else []
    attention = ["attention"] if config.attention else []
    main = ("projectors", "weights", "refinement", *attention, "head")
    return (*config.modalities, *main, *second, *gate, *find)


def part_of(entry: str) -> str:
    """The part that a tensor belongs to, by the tensor's name."""
    first, *rest = entry.split(".")
    if first == "encoders":
        return rest[0]
    return next((part for part, modules in PARTS.items() if first in modules), first)


def modules_of(model: PTA, parts: tuple[str, ...]) -> list[nn.Module]:
    """The modules of some parts; those that `model` does not have are left out."""
    found: list[nn.Module | None] = []
    for part in parts:
        if part in PARTS:
            found += [getattr(model, name) for name in PARTS[part]]
        elif part in model.encoders:
            found.append(model.encoders[part])
    return [module for module in found if module is not None]
