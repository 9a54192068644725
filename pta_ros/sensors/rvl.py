"""RVL, the lossless depth compression of A. D. Wilson, "Fast Lossless Depth Image Compression",
Interactive Surfaces and Spaces 2017: runs of no return, and steps between neighbours otherwise.

The stream is 32-bit little-endian words of eight 4-bit nibbles, highest first. A number takes one
nibble per three bits, lowest bits first; a nibble's fourth bit says that another follows. The
numbers are: count of zeros, count of others, for each of these its difference to the last other
one (2 d, or -2 d - 1 if negative), and again from the start until all pixels are there.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_MOST_NIBBLES = 10  # of one number: 30 bits


def decompress(data: NDArray[np.uint8], count: int) -> NDArray[np.uint16] | None:
    """The `count` pixels of an RVL stream; None for one that is cut off or damaged."""
    numbers = _numbers(data)
    heads, zeros, others = _runs(numbers, count)
    if not heads:
        return None
    zeros_, others_ = np.array(zeros), np.array(others)
    is_step = np.ones(heads[-1] + 2 + others[-1], np.bool_)
    is_step[heads] = is_step[np.array(heads) + 1] = False
    coded = numbers[: len(is_step)][is_step]
    values = np.cumsum((coded >> 1) ^ -(coded & 1)).astype(np.uint16)
    lengths = np.stack([zeros_, others_], axis=1).ravel()
    returned = np.repeat(np.arange(len(lengths)) % 2 == 1, lengths)
    pixels = np.zeros(count, np.uint16)
    pixels[returned] = values
    return pixels


def _numbers(data: NDArray[np.uint8]) -> NDArray[np.int64]:
    """All numbers of the stream, whatever they mean; ends before one that is unreasonably long."""
    words = np.frombuffer(data[: data.size // 4 * 4], "<u4").astype(">u4").view(np.uint8)
    nibbles = np.stack([words >> 4, words & 15], axis=1).ravel()
    ends = np.flatnonzero(nibbles < 8)
    starts = np.concatenate([[0], ends[:-1] + 1])[: len(ends)]
    lengths = ends - starts + 1
    if lengths.max(initial=0) > _MOST_NIBBLES:
        stop = int(np.argmax(lengths > _MOST_NIBBLES))
        starts, ends, lengths = starts[:stop], ends[:stop], lengths[:stop]
    if not len(starts):
        return np.empty(0, np.int64)
    place = np.arange(ends[-1] + 1) - np.repeat(starts, lengths)
    bits = (nibbles[: len(place)] & 7).astype(np.int64) << 3 * place
    numbers: NDArray[np.int64] = np.add.reduceat(bits, starts)
    return numbers


def _runs(numbers: NDArray[np.int64], count: int) -> tuple[list[int], list[int], list[int]]:
    """Where each pair of runs begins, its zeros and its others; empty unless they fill `count`."""
    view, last = numbers.data, len(numbers) - 2
    heads, zeros, others = [], [], []
    at = done = 0
    while done < count:
        if at > last:
            return [], [], []
        heads.append(at)
        zeros.append(view[at])
        others.append(view[at + 1])
        done += view[at] + view[at + 1]
        at += 2 + view[at + 1]
    if done > count or at > len(numbers):
        return [], [], []
    return heads, zeros, others
