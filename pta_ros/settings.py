"""Settings: what each may be, and the only way from names and values to a frozen dataclass.

Whatever people write comes through here: training configurations, the settings of sensors and
models in config.json, the parameters of the nodes and their files. No ROS here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import Field, asdict, dataclass, field, fields, is_dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, ClassVar, TypeVar, get_args, get_origin, get_type_hints

from pta_ros.errors import ConfigError, did_you_mean

T = TypeVar("T")

#: When a node's parameter may change: while running, only while unconfigured, or only at the start.
#: A hidden setting is no parameter: no operator has a reason to turn it.
LIVE, RECONFIGURE, START, HIDDEN = "live", "reconfigure", "start", "hidden"
_DEEPEST = 20  # levels of names with dots; only an alias of YAML that leads back has more
#: Types of settings in words.
_WORDS = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}


def param(
    default: Any,
    description: str = "",
    *,
    unit: str = "",
    low: float | None = None,
    high: float | None = None,
    choices: tuple[str, ...] | Callable[[], Iterable[str]] = (),
    change: str = RECONFIGURE,
    form: Callable[[Any], str] = lambda value: "",
) -> Any:
    """A dataclass field that carries its description, unit and range (both ends are legal).

    `choices` may be a function, which is asked each time. `form` returns what is expected of a
    value that has not the right form, or an empty string.
    """
    info: dict[str, Any] = {"description": description, "unit": unit, "low": low, "high": high}
    info.update(choices=choices, change=change, form=form)
    return field(default=default, metadata=info)


@dataclass(frozen=True)
class Spec:
    """One setting with its limits, under the name that the user knows."""

    name: str
    default: bool | int | float | str
    description: str
    unit: str
    low: float | None
    high: float | None
    choices: tuple[str, ...]
    change: str
    form: Callable[[Any], str]

    def converted(self, value: Any) -> Any:
        """`value` as given in YAML, where "1" may stand for "1.0"."""
        return _number(value) if isinstance(self.default, float) else value

    def problem(self, value: Any) -> str:
        """Why `value` cannot be this setting's, or an empty string."""
        kind = type(self.default)
        expected = ""
        if type(value) is not kind:
            expected = f"{_WORDS[kind]}, as in {self.default!r}"
        elif self.choices and value not in self.choices:
            expected = f"one of {', '.join(self.choices)}"
        elif kind in (int, float) and not self._within(value):
            expected = self.range_text or "a finite number"
        else:
            expected = self.form(value)
        return f"{self.name} is {value!r}; expected {expected}" if expected else ""

    def _within(self, value: Any) -> bool:
        low = -math.inf if self.low is None else self.low
        high = math.inf if self.high is None else self.high
        return bool(math.isfinite(value) and low <= value <= high)

    @property
    def range_text(self) -> str:
        """The legal numbers in words; empty where only one end is known."""
        if self.low is None or self.high is None:
            return ""
        low, high = (x if isinstance(x, int) else f"{x:g}" for x in (self.low, self.high))
        return f"{low} to {high} {self.unit}".rstrip()


@dataclass(frozen=True)
class Group:
    """A frozen dataclass of settings that checks each value's type and range when it is made."""

    #: Whether all of the group is fixed when the process starts.
    fixed: ClassVar[bool] = False

    def __post_init__(self) -> None:
        listed = [_spec(f.name, f, f.default, type(self)) for f in _limited(type(self))]
        problems = [spec.problem(getattr(self, spec.name)) for spec in listed]
        if any(problems):
            raise ConfigError("; ".join(filter(None, problems)))


def specs(group: type, prefix: str = "", **defaults: Any) -> tuple[Spec, ...]:
    """The parameters of a group, names behind `prefix`, `defaults` replacing its own."""
    offered = [f for f in _limited(group) if f.metadata["change"] != HIDDEN]
    return tuple(_spec(prefix + f.name, f, defaults.get(f.name, f.default), group) for f in offered)


def build(kind: type[T], values: object, where: str = "") -> T:
    """Make a frozen dataclass of names and values; what is left out keeps its default.

    Types follow the annotations: numbers, texts, tuples, mappings by name, and dataclasses in it.
    `where` leads to these values in the user's file. Raises ConfigError that names the entry, its
    value and what is expected.
    """
    hints = get_type_hints(kind)
    known = {f.name: f for f in fields(kind) if f.init}  # type: ignore[arg-type]
    given = {}
    for name, value in mapping(values, where or "all of it").items():
        if name not in known:
            inside = f"{where} has " if where else ""
            raise ConfigError(f"{inside}no entry {name!r}; {did_you_mean(name, known)}")
        place = f"{where}.{name}" if where else name
        given[name] = _as(hints[name], value, place)
        if known[name].metadata:
            problem = _spec(place, known[name], known[name].default, kind).problem(given[name])
            if problem:
                raise ConfigError(problem)
    try:
        return kind(**given)
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}" if where else str(error)) from error


def mapping(values: object, where: str) -> Mapping[Any, Any]:
    """`values`, if they are names and values; raises ConfigError otherwise."""
    if isinstance(values, Mapping):
        return values
    raise ConfigError(f"{where} is {values!r}; expected names and values")


def plain(settings: Any) -> dict[str, Any]:
    """A dataclass of settings in the types that JSON and YAML have."""
    return {n: list(v) if isinstance(v, tuple) else v for n, v in asdict(settings).items()}


def read_yaml(path: Path, expected: str) -> Any:
    """What a YAML file holds; raises ConfigError that names the file and what was `expected`."""
    import yaml  # late: a model is read and checked without it

    if path.is_fifo():
        raise ConfigError(f"{path}: a pipe; expected {expected}")
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, RecursionError, yaml.YAMLError) as error:
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())
        raise ConfigError(f"{path}: {reason}; expected {expected}") from error


def ros_parameters(path: Path, node: str = "/fusion") -> dict[str, Any]:
    """The parameters, by full name, that a ROS 2 parameter file gives `node`.

    Node names in the file may hold ROS 2's wildcards; later entries win. Raises ConfigError for a
    file that cannot be read or has nothing for this node.
    """
    content = read_yaml(path, "a ROS 2 parameter file")
    if content is not None and not isinstance(content, dict):
        raise ConfigError(
            f"{path}: this is a {type(content).__name__}; expected a ROS 2 parameter file: names "
            "of nodes, each with ros__parameters, as in config/mmfi_live.yaml"
        )
    meant = {n: entry for n, entry in (content or {}).items() if _means(str(n), node)}
    blocks = {n: e for n, e in meant.items() if isinstance(e, dict)}
    given = {n: b["ros__parameters"] for n, b in blocks.items() if "ros__parameters" in b}
    if not given:
        raise ConfigError(f"{path}: no ros__parameters of a node {node}; see config/mmfi_live.yaml")
    flat = [_flat(mapping(values, f"{path}: {name}")) for name, values in given.items()]
    return {name: value for values in flat for name, value in values.items()}


def _means(name: str, node: str) -> bool:
    """Whether a name in a parameter file, perhaps with wildcards, means `node`."""
    return fnmatchcase(node, "/" + name.lstrip("/").removeprefix("**/").replace("**", "*"))


def _flat(values: Mapping[Any, Any], prefix: str = "") -> dict[str, Any]:
    """Nested mappings as names with dots; raises ConfigError for one that contains itself."""
    if prefix.count(".") > _DEEPEST:
        raise ConfigError(f"{prefix.partition('.')[0]} contains itself; expected names and values")
    flat: dict[str, Any] = {}
    for name, value in values.items():
        deeper = isinstance(value, Mapping)
        flat.update(_flat(value, f"{prefix}{name}.") if deeper else {f"{prefix}{name}": value})
    return flat


def _limited(group: type) -> list[Field[Any]]:
    """The fields that `param` made."""
    return [f for f in fields(group) if f.metadata]


def _spec(name: str, entry: Field[Any], default: Any, group: type) -> Spec:
    info = dict(entry.metadata)
    choices = info.pop("choices")
    info["change"] = START if getattr(group, "fixed", False) else info["change"]
    listed = tuple(choices() if callable(choices) else choices)
    return Spec(name=name, default=default, choices=listed, **info)


def _as(hint: Any, value: Any, where: str) -> Any:
    """`value` in the annotated type, or ConfigError."""
    origin, inside = get_origin(hint), get_args(hint)
    if is_dataclass(hint):
        return build(hint, value, where)  # type: ignore[arg-type]
    if origin is dict:
        items = mapping(value, where).items()
        return {str(name): _as(inside[1], each, f"{where}.{name}") for name, each in items}
    if origin is tuple and isinstance(value, (list, tuple)):
        kinds = inside[:1] * len(value) if inside[1:] == (...,) else inside
        if len(kinds) == len(value):
            return tuple(_as(kind, each, where) for kind, each in zip(kinds, value, strict=True))
    if hint is float and type(value) in (int, float) and math.isfinite(_number(value)):
        return _number(value)
    if hint is Any or (hint in (bool, int, str) and type(value) is hint):
        return value
    raise ConfigError(f"{where} is {value!r}; expected {_words(hint)}")


def _number(value: Any) -> Any:
    """A whole number as a float, infinite where it is too large for one; others as they are."""
    try:
        return float(value) if type(value) is int else value
    except OverflowError:
        return math.inf


def _words(hint: Any) -> str:
    """An annotation as the user's expectation."""
    if get_origin(hint) is not tuple:
        return _WORDS.get(hint, str(hint))
    first, *rest = get_args(hint)
    if rest == [...]:
        return f"a list, each {_words(first)}"
    return f"a list of {len(rest) + 1}, each {_words(first)}"
