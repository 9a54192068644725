"""Everybody in the scene: colour, number and probability of each, and who is there in words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import rerun as rr

from pta_ros.frames import Person, Track
from pta_ros.fusion.transforms import Matrix
from pta_ros.skeleton import BONES
from pta_ros.view import layout

Log = Callable[[str, rr.AsComponents], None]

_HEAD = 10
_BONE_M, _ABOVE_M = 0.015, 0.25
#: A joint is drawn as large as its standard deviation, within these bounds (m).
SMALLEST_M, LARGEST_M = 0.015, 0.15


def in_camera(people: Sequence[Person], camera: Matrix) -> tuple[Person, ...]:
    """The people of the level frame in the frame of the camera whose pose (4, 4) in it is given."""
    moved = []
    for person in people:
        joints = (person.joints - camera[:3, 3]) @ camera[:3, :3]
        centre = (person.centre - camera[:3, 3]) @ camera[:3, :3]
        moved.append(replace(person, joints=joints, centre=centre))
    return tuple(moved)


def in_words(people: Sequence[Person], numbers: Sequence[int]) -> str:
    """Who is there: nobody, or how many, with number and presence of each."""
    if not people:
        return "nobody is seen"
    count = "one person" if len(people) == 1 else f"{len(people)} people"
    each = ", ".join(
        f"{n} ({person.presence:.0%})" for n, person in zip(numbers, people, strict=True)
    )
    return f"{count}: {each}"


class Crowd:
    """Draws everybody through `log`; whoever is gone is taken away."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._drawn = 0
        self._count = -1

    def draw(self, people: Sequence[Person], tracks: Sequence[Track] = ()) -> None:
        """Everybody at the time that is set, in the camera's frame; numbered as their `tracks`."""
        numbers = [track.id for track in tracks] or range(len(people))
        for place, (number, person) in enumerate(zip(numbers, people, strict=True)):
            self._draw(place, number, person)
        for number in range(len(people), self._drawn):
            self._log(f"{layout.ESTIMATE}/{number}", rr.Clear(recursive=True))
        self._drawn = len(people)
        text = in_words(people, numbers)
        self._log(layout.PEOPLE, rr.TextDocument(text))
        if len(people) != self._count:
            self._count = len(people)
            self._log(layout.REASONS, rr.TextLog(text, level=rr.TextLogLevel.INFO))

    def _draw(self, place: int, number: int, person: Person) -> None:
        entity = f"{layout.ESTIMATE}/{place}"
        colour = layout.PEOPLE_COLOURS[number % len(layout.PEOPLE_COLOURS)]
        radii = np.clip(person.deviation_m, SMALLEST_M, LARGEST_M)
        self._log(f"{entity}/joints", rr.Points3D(person.joints, radii=radii, colors=colour))
        strips = [person.joints[list(bone)] for bone in BONES]
        self._log(f"{entity}/bones", rr.LineStrips3D(strips, radii=_BONE_M, colors=colour))
        above = person.joints[_HEAD] - [0.0, _ABOVE_M, 0.0]
        label = f"{number}  {person.presence:.0%}"
        name = rr.Points3D([above], radii=0.0, colors=colour, labels=[label], show_labels=True)
        self._log(f"{entity}/name", name)

    def forget(self) -> None:
        """Nothing is drawn any more, and nothing is known of who is there."""
        self._drawn, self._count = 0, -1
