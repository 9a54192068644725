"""The clocks in a recording: the recorder's, that of the stamps, and those of single sensors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from statistics import median

from pta_ros.bags.bag import Bag
from pta_ros.clock import NS, stamp_ns, to_ns
from pta_ros.errors import DecodeError
from pta_ros.fusion.clocks import FAR_S, apart, is_from_start, shared_ns

_LOOK_AT = 50


@dataclass(frozen=True)
class Offset:
    """How far a topic's stamps are ahead of the recorder's times (median), and the last stamp."""

    ahead_ns: int
    stamp_ns: int


def offsets_ns(bag: Bag, topics: Mapping[str, str]) -> dict[str, Offset]:
    """Each topic's offset by its first messages; zero stamps and broken messages say nothing."""
    found = {}
    for topic in topics:
        seen = list(_seen(bag, topic))
        if seen:
            found[topic] = Offset(int(median(ahead for ahead, _ in seen)), seen[-1][1])
    return found


def _seen(bag: Bag, topic: str) -> Iterator[tuple[int, int]]:
    for raw in islice(bag.messages([topic]), _LOOK_AT):
        try:
            sent_ns = stamp_ns(bag.decode(raw).header.stamp)
        except DecodeError:
            continue
        if sent_ns:
            yield sent_ns - raw.time_ns, sent_ns


def shift_ns(offsets: Mapping[str, Offset], clock: str) -> int:
    """What to add to the recorder's times to get the clock of the stamps.

    It is the clock that most topics share; less than `FAR_S` from the recorder's, that is age
    (`clock` "auto"). With "stamps" it counts in any case, with "receipt" never.
    """
    if clock == "receipt":
        return 0
    shift = shared_ns([offset.ahead_ns for offset in offsets.values()])
    return shift if clock == "stamps" or abs(shift) > to_ns(FAR_S) else 0


def notes(topics: Mapping[str, str], offsets: Mapping[str, Offset], shift: int) -> list[str]:
    """What a reader should know of the clocks, with the settings that cure a wrong one."""
    told = []
    if shift:
        told.append(f"the recorder's clock is {-shift / NS:+.3f} s from the stamps', which is used")
    for topic, offset in offsets.items():
        behind = shift - offset.ahead_ns
        if abs(behind) <= to_ns(FAR_S):
            continue
        if modality := topics[topic]:
            from_start = is_from_start(offset.stamp_ns, behind)
            told.append(f"{modality}: {apart(modality, behind, from_start)}")
        else:
            told.append(f"ground truth: its stamps are {-behind / NS:+.1f} s from the sensors'")
    return told
