"""The live page: its address, rerun's own server, and a small web server in front of it.

The server in front leads the plain address to the viewer with the address of the data, under the
name that the browser used, and forbids the page to talk to anybody else: by itself the viewer would
ask its makers for news and fonts and send them usage data. Rerun's server is a process of its own:
only its command line can be told the address to listen on.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from threading import Thread
from urllib.parse import parse_qs, quote, urlsplit

from pta_ros.errors import ConfigError
from pta_ros.lifeline import end_with_parent

LOOPBACK, EVERYWHERE = "127.0.0.1", "0.0.0.0"
_START_S, _STOP_S = 60.0, 5.0
_HEADERS = ("Content-Type", "rerun-final-length")
_HOST = re.compile(r"[\w.-]+(:\d+)?", re.ASCII)
_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'wasm-unsafe-eval'; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; worker-src 'self' blob:; "
    "connect-src 'self' http://{host}:{port}"
)


@dataclass(frozen=True)
class Page:
    """Where the page is: the IPv4 address to listen on, the page's port and that of its data.

    The server keeps `memory_mb` of data and forgets what is older, so that its memory stays flat.
    """

    address: str = LOOPBACK
    web_port: int = 9090
    data_port: int = 9876
    memory_mb: int = 200

    @property
    def near(self) -> str:
        """The address that programs on this machine connect to."""
        return LOOPBACK if self.address == EVERYWHERE else self.address

    @property
    def url(self) -> str:
        """What to open in a browser."""
        host = _own_address() if self.address == EVERYWHERE else self.address
        return f"http://{host}:{self.web_port}"

    def answers(self) -> bool:
        """Whether somebody listens on the page's port."""
        return answers((self.near, self.web_port))

    def data_url(self, host: str) -> str:
        """The address of the data for a viewer that knows this machine as `host`."""
        return f"rerun+http://{host}:{self.data_port}/proxy"


class FrontDoor:
    """Answers on the page's address with what `inner_port` of this machine serves."""

    def __init__(self, page: Page, inner_port: int) -> None:
        handler = type("Handler", (_Handler,), {"page": page, "inner_port": inner_port})
        with _listening(page.address, page.web_port):
            self._server = ThreadingHTTPServer((page.address, page.web_port), handler)
        self._server.daemon_threads = True
        Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Stop answering."""
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    page: Page
    inner_port: int

    def do_GET(self) -> None:
        name = self.headers.get("Host", "")
        if not _HOST.fullmatch(name):
            self.send_error(400, "a request without a proper Host")
            return
        host = name.partition(":")[0]
        parts = urlsplit(self.path)
        if parts.path == "/" and "url" not in parse_qs(parts.query):
            self.send_response(302)
            self.send_header("Location", f"/?url={quote(self.page.data_url(host), safe='')}")
            self.end_headers()
            return
        try:
            self._pass_on(host)
        except (BrokenPipeError, ConnectionResetError):
            pass  # the browser went away
        except (OSError, HTTPException):
            self.send_error(502, "the viewer's server does not answer")

    def _pass_on(self, host: str) -> None:
        inner = HTTPConnection(self.page.near, self.inner_port, timeout=20.0)
        inner.request("GET", self.path)
        answer = inner.getresponse()
        self.send_response(answer.status)
        for name in _HEADERS:
            if answer.headers[name]:
                self.send_header(name, answer.headers[name])
        self.send_header(
            "Content-Security-Policy", _POLICY.format(host=host, port=self.page.data_port)
        )
        self.end_headers()
        shutil.copyfileobj(answer, self.wfile, 1 << 18)
        inner.close()

    def log_message(self, format: str, *args: object) -> None:
        """Log no requests."""


class PageServer:
    """Serves the page from `start` to `stop`, and ends with this process, however it ends."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self._log = tempfile.TemporaryFile()  # noqa: SIM115, it lives as long as the server
        self._process: subprocess.Popen[bytes] | None = None
        self._door: FrontDoor | None = None

    def start(self) -> None:
        """Serve; raises ConfigError when a port is taken or the server does not start."""
        with socket.socket() as probe, _listening(self.page.address, self.page.data_port):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((self.page.address, self.page.data_port))
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

    def last_line(self) -> str:
        """The last line that the server wrote."""
        self._log.seek(0)
        lines = self._log.read().decode(errors="replace").strip().splitlines()
        return lines[-1].strip() if lines else "it wrote nothing"

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
                raise ConfigError(f"the page's server did not start: {self.last_line()}")
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


@contextmanager
def _listening(address: str, port: int) -> Iterator[None]:
    """ConfigError when what is done inside cannot have the port."""
    try:
        yield
    except OSError as error:
        raise ConfigError(
            f"cannot listen on {address}:{port}: {error.strerror}; choose another port or address"
        ) from error


def answers(place: tuple[str, int]) -> bool:
    """Whether somebody listens there."""
    with suppress(OSError), socket.create_connection(place, 1.0):
        return True
    return False


def free_port() -> int:
    """A port of this machine that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def _own_address() -> str:
    """This machine's address towards its network, or its name when it has none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing; the address is reserved for examples
            return str(probe.getsockname()[0])
        except OSError:
            return socket.gethostname()
