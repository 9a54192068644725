"""The live page's server: rerun's own program, behind the FrontDoor.

It is a process of its own, as only its command line can be told the address to listen on; from
Python it would listen on every network of the machine.
"""

from __future__ import annotations

import os
import socket
import subprocess
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

from pta_ros.errors import ConfigError
from pta_ros.lifeline import end_with_parent
from pta_ros.view.page import EVERYWHERE, FrontDoor, Page, answers, free_port, taken

_START_S, _STOP_S = 60.0, 5.0


class PageServer:
    """Serves the page from `start` to `stop`, and ends with this process, however it ends."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self._log = tempfile.TemporaryFile()  # noqa: SIM115, it lives as long as the server
        self._process: subprocess.Popen[bytes] | None = None
        self._door: FrontDoor | None = None

    def start(self) -> None:
        """Serve; raises ConfigError when a port is taken or the server does not start."""
        _must_be_free(self.page.address, self.page.data_port)
        inner_port = free_port()
        self._door = FrontDoor(self.page, inner_port)
        try:
            self._process = self._run(inner_port)
            self._await((self.page.near, inner_port), (self.page.near, self.page.data_port))
        except ConfigError:
            self.stop()
            raise

    @property
    def ended(self) -> bool:
        """Whether the server is gone, though nobody stopped it."""
        return self._process is not None and self._process.poll() is not None

    def last_words(self) -> str:
        """The last line that the server said."""
        self._log.seek(0)
        lines = self._log.read().decode(errors="replace").strip().splitlines()
        return lines[-1].strip() if lines else "it said nothing"

    def stop(self) -> None:
        """End the server; harmless when done twice."""
        door, self._door = self._door, None
        if door is not None:
            door.close()
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _run(self, inner_port: int) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            _command(self.page, inner_port),
            # CI is its word for a machine where no usage data is to be sent to its makers.
            env={**os.environ, "CI": "true", "NO_COLOR": "1"},
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            start_new_session=True,
            preexec_fn=end_with_parent(),
        )

    def _await(self, *places: tuple[str, int]) -> None:
        deadline = time.monotonic() + _START_S
        while not all(map(answers, places)):
            if self.ended or time.monotonic() > deadline:
                raise ConfigError(f"the page's server did not start: {self.last_words()}")
            time.sleep(0.05)


def _command(page: Page, inner_port: int) -> list[str]:
    places = getattr(find_spec("rerun_cli"), "submodule_search_locations", None)
    program = Path(places[0]) / "rerun" if places else None
    if program is None or not program.is_file():
        raise ConfigError("the rerun program is missing; pip install --force-reinstall rerun-sdk")
    # Whose pages may ask for the data; only to the whole network is any name the machine's.
    origin = "*" if page.address == EVERYWHERE else page.address
    options = {
        "bind": page.address,
        "port": page.data_port,
        "web-viewer-port": inner_port,
        "server-memory-limit": f"{page.memory_mb}MB",
        "cors-allow-origin": f"http://{origin}:{page.web_port}",
    }
    return [str(program), "--serve-web", *(f"--{name}={value}" for name, value in options.items())]


def _must_be_free(address: str, port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError as error:
            raise taken(address, port, error) from error
