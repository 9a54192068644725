"""What a parameter is: its default, meaning, unit, range and when it may change.

Parameter groups are frozen dataclasses (`Group`) whose fields come from `param`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import Field, dataclass, field, fields
from difflib import get_close_matches
from typing import Any

from pta_ros.errors import ConfigError

#: When a parameter may change: while running, only while unconfigured, or only at the start.
LIVE, RECONFIGURE, START = "live", "reconfigure", "start"


def param(
    default: Any,
    description: str,
    *,
    unit: str = "",
    low: float | None = None,
    high: float | None = None,
    choices: tuple[str, ...] = (),
    change: str = RECONFIGURE,
    form: Callable[[Any], str] = lambda value: "",
) -> Any:
    """A dataclass field that carries its parameter's description, unit and range.

    `form` says what is expected of a value that has not the right form; of others nothing.
    """
    info: dict[str, Any] = {"description": description, "unit": unit, "low": low, "high": high}
    info.update(choices=choices, change=change, form=form)
    return field(default=default, metadata=info)


@dataclass(frozen=True)
class Spec:
    """One parameter as a node declares it; `low` and `high` are inclusive."""

    name: str
    default: bool | int | float | str
    description: str
    unit: str
    low: float | None
    high: float | None
    choices: tuple[str, ...]
    change: str
    form: Callable[[Any], str]

    def taken(self, value: Any) -> Any:
        """`value` as given in YAML, where "1" may stand for "1.0"."""
        return float(value) if type(value) is int and isinstance(self.default, float) else value

    def problem(self, value: Any) -> str:
        """Why `value` cannot be this parameter's, or an empty string."""
        kind = type(self.default)
        if type(value) is not kind:
            return f"{self.name} is {value!r}; expected {kind.__name__}, as in {self.default!r}"
        if self.choices and value not in self.choices:
            return f"{self.name} is {value!r}; expected one of {', '.join(self.choices)}"
        low = float("-inf") if self.low is None else self.low
        high = float("inf") if self.high is None else self.high
        if kind in (int, float) and not low <= float(value) <= high:
            return f"{self.name} is {value!r}; expected {self.range_text}"
        expected = self.form(value)
        return f"{self.name} is {value!r}; expected {expected}" if expected else ""

    @property
    def range_text(self) -> str:
        """The legal values in words."""
        if self.choices:
            return " \\| ".join(choice or '""' for choice in self.choices)
        if self.low is None or self.high is None:
            return ""
        return f"{self.low:g} to {self.high:g}" + (f" {self.unit}" if self.unit else "")


class Group:
    """Shared check of every parameter group: values of the right type and inside their range."""

    def __post_init__(self) -> None:
        problems = [spec.problem(getattr(self, spec.name)) for spec in specs(type(self))]
        if any(problems):
            raise ConfigError("; ".join(text for text in problems if text))


def unknown_name(name: str, known: Iterable[str]) -> str:
    """What to say of a parameter that nobody declares."""
    close = get_close_matches(name, list(known), n=1)
    hint = f"did you mean {close[0]}?" if close else "see docs/parameters.md"
    return f"unknown parameter {name}; {hint}"


def _spec(name: str, entry: Field[Any], default: Any) -> Spec:
    return Spec(name=name, default=default, **entry.metadata)


def specs(group: type, prefix: str = "", **defaults: Any) -> tuple[Spec, ...]:
    """The parameters of one dataclass, names behind `prefix`, `defaults` replacing its own."""
    listed = [entry for entry in fields(group) if entry.metadata]
    return tuple(_spec(prefix + e.name, e, defaults.get(e.name, e.default)) for e in listed)
