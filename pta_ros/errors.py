"""The package's error family: each names the offending value, what was expected and what to do."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any


class PtaError(Exception):
    """Base of every error this package raises on purpose; the command line prints one line."""

    def __reduce__(self) -> tuple[Any, ...]:
        # To cross processes whole: without __init__, whose arguments are not those that are kept.
        return _again, (type(self), *self.args), vars(self)


def _again(kind: type[PtaError], *told: Any) -> PtaError:
    """An error of another process."""
    return kind.__new__(kind, *told)


class DecodeError(PtaError):
    """A sensor message or file that cannot be used.

    Attributes: `source` (topic or file), `reason` (what is wrong, with the value), `expected`.
    """

    def __init__(self, source: str, reason: str, expected: str) -> None:
        super().__init__(f"{source}: {reason}; expected {expected}")
        self.source = source
        self.reason = reason
        self.expected = expected


class NobodySeen(DecodeError):
    """A reading of a sensor that works, in which nobody is: the sensor is EMPTY, not CORRUPT."""


class ConfigError(PtaError):
    """A configuration value or combination that cannot work."""


class CheckpointError(PtaError):
    """A model folder that is missing, damaged or of another configuration."""


class TrainingError(PtaError):
    """A training run that cannot go on, because it has diverged, or that made nothing better."""


class DatasetError(PtaError):
    """A data set tree or recording that is missing, damaged or not in the expected layout."""


def did_you_mean(name: object, known: Iterable[str], otherwise: str = "") -> str:
    """The known name that is nearest to a wrong one; if none is near, `otherwise` or all."""
    names = list(known)
    close = get_close_matches(str(name), names, n=1)
    if close:
        return f"did you mean {close[0]}?"
    return otherwise or f"expected one of {', '.join(names)}"
