"""Bag to readings, in order of arrival: faults applied, messages decoded, one thread ahead."""

from __future__ import annotations

import heapq
import queue
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from typing import TypeVar

from pta_ros.bags.bag import Bag, Raw
from pta_ros.errors import DecodeError
from pta_ros.evaluation.faults.injector import Injector
from pta_ros.evaluation.replay.truth import TrueActivity, Truth, truth_of
from pta_ros.frames import Frame
from pta_ros.fusion.intake import Intake
from pta_ros.fusion.transforms import Transforms

T = TypeVar("T")

#: Readings decoded ahead of the model; a second of three sensors.
_AHEAD = 32


@dataclass(frozen=True, eq=False)
class Arrival:
    """What came at `time_ns` on the bag's clock: a reading, a truth, or why there is none."""

    time_ns: int
    modality: str  # empty for ground truth
    content: Frame | Truth | TrueActivity | DecodeError


class Decoder:
    """Turns the raw messages of one replay into arrivals.

    `intakes` by modality, `topics` topic -> modality (empty: ground truth, which `truth` reads),
    `tf_topic` feeds `transforms`. `shift_ns` is added to the recorder's times.
    """

    def __init__(
        self,
        bag: Bag,
        intakes: Mapping[str, Intake],
        topics: Mapping[str, str],
        injector: Injector,
        transforms: Transforms,
        tf_topic: str = "",
        shift_ns: int = 0,
        truth: Callable[[object, str], Truth | TrueActivity] | None = None,
    ) -> None:
        self._bag, self._intakes, self._topics = bag, intakes, topics
        self._injector, self._transforms = injector, transforms
        self._tf_topic, self._shift_ns = tf_topic, shift_ns
        self._truth = truth_of if truth is None else truth
        self.losses: list[str] = []

    def arrivals(self) -> Iterator[Arrival]:
        """Everything that arrives, in order of time."""
        wanted = [*self._topics, *([self._tf_topic] if self._tf_topic else [])]
        for raw in in_order(self._bag.messages(wanted), self._transport, self._injector.flush):
            if raw.topic == self._tf_topic:
                self._add_transforms(raw)
            else:
                yield self._arrival(raw)

    def _transport(self, raw: Raw) -> list[Raw]:
        modality = self._topics.get(raw.topic, "")
        return self._injector.transport(modality, raw) if modality else [raw]

    def _arrival(self, raw: Raw) -> Arrival:
        modality, time_ns = self._topics[raw.topic], raw.time_ns + self._shift_ns
        try:
            msg = self._bag.decode(raw)
            if not modality:
                return Arrival(time_ns, "", self._truth(msg, raw.topic))
            msg = self._injector.content(modality, raw.time_ns, msg)
            return Arrival(time_ns, modality, self._intakes[modality].frame(msg, time_ns))
        except DecodeError as error:
            return Arrival(time_ns, modality, error)

    def _add_transforms(self, raw: Raw) -> None:
        try:
            self.losses += self._transforms.take(self._bag.decode(raw))
        except DecodeError as error:
            self.losses.append(str(error))


def in_order(
    raws: Iterable[Raw], change: Callable[[Raw], list[Raw]], rest: Callable[[], list[Raw]]
) -> Iterator[Raw]:
    """`raws` (in order of time) after `change`, which may put some off, again in order of time."""
    waiting: list[tuple[int, int, Raw]] = []
    number = count()
    for raw in raws:
        for changed in change(raw):
            heapq.heappush(waiting, (changed.time_ns, next(number), changed))
        while waiting and waiting[0][0] <= raw.time_ns:
            yield heapq.heappop(waiting)[2]
    for left in rest():
        heapq.heappush(waiting, (left.time_ns, next(number), left))
    while waiting:
        yield heapq.heappop(waiting)[2]


def ahead(items: Iterator[T], size: int = _AHEAD) -> Iterator[T]:
    """The same items, made by a thread of its own up to `size` ahead; its exception comes out."""
    ready: queue.Queue[tuple[bool, T | BaseException | None]] = queue.Queue(size)
    stop = threading.Event()

    def put(entry: tuple[bool, T | BaseException | None]) -> None:
        while not stop.is_set():
            try:
                ready.put(entry, timeout=0.1)
                return
            except queue.Full:
                continue

    def make() -> None:
        try:
            for item in items:
                put((True, item))
                if stop.is_set():
                    return
            put((False, None))
        except BaseException as error:  # handed to the consumer, which raises it
            put((False, error))

    thread = threading.Thread(target=make, name="decode", daemon=True)
    thread.start()
    try:
        while True:
            more, item = ready.get()
            if more:
                yield item  # type: ignore[misc]
            elif item is None:
                return
            else:
                raise item  # type: ignore[misc]
    finally:
        stop.set()
        thread.join()
