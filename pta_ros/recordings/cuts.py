"""How a recording is cut into clips: by length, by activity, and into training and test parts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pta_ros.clock import to_ns
from pta_ros.datasets.wide import SCENES
from pta_ros.errors import ConfigError, DatasetError
from pta_ros.recordings.annotations import Annotation

#: Share of an activity's clips that is for validation, and again for the test: the last ones.
HELD_OUT = 0.15


@dataclass(frozen=True)
class Cut:
    """One clip to be: its place in the tree, and begin and end (ns) of its instants."""

    scene: str
    number: int
    action: int
    begin_ns: int
    end_ns: int

    @property
    def name(self) -> str:
        """The clip's folder below the tree's root."""
        return f"{self.scene}/S{self.number:05d}/A{self.action:02d}"


def cut(
    span_ns: tuple[int, int],
    clip_s: float,
    first: int,
    part: str = "",
    spans: Sequence[tuple[int, int, int]] = (),
    least_s: float = 0.0,
) -> tuple[Cut, ...]:
    """The clips of a recording, numbered from `first` on.

    `part` takes all of it for train, val or test; empty holds the last clips of each action out
    (HELD_OUT), where it has three or more. `spans` are (begin, end, action); without, all is 1.
    None but a whole span is shorter than `least_s`.
    """
    if not clip_s >= 1:
        raise ConfigError(f"clips of {clip_s:g} s; expected 1 s or more")
    begin_ns, end_ns = span_ns
    pieces = [
        (action, *piece)
        for a, b, action in spans or ((begin_ns, end_ns, 1),)
        for piece in _pieces(
            max(a, begin_ns), min(b, end_ns), to_ns(clip_s), to_ns(max(0.1 * clip_s, least_s))
        )
    ]
    parts = [part] * len(pieces) if part else _parts([action for action, *_ in pieces])
    return tuple(
        Cut(SCENES[own], first + number, *piece)
        for number, (own, piece) in enumerate(zip(parts, pieces, strict=True))
    )


def _pieces(begin_ns: int, end_ns: int, most_ns: int, least_ns: int) -> Iterator[tuple[int, int]]:
    """A rest that is shorter than the least belongs to the one before it."""
    start = begin_ns
    while start < end_ns:
        stop = end_ns if end_ns - start < most_ns + least_ns else start + most_ns
        yield start, stop
        start = stop


def _parts(actions: Sequence[int]) -> list[str]:
    """Which part each clip is for, by the actions of all."""
    parts = ["train"] * len(actions)
    for action in set(actions):
        own = [number for number, each in enumerate(actions) if each == action]
        held = max(1, round(HELD_OUT * len(own))) if len(own) >= 3 else 0
        for number in own[len(own) - 2 * held :]:
            parts[number] = "val"
        for number in own[len(own) - held :]:
            parts[number] = "test"
    return parts


def labelled(
    annotations: Sequence[Annotation], span_ns: tuple[int, int], classes: list[str], rest: str
) -> list[tuple[int, int, int]]:
    """(begin, end, action) of the annotations within a recording; new labels join `classes`.

    `rest` names what lies between them; empty leaves it out. Raises DatasetError where none lies
    in the recording.
    """
    begin_ns, end_ns = span_ns
    known = [(*one.span_ns(begin_ns), one.label) for one in annotations]
    inside = [(a, b, label) for a, b, label in known if b > begin_ns and a < end_ns]
    if not inside:
        first, last = annotations[0], annotations[-1]
        raise DatasetError(
            f"no annotation lies in the recording, which lasts {(end_ns - begin_ns) / 1e9:.1f} s "
            f"from {begin_ns / 1e9:.1f}; they go from {first.begin_s:g} to {last.end_s:g} s"
        )
    found, passed = [], begin_ns
    for a, b, label in [*inside, (end_ns, end_ns, "")]:
        if rest and a > passed:
            found.append((passed, a, _number(rest, classes)))
        if label:
            found.append((a, b, _number(label, classes)))
        passed = b
    return found


def _number(label: str, classes: list[str]) -> int:
    """A label's number from 1 on."""
    if label not in classes:
        classes.append(label)
    if len(classes) > 99:
        raise DatasetError(f"{len(classes)} labels, the last is {label!r}; expected 99 at most")
    return classes.index(label) + 1
