"""Who is known to have trained a model: by its own run, and by those that it started from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

#: Of people who are known, how many are named.
_NAMED = 5


@dataclass(frozen=True)
class Generation:
    """One training run of a model's line: its name, and the subjects, clips or scenes it saw.

    `worlds` decide who those are; empty for real people. `took` its encoders from the one before.
    """

    name: str
    worlds: frozenset[tuple[Any, ...]]
    trained: frozenset[str]
    took: bool

    def knows(self, made: object, members: Sequence[str]) -> list[str]:
        """Which of some subjects or clips of a tree `made` so it was trained on.

        Of trees of the same simulation alone, as who is S01 elsewhere is not known.
        """
        if not self.worlds & worlds_of(made):
            return []
        subjects = {who.partition("/")[0] for who in self.trained}
        split = ((who, *who.partition("/")) for who in members)
        return [
            who
            for who, subject, _, clip in split
            if subject in self.trained or who in (self.trained if clip else subjects)
        ]


def line_of(name: str, provenance: Mapping[str, Any]) -> Iterator[Generation]:
    """A model's own run, the one that it started from, and so on, by its `provenance`."""
    own = {"model": name, "take": _part(provenance, "training").get("take"), **provenance}
    run: Mapping[str, Any] = own
    while run:
        trained = frozenset(map(str, _part(run, "splits").get("train", ())))
        worlds = frozenset(worlds_of(run.get("synthetic")))
        told = str(run.get("model", "a model without a name"))
        yield Generation(told, worlds, trained, run.get("take") == "encoders")
        run = _part(run, "from")


def _part(values: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """What a stranger may have written otherwise is empty."""
    part = values.get(name)
    return part if isinstance(part, Mapping) else {}


def named(who: Sequence[str]) -> str:
    """The first of some names, and how many more there are."""
    more = f" and {len(who) - _NAMED} more" if len(who) > _NAMED else ""
    return ", ".join(who[:_NAMED]) + more


def worlds_of(made: object) -> set[tuple[Any, ...]]:
    """What decides who the people of a synthetic tree are; nothing of real ones and recordings."""
    if not isinstance(made, Mapping):
        return set()
    kind = made.get("dataset"), made.get("world")
    return {(*kind, run.get("seed")) for run in made.get("runs", ())}
