"""The page's address, and the small web server in front of rerun's own.

It sends who opens the plain address to the viewer with the address of the data, under the name that
the browser used, and forbids the page to talk to anybody else: by itself the viewer would ask its
makers for news and fonts and send them usage data.
"""

from __future__ import annotations

import re
import shutil
import socket
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs, quote, urlsplit

from pta_ros.errors import ConfigError

LOOPBACK, EVERYWHERE = "127.0.0.1", "0.0.0.0"
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
        try:
            self._server = ThreadingHTTPServer((page.address, page.web_port), handler)
        except OSError as error:
            raise taken(page.address, page.web_port, error) from error
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
        """Requests are nobody's news."""


def taken(address: str, port: int, error: OSError) -> ConfigError:
    """What to say when a port cannot be had."""
    return ConfigError(
        f"cannot listen on {address}:{port}: {error.strerror}; choose another port or address"
    )


def answers(place: tuple[str, int]) -> bool:
    """Whether somebody listens there."""
    try:
        socket.create_connection(place, 1.0).close()
    except OSError:
        return False
    return True


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
