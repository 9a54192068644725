"""One picture per frame: depth in colour, marks, skeletons, and deviations as rings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pta_ros.errors import DatasetError
from pta_ros.evaluation.frames.measure import Measured
from pta_ros.fusion.people import Person
from pta_ros.people.readings import DepthReading
from pta_ros.skeleton import BONES

Image = Any  # uint8 (H, W, 3): OpenCV's stubs know arrays of any number only

_WIDTH = 800  # pixels; smaller frames are enlarged by a whole number
_MARK, _MARKED, _INK = (255, 255, 255), (255, 0, 255), (235, 235, 235)
#: Blue, green, red of those who are not the marked person, in turn.
_COLOURS = ((90, 230, 90), (255, 200, 80), (120, 120, 255), (80, 220, 255), (230, 140, 230))
_CAPTION = 26


def write_picture(one: Measured, folder: Path) -> Path:
    """Write the overlay of a frame into `folder`, in its sub-folder; returns its path."""
    path = folder / f"{one.frame.name}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    if not cv2.imwrite(str(path), draw(one)):
        raise DatasetError(f"{path}: could not be written; expected a place with room")
    return path


def draw(one: Measured) -> Image:
    """The overlay (H, W, 3) in OpenCV's order of colours.

    White crosses: marks; magenta: the person compared with them; rings: one deviation per axis.
    """
    reading = one.frame.depth
    scale = max(1, _WIDTH // reading.lens.width)
    image = cv2.resize(
        _coloured(reading.depth), None, fx=scale, fy=scale, interpolation=cv2.INTER_NEAREST
    )
    for number, person in enumerate(one.found):
        colour = _MARKED if number == one.marked else _COLOURS[number % len(_COLOURS)]
        _skeleton(image, reading, person, colour, scale)
    for mark in one.frame.marks.values():
        cv2.drawMarker(image, _pixel(mark, scale), _MARK, cv2.MARKER_CROSS, 18, 2)
    return _captioned(image, one)


def _coloured(depth: NDArray[np.float32]) -> Image:
    """Near is red, far is blue, between the image's own extremes; no return is black."""
    found = depth > 0
    if not found.any():
        return np.zeros((*depth.shape, 3), np.uint8)
    near, far = np.percentile(depth[found], [1, 99])
    share = np.clip((far - depth) / max(far - near, 0.1), 0.0, 1.0)
    colours: Any = cv2.applyColorMap((255 * share).astype(np.uint8), cv2.COLORMAP_TURBO)
    image = (0.75 * colours).astype(np.uint8)  # so that lines stand out
    image[~found] = 0
    return image


def _skeleton(
    image: Image, reading: DepthReading, person: Person, colour: tuple[int, int, int], scale: int
) -> None:
    pixels = reading.project(person.joints)
    ahead = ((person.joints - reading.place) @ reading.rotation)[:, 2]
    with np.errstate(invalid="ignore"):  # NaN: behind the camera
        seen = np.abs(pixels).max(axis=1) < 1e5
    for parent, child in BONES:
        if seen[parent] and seen[child]:
            start, end = (_pixel(pixels[joint], scale) for joint in (parent, child))
            cv2.line(image, start, end, colour, 2, cv2.LINE_AA)
    for joint in np.flatnonzero(seen):
        radius = reading.lens.fx * person.deviation_m[joint] / ahead[joint] * scale
        centre = _pixel(pixels[joint], scale)
        cv2.circle(image, centre, round(min(radius, 1e4)), colour, 1, cv2.LINE_AA)
        cv2.circle(image, centre, 3, colour, -1, cv2.LINE_AA)


def _captioned(image: Image, one: Measured) -> Image:
    there = "?" if one.frame.people is None else one.frame.people
    error = "" if one.mean_mm is None else f", error {one.mean_mm:.0f} mm"
    text = f"{one.frame.name}: {len(one.found)} found, {there} there{error}"
    strip = np.zeros((_CAPTION, image.shape[1], 3), np.uint8)
    cv2.putText(strip, text, (6, 18), cv2.FONT_HERSHEY_SIMPLEX, 0.5, _INK, 1, cv2.LINE_AA)
    return np.concatenate([strip, image])


def _pixel(place: Any, scale: int) -> tuple[int, int]:
    """Whole pixels of the enlarged image: a pixel's centre lies at a whole number."""
    u, v = (round((float(x) + 0.5) * scale - 0.5) for x in place)
    return u, v
