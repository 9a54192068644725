"""Packets as they come: Nexmon's datagrams, an ESP32's serial line, and a file at its own pace."""

from __future__ import annotations

import contextlib
import os
import socket
import termios
import tty
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

from pta_ros.captures import esp32, nexmon
from pta_ros.captures.files import packets
from pta_ros.captures.packet import CsiPacket, Losses
from pta_ros.errors import ConfigError

#: Datagrams or pieces taken in one turn, so that a flood does not hold the caller.
_MOST = 500
#: How long the datagrams of one packet are waited for.
_WAIT_NS = 20_000_000


class Live(ABC):
    """Where packets come from; `name` in words, `remedy` for when none come, `over` at the end."""

    name = ""
    remedy = ""
    over = False

    @abstractmethod
    def take(self, now_ns: int) -> Iterator[CsiPacket]:
        """The packets that have come by now, stamped in the caller's time."""

    @abstractmethod
    def close(self) -> None:
        """Release what is held."""


class Played(Live):
    """A capture file, at its own pace; a long pause in it is kept."""

    remedy = "the first is due at once"

    def __init__(self, path: Path, losses: Losses, form: str, loop: bool) -> None:
        self.name = str(path)
        self._again: Callable[[], Iterator[CsiPacket]] = partial(packets, path, losses, form)
        self._loop, self._packets = loop, self._again()
        self._shift_ns: int | None = None
        self._next = next(self._packets, None)
        if self._next is None:
            told = "; ".join(losses.texts()) or "it holds no channel state"
            raise ConfigError(f"{path}: no packets: {told}")

    def take(self, now_ns: int) -> Iterator[CsiPacket]:
        """The packets that are due."""
        for _ in range(_MOST):
            if self._next is None:
                self.over = True
                return
            if self._shift_ns is None:
                self._shift_ns = now_ns - self._next.time_ns
            time_ns = self._next.time_ns + self._shift_ns
            if time_ns > now_ns:
                return
            yield replace(self._next, time_ns=time_ns)
            self._next = next(self._packets, None)
            if self._next is None and self._loop:
                self._packets, self._shift_ns = self._again(), None
                self._next = next(self._packets, None)
                return

    def close(self) -> None:
        """Close the file."""
        close = getattr(self._packets, "close", None)
        if close is not None:
            close()


class Udp(Live):
    """Nexmon's datagrams to a port of this machine; cores and streams of one packet together."""

    def __init__(self, port: int, losses: Losses) -> None:
        self.name = f"UDP port {port}"
        self.remedy = "check nexutil's settings on the card, and that its packets reach this port"
        self._losses = losses
        self._parts: list[nexmon.Part] = []
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        try:
            self._socket.bind(("", port))
        except OSError as error:
            self._socket.close()
            raise ConfigError(f"port {port}: {error.strerror}; expected a free UDP port") from error
        self._socket.setblocking(False)

    def take(self, now_ns: int) -> Iterator[CsiPacket]:
        """The packets whose datagrams have come."""
        for _ in range(_MOST):
            try:
                data = self._socket.recv(65536)
            except BlockingIOError:
                break
            except OSError as error:
                self._losses.add(f"a datagram that the system refused ({error.strerror})")
                continue
            part = nexmon.datagram(memoryview(data), now_ns, self._losses)
            if part is None:
                continue
            if self._parts and not nexmon.together(self._parts, part):
                yield from self._joined()
            self._parts.append(part)
        if self._parts and now_ns - self._parts[0][3].time_ns > _WAIT_NS:
            yield from self._joined()

    def _joined(self) -> Iterator[CsiPacket]:
        parts, self._parts = self._parts, []
        yield nexmon.joined(parts)

    def close(self) -> None:
        """Free the port."""
        self._socket.close()


class SerialLine(Live):
    """An ESP32 that prints CSI_DATA lines on a serial line."""

    def __init__(self, device: str, baud: int, losses: Losses) -> None:
        self.name = f"{device} at {baud} baud"
        self.remedy = "check that the firmware prints CSI_DATA lines at this speed"
        self._lines, self._losses = esp32.Lines(losses), losses
        speed = getattr(termios, f"B{baud}", None)
        if speed is None:
            raise ConfigError(f"baud {baud}: no speed of this system; try 115200 or 921600")
        try:
            self._file = os.open(device, os.O_RDONLY | os.O_NOCTTY | os.O_NONBLOCK)
        except OSError as error:
            expected = "expected a serial line that this user may read (group dialout)"
            raise ConfigError(f"{device}: {error.strerror}; {expected}") from error
        with contextlib.suppress(termios.error):  # a pipe or a file, of tests for example
            tty.setraw(self._file)
            attributes = termios.tcgetattr(self._file)
            attributes[4] = attributes[5] = speed
            termios.tcsetattr(self._file, termios.TCSANOW, attributes)

    def take(self, now_ns: int) -> Iterator[CsiPacket]:
        """The packets of the lines that are complete."""
        for _ in range(_MOST):
            try:
                piece = os.read(self._file, 65536)
            except BlockingIOError:
                return
            except OSError as error:
                raise ConfigError(f"{self.name}: {error.strerror}; is it plugged in?") from error
            if not piece:
                return
            for packet in self._lines.feed(piece):
                yield replace(packet, time_ns=now_ns)

    def close(self) -> None:
        """Free the line."""
        os.close(self._file)
