"""What every sensor file provides: one frozen dataclass, the only home of what is told of it."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from pta_ros.errors import DecodeError
from pta_ros.frames import FloatArray
from pta_ros.sensors.wire import as_floats, changed, read, read_size
from pta_ros.settings import Group


class Sensor(ABC):
    """One modality's way from a message to the model's input; subclasses hold its settings.

    Subclasses are frozen dataclasses: their fields are the reduction settings, stored with the
    weights, so that training, evaluation and the live node cannot differ. `source` names the topic
    or file in errors.
    """

    modality: ClassVar[str]
    #: The set of sensors that a fusion node reads together (parameter `sensor_set`).
    sensor_set: ClassVar[str]
    #: Topic (relative), type of its messages, and the frame_id that our own messages carry.
    topic: ClassVar[str]
    message_type: ClassVar[str]
    frame_id: ClassVar[str]
    #: Colour in pictures (of Okabe and Ito, told apart by colour-blind readers), letter in tables.
    colour: ClassVar[str]
    letter: ClassVar[str]
    #: The message's field that holds the readings' values.
    values_field: ClassVar[str]
    #: Fields that messages of the data set's own device carry beside a reading's.
    device: ClassVar[Mapping[str, Any]] = MappingProxyType({})
    #: Other types that drivers of such a device publish, and what to do about each.
    other_types: ClassVar[Mapping[str, str]] = MappingProxyType({})
    #: How the viewer draws a reduced reading: "image" (metres), "points" (metres), "lines"
    #: (antennas, subcarriers, packets); "" draws nothing.
    picture: ClassVar[str] = ""
    #: What an operator says of the device at hand: node parameters `<modality>.<name>` beside
    #: those of every stream. They never travel with the weights.
    installation: ClassVar[type[Group]] = Group

    @property
    @abstractmethod
    def shape(self) -> tuple[int, ...]:
        """The shape of the array that `reduce` returns."""

    def installed(self, given: Group) -> Sensor:
        """This sensor as the operator installed it; `given` is an `installation`.

        Raises ConfigError for settings that contradict this model's.
        """
        return self

    def after_node(self) -> Sensor:
        """This sensor for readings that a sensor node, which knows the installation, reduced."""
        return self

    def side_topics(self, topic: str) -> dict[str, str]:
        """Topic -> type of what else it listens to, beside its own `topic` (a camera's intrinsics).

        What comes there is told to `taught`.
        """
        return {}

    def taught(self, msg: Any, topic: str, side: str) -> Sensor:
        """This sensor with what a message on the topic `side` told; raises DecodeError."""
        return self

    def side_fields(self) -> dict[str, tuple[str, dict[str, Any]]]:
        """What the data set's own device sends beside each reading, with the reading's header.

        Topic -> type and fields, as `fields` gives them; `taught` reads them back.
        """
        return {}

    def remarks(self, topic: str) -> tuple[str, ...]:
        """What an operator should know of it now although its readings are used, in words."""
        return ()

    def frame_of(self, frame_id: str) -> str:
        """The frame that a reading is in whose message came in `frame_id`."""
        return frame_id

    @abstractmethod
    def decode(self, msg: Any, source: str) -> FloatArray:
        """Read the physical array from a message by its attributes (any message class).

        Raises DecodeError when the message contradicts itself or has an unknown encoding.
        """

    def remark(self, msg: Any, array: FloatArray, source: str) -> str:
        """What is odd of a message that `decode` read as `array` all the same, or nothing."""
        return ""

    @abstractmethod
    def fields(self, array: NDArray[Any]) -> dict[str, Any]:
        """The message of an array (as decoded, or reduced): its fields, without the header.

        Values are numbers, texts, numpy arrays, and dicts (or lists of them) for nested messages,
        so that one builder per kind of message class serves all sensors. `decode` reads them back.
        """

    def compact(self, array: FloatArray) -> NDArray[Any]:
        """The physical array in the form that takes the least space in a recording."""
        return array

    @abstractmethod
    def check(self, array: FloatArray, source: str) -> None:
        """Raise DecodeError when the physical array cannot be a reading of this sensor."""

    @abstractmethod
    def reduce(self, array: FloatArray) -> FloatArray:
        """Bring a checked array to the model's input: float32, of shape `shape`, `usable`."""

    def usable(self, reduced: FloatArray) -> bool:
        """Whether a reduced array holds nothing but finite values."""
        return bool(np.isfinite(reduced).all())

    def process(self, msg: Any, source: str) -> FloatArray:
        """Decode, check and reduce one message."""
        return self.receive(self.decode(msg, source), source)

    def receive(self, array: FloatArray, source: str) -> FloatArray:
        """Check and reduce what one message held."""
        return self.prepare(array, source)

    def prepare(self, array: FloatArray, source: str) -> FloatArray:
        """Check and reduce one physical array (a data set's frame, or a decoded message's)."""
        self.check(array, source)
        reduced = self.reduce(array)
        if reduced.shape != self.shape or not self.usable(reduced):
            raise DecodeError(
                source, f"reduced to {reduced.shape}", f"finite values in {self.shape}"
            )
        return reduced

    # -- injected faults: how evaluation/faults changes a copy of a recorded message ------------

    #: Kinds of fault (evaluation/faults/plan.py) that it can have, beside those that all can.
    own_faults: ClassVar[tuple[str, ...]] = ("noise", "nan")
    #: Fields that tell the shape of the values, outermost first; without, they are a row.
    axes: ClassVar[tuple[str, ...]] = ()
    #: What noise of strength v (p in percent) is, in words, and whether values stay above zero.
    noise_text: ClassVar[str] = "sigma {p:g} % of the mean"
    positive: ClassVar[bool] = False

    def editable(self, msg: Any, source: str) -> tuple[Any, tuple[NDArray[Any], ...]]:
        """A copy of a message and its values as arrays to write to; all else stays as it is.

        Raises DecodeError for a message that `decode` would reject for its layout.
        """
        name = self.values_field
        values = as_floats(read(msg, name, source), name, source).copy()
        shape = tuple(read_size(msg, axis, source) for axis in self.axes) or values.shape
        if not values.size or values.size != math.prod(shape):
            raise DecodeError(source, f"{values.size} values in {name}", str(shape))
        return changed(msg, **{name: values}), (values.reshape(shape),)

    def add_noise(self, values: NDArray[Any], strength: float, rng: np.random.Generator) -> None:
        """Add noise to the values of one message, in place; one sigma is a share of their mean."""
        known = np.abs(values[np.isfinite(values)])
        sigma = np.float32(strength * float(known.mean()) if known.size else 0.0)
        values += rng.standard_normal(values.shape, np.float32) * sigma
        if self.positive:
            np.abs(values, out=values)

    def no_reading(self, values: NDArray[Any]) -> float:
        """What stands where nothing was received."""
        return 0.0

    def without_some(self, msg: Any, share: float, rng: np.random.Generator, source: str) -> Any:
        """A copy of a message in which a share of the values was not received."""
        other, (values,) = self.editable(msg, source)
        values[rng.random(values.shape, np.float32) < share] = self.no_reading(values)
        return other

    def wrongly_declared(self, msg: Any, source: str) -> Any:
        """A copy of a message that tells another layout than it has."""
        sizes = [read(msg, axis, source) for axis in self.axes]
        return changed(msg, **dict(zip(self.axes, sizes[1:] + sizes[:1], strict=True)))
