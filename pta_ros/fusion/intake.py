"""From one message to one Frame: the step that the live node and the replay of bags share."""

from __future__ import annotations

from typing import Any, ClassVar

from pta_ros.clock import stamp_ns
from pta_ros.errors import DecodeError
from pta_ros.frames import FloatArray, Frame
from pta_ros.fusion.config import StreamParams
from pta_ros.fusion.transforms import Matrix, Transforms, apply, from_pose, plain
from pta_ros.sensors.base import Sensor
from pta_ros.sensors.wire import read


class DecoderFault(DecodeError):
    """A decoder that broke on a message, which is a fault of ours; its cause is the exception."""


class Intake:
    """One stream's way in to a model for one person (LevelIntake: to one that finds people).

    `topic` is the topic that is read (the parameters' `source`, if not given), `type` the message
    type on it; `needs_transforms` says whether `transforms` must hold what /tf_static says, which
    may come while messages do, as may what `side_topics` (name -> type) tell. With `reduced` the
    messages come from a sensor node, which has done what the installation asks for. Messages are
    read by their attributes, of any class. Raises ConfigError for parameters that this sensor
    cannot have.
    """

    #: Whether it goes on without /tf_static where nobody can read it.
    assumes: ClassVar[bool] = False

    def __init__(
        self,
        sensor: Sensor,
        params: StreamParams,
        transforms: Transforms | None = None,
        topic: str = "",
        reduced: bool = False,
    ) -> None:
        self._check(sensor.modality, params)
        self.sensor = sensor.after_node() if reduced else sensor.installed(params.device)
        self.modality = sensor.modality
        self.topic = topic or params.source
        self.side_topics = self.sensor.side_topics(self.topic)
        #: The frame that the latest message's reading is in.
        self.frame_id = ""
        self._untold: dict[str, str] = {}
        self._odd = ""  # what is odd of the latest message
        self.type = params.message_type(sensor.modality)
        self.needs_transforms = params.needs_transforms
        self._moves, self._frame = bool(params.frame), plain(params.frame)
        self._given = from_pose(params.extrinsic) if params.extrinsic else None
        self._transforms = Transforms() if transforms is None else transforms
        self._found: dict[str, Matrix] = {}
        self._version = -1

    def frame(self, msg: Any, now_ns: int) -> Frame:
        """The reduced reading of one message that came in at `now_ns`; raises DecodeError."""
        try:
            array = self.sensor.decode(msg, self.topic)
            self._odd = self.sensor.remark(msg, array, self.topic)
            frame = self._received(array, msg, now_ns)
            self.frame_id = self._frame or self.sensor.frame_of(
                str(getattr(msg.header, "frame_id", ""))
            )
            return frame
        except DecodeError:
            raise
        except Exception as error:
            reason = f"the decoder failed: {type(error).__name__}: {error}"
            raise DecoderFault(self.topic, reason, "a message that it can read") from error

    def _check(self, modality: str, params: StreamParams) -> None:
        params.check(modality)
        params.check_moves(modality)

    def _received(self, array: FloatArray, msg: Any, now_ns: int) -> Frame:
        """The frame of what a message held."""
        if self._moves:
            array = self._moved(array, msg)
        array = self.sensor.receive(array, self.topic)
        return Frame(self.modality, stamp_ns(msg.header.stamp), array, now_ns)

    def take(self, side: str, msg: Any) -> None:
        """What a message on one of the `side_topics` tells counts from now on.

        Raises DecodeError for one that cannot be used, which changes nothing but the remarks.
        """
        try:
            self.sensor = self.sensor.taught(msg, self.topic, side)
        except DecodeError as error:
            self._untold[side] = str(error)
            raise
        self._untold.pop(side, None)

    @property
    def remarks(self) -> tuple[str, ...]:
        """What an operator should know of this stream now although it is read, in words."""
        return (
            *self.sensor.remarks(self.topic),
            *self._untold.values(),
            *filter(None, [self._odd]),
        )

    def _moved(self, points_m: FloatArray, msg: Any) -> FloatArray:
        """The points in the frame that the model's data were in."""
        source = plain(str(read(read(msg, "header", self.topic), "frame_id", self.topic)))
        if source == self._frame:
            return points_m
        return apply(self._find(source) if self._given is None else self._given, points_m)

    def _find(self, source: str) -> Matrix:
        if self._version != self._transforms.version:
            self._found.clear()
            self._version = self._transforms.version
        if source not in self._found:
            matrix = self._transforms.between(self._frame, source)
            if matrix is None:
                way = self._transforms.missing(self._frame, source)
                expected = f"a chain of transforms on /tf_static, or {self.modality}.extrinsic"
                raise DecodeError(self.topic, f"cloud in frame {source!r}: {way}", expected)
            self._found[source] = matrix
        return self._found[source]
