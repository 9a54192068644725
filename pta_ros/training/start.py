"""What of the weights of the model that a run starts from is kept, what is not, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from pta_ros.errors import ConfigError
from pta_ros.model.pta import PTA
from pta_ros.training.begin import Source
from pta_ros.training.known import line_of, named
from pta_ros.training.parts import FIND, part_of, parts_of

#: Prefixes of what every run fits anew, on its own validation data.
_FITTED = ("calibration.", "settled.", "pretrained.exponents")
#: Parts that are kept as a whole or not at all.
_WHOLE = ("head", "activity")
#: What decides whether anything fits.
_SIZES = ("channels", "tokens", "dim", "latent", "joints", "mixers")
#: Entries that are named of one part and reason; the others are counted.
_NAMED = 2
#: Of a SHA-256, what people are shown.
_SHOWN = 12


@dataclass(frozen=True, eq=False)
class Start:
    """What a new model keeps of `source`: names of tensors, and why others are not kept.

    `kept` and `anew` (name -> reason) are of the new model, `left` (name -> reason) of the source.
    Tensors that hold something for each modality go by the modalities' names, not by their order.
    """

    source: Source
    kept: tuple[str, ...]
    anew: dict[str, str]
    left: dict[str, str]

    @property
    def given(self) -> bool:
        """Whether encoders alone are taken, which stay, and everything else is new."""
        return bool(self.source.only)

    @torch.no_grad()
    def fill(self, model: PTA) -> None:
        """Copy everything that matches into `model`, which may have a head or gate less."""
        theirs, mine = by_name(self.source.loaded.model), by_name(model)
        for name in self.kept:
            if name in mine:
                mine[name].copy_(theirs[name])

    def has(self, part: str) -> bool:
        """Whether all of a part is kept."""
        return all(part_of(entry) != part for entry in self.anew)

    def check(self, frozen: Iterable[str]) -> None:
        """Raise ConfigError where a part that is not to be trained is not kept as a whole."""
        for entry, reason in self.anew.items():
            if (part := part_of(entry)) not in frozen:
                continue
            if self.given:
                name = self.source.loaded.name
                raise ConfigError(
                    f"{name}'s encoder of {part} cannot be taken: {entry} is {reason}; expected "
                    f"model.channels and sensors.{part} as in {name}"
                )
            raise ConfigError(
                f"freeze names {part}, but {entry} is not kept: {reason}; expected a "
                "part that the model has, in this shape: let it be trained"
            )
        if FIND in frozen and self.source.loaded.finder is None:
            raise ConfigError(f"freeze names {FIND}; {self.source.loaded.name} has none")

    def known(self, made: object, train: Sequence[str], tested: Sequence[str]) -> Iterator[str]:
        """Lines of who the model, or one that it started from, was trained on already.

        Told of the `tested` subjects or clips of a tree `made` so; where encoders alone are taken
        ConfigError is raised for those, and told are those who `train`, as far as the encoders saw
        them.
        """
        name = self.source.loaded.name
        for number, run in enumerate(line_of(name, self.source.loaded.provenance)):
            if self.given and run.took:
                continue
            own = number == 0
            who = name if own else f"{run.name}, from which {name} began,"
            if both := run.knows(made, tested):
                told = (
                    f"{who} was trained on {len(both)} of the {len(tested)} who are tested here "
                    f"({named(both)}); expected {'its own split of these data, or ' if own else ''}"
                    "data that it does not know"
                )
                if self.given:
                    raise ConfigError(told)
                yield told
            if self.given and (both := run.knows(made, train)):
                yield (
                    f"{who} was trained on {len(both)} of the {len(train)} of train "
                    f"({named(both)}): its encoders know them by heart; expected other data"
                )

    def lines(self) -> list[str]:
        """What was kept and what not, in a few lines for the user."""
        source, count = self.source.loaded.name, len(self.kept) + len(self.anew)
        sums = Counter(part_of(name) for name in self.kept)
        find = [FIND] if self.source.loaded.finder is not None else []
        told = ", ".join([*(f"{part} {n}" for part, n in sums.items()), *find])
        first = f"from {source} ({self.source.sha256[:_SHOWN]}): {len(self.kept)} of {count} kept"
        lines = [f"{first}: {told}", *_reasons("trained anew", self.anew)]
        return [*lines, *_reasons(f"left in {source}", self.left)]

    def to_dict(self) -> dict[str, Any]:
        """Plain containers, for the provenance."""
        loaded, before = self.source.loaded, self.source.loaded.provenance
        return {
            "model": loaded.name,
            "sha256": self.source.sha256,
            "synthetic": before.get("synthetic", False),
            "splits": {"train": before.get("splits", {}).get("train", ())},
            "take": before.get("training", {}).get("take", "all"),
            "kept": len(self.kept),
            "anew": sorted({part_of(name) for name in self.anew}),
            **{name: before[name] for name in ("from", "taught") if name in before},
        }


def matched(source: Source, model: PTA) -> Start:
    """What `model` keeps of `source`: every tensor of the same name and shape.

    The head of other activities is not the same, whatever its shape. Raises ConfigError when
    no part is kept as a whole.
    """
    theirs, mine = by_name(source.loaded.model), by_name(model)
    name, kept, anew = source.loaded.name, [], {}
    for entry, tensor in mine.items():
        reason = _reason(name, theirs.get(entry), tensor)
        if not reason and part_of(entry) in _WHOLE and ".score." in entry:
            reason = _of_classes(source.loaded.model, model)
        if source.only and part_of(entry) not in source.only:
            reason = "encoders alone are taken"
        if reason:
            anew[entry] = reason
        else:
            kept.append(entry)
    for entry in [entry for entry in kept if part_of(entry) in _WHOLE]:
        if any(part_of(other) == part_of(entry) for other in anew):
            kept.remove(entry)
            anew[entry] = "the rest of it does not fit"
    left = {entry: "not in the new model" for entry in theirs if entry not in mine}
    start = Start(source, tuple(kept), anew, left)
    if not source.only and not any(
        start.has(part) for part in parts_of(model.config) if part not in ("weights", FIND)
    ):
        sizes = [f"{n} {getattr(source.loaded.model.config, n)}" for n in _SIZES]
        raise ConfigError(
            f"no part of model {name} fits; expected its sizes under `model`: {', '.join(sizes)}"
        )
    return start


def _reason(name: str, there: Tensor | None, here: Tensor) -> str:
    """Why a tensor is not kept, or an empty string."""
    if there is None:
        return f"not in {name}"
    if there.shape != here.shape:
        return f"{list(there.shape)} there, {list(here.shape)} here"
    return ""


def _of_classes(there: PTA, here: PTA) -> str:
    return "" if there.config.classes == here.config.classes else "its activities are others"


def by_name(model: PTA) -> dict[str, Tensor]:
    """The tensors of a model, shared with it; those of single modalities by the modality's name.

    What each run fits anew is left out.
    """
    names, found = model.config.modalities, {}
    for entry, tensor in model.state_dict().items():
        if entry == "purify.logits":
            found.update({f"purify.logits.{m}": tensor[i] for i, m in enumerate(names)})
        elif entry in ("gate.threshold", "gate.by_itself"):
            found[f"{entry} of {', '.join(names)}"] = tensor
        elif entry.startswith(("gate.own.", "gate.odds.")):
            gate, what, number, rest = entry.split(".")
            found[f"{gate}.{what}.{names[int(number)]}.{rest}"] = tensor
        elif not entry.startswith(_FITTED):
            found[entry] = tensor
    return found


def _reasons(title: str, reasons: Mapping[str, str]) -> Iterable[str]:
    """A line for each part: entries by their reason."""
    parts: dict[tuple[str, str], list[str]] = {}
    for entry, reason in reasons.items():
        sizes = reason.startswith("[")
        key = (part_of(entry), "another shape" if sizes else reason)
        parts.setdefault(key, []).append(f"{entry}: {reason}" if sizes else "")
    for (part, reason), entries in parts.items():
        named = [entry for entry in entries if entry]
        more = [f"{len(named) - _NAMED} more"] if len(named) > _NAMED else []
        shown = f" ({'; '.join([*named[:_NAMED], *more])})" if named else ""
        yield f"  {title}: {part} {len(entries)}: {reason}{shown}"
