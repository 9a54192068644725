"""Bag to readings, in order of arrival: faults applied, messages decoded, one thread ahead."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import count, takewhile
from typing import TypeVar

from pta_ros.bags.bag import Bag, Raw
from pta_ros.errors import DecodeError
from pta_ros.evaluation.faults.injector import Injector
from pta_ros.evaluation.replay.people import TruePeople
from pta_ros.evaluation.replay.truth import TrueActivity, Truth
from pta_ros.frames import Frame
from pta_ros.fusion.intake import Intake
from pta_ros.fusion.transforms import Transforms

T = TypeVar("T")

#: Chunks of readings that are made ahead of the model: some four seconds of three sensors.
_AHEAD = 2


@dataclass(frozen=True, eq=False)
class Arrival:
    """What came at `time_ns` on the bag's clock: a reading, a truth, or why there is none."""

    time_ns: int
    modality: str  # empty for ground truth
    content: Frame | Truth | TrueActivity | TruePeople | DecodeError


@dataclass(eq=False)
class Decoder:
    """Turns the raw messages of one replay into arrivals.

    `intakes` by modality, `topics` topic -> modality (empty: ground truth, which `truth` reads),
    `tf_topic` feeds `transforms`. `shift_ns` is added to the recorder's times; `span_ns` is begin
    and end on the recorder's clock of what is read, None: everything. `losses` are transforms that
    could not be used, in words.
    """

    bag: Bag
    intakes: Mapping[str, Intake]
    topics: Mapping[str, str]
    injector: Injector
    transforms: Transforms
    truth: Callable[[object, str], Truth | TrueActivity | TruePeople]
    tf_topic: str = ""
    shift_ns: int = 0
    span_ns: tuple[int, int] | None = None
    losses: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._beside = beside(self.bag, self.intakes.values())

    def arrivals(self) -> Iterator[Arrival]:
        """Everything that arrives, in order of time."""
        wanted = [*self.topics, *self._beside, *([self.tf_topic] if self.tf_topic else [])]
        for raw in in_order(self._raws(wanted), self._transport, self.injector.flush):
            if raw.topic == self.tf_topic:
                self._add_transforms(raw)
            elif raw.topic in self._beside:
                self._teach(raw)
            else:
                yield self._arrival(raw)

    def _raws(self, topics: list[str]) -> Iterator[Raw]:
        if self.span_ns is None:
            return self.bag.messages(topics)
        begin_ns, end_ns = self.span_ns
        raws = self.bag.messages(topics, begin_ns)
        return takewhile(lambda raw: raw.time_ns <= end_ns, raws)

    def _transport(self, raw: Raw) -> list[Raw]:
        modality = self.topics.get(raw.topic, "")
        return self.injector.transport(modality, raw) if modality else [raw]

    def _arrival(self, raw: Raw) -> Arrival:
        modality, time_ns = self.topics[raw.topic], raw.time_ns + self.shift_ns
        try:
            msg = self.bag.decode(raw)
            if not modality:
                return Arrival(time_ns, "", self.truth(msg, raw.topic))
            msg = self.injector.content(modality, raw.time_ns, msg)
            return Arrival(time_ns, modality, self.intakes[modality].frame(msg, time_ns))
        except DecodeError as error:
            return Arrival(time_ns, modality, error)

    def _teach(self, raw: Raw) -> None:
        """Tell the intakes what a topic beside their own says; each says itself what it misses."""
        try:
            msg = self.bag.decode(raw)
            for intake, side in self._beside[raw.topic]:
                intake.take(side, msg)
        except DecodeError as error:  # once, of what may come with every image
            if str(error) not in self.losses:
                self.losses.append(str(error))

    def remarks(self) -> list[str]:
        """What an operator should know of the streams by now, in words."""
        return [f"{name}: {text}" for name, one in self.intakes.items() for text in one.remarks]

    def _add_transforms(self, raw: Raw) -> None:
        try:
            self.losses += self.transforms.take(self.bag.decode(raw))
        except DecodeError as error:
            self.losses.append(str(error))


def beside(bag: Bag, intakes: Iterable[Intake]) -> dict[str, list[tuple[Intake, str]]]:
    """The bag's topics of what the intakes listen to beside their own, and who asks for each."""
    found: dict[str, list[tuple[Intake, str]]] = {}
    for intake in intakes:
        for side, kind in intake.side_topics.items():
            ending = f"/{side.lstrip('/')}"
            fitting = [n for n, t in bag.topics.items() if n.endswith(ending) and t.type == kind]
            named = [ending] if ending in fitting else fitting
            if len(named) == 1:
                found.setdefault(named[0], []).append((intake, side))
    return found


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


def ahead(items: Iterator[T], size: int = _AHEAD) -> Generator[T, None, None]:
    """The same items, made by a thread of its own up to `size` ahead; its exception comes out."""
    end = object()
    with ThreadPoolExecutor(1, "decode") as pool:
        made = deque(pool.submit(next, items, end) for _ in range(size))
        try:
            while (item := made.popleft().result()) is not end:
                made.append(pool.submit(next, items, end))
                yield item  # type: ignore[misc]
        finally:
            pool.shutdown(cancel_futures=True)
