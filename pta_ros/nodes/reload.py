"""Another model while the node runs: `ros2 param set /fusion model FOLDER`.

The parameter is answered when the model is loaded, fits and is warmed up, or with the reason why
not. All that goes on in a thread of its own: readings and estimates do not wait, and the services
that set parameters answer later.
"""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rcl_interfaces.msg import ParameterType
from rclpy.node import Node

from pta_ros.errors import ConfigError, PtaError
from pta_ros.fusion.params import FusionParams, StreamParams
from pta_ros.home import model_folder
from pta_ros.nodes import entry
from pta_ros.nodes.later import Later, service_of

MODEL = "model"
#: Parameters of a fusion node, and of its streams.
Asked = tuple[FusionParams, dict[str, StreamParams]]
_STOP_TIMEOUT_S = 5.0
_SERVICES = ("set_parameters", "set_parameters_atomically")


@dataclass(frozen=True)
class Loaded:
    """What came of one attempt: an Engine that is ready, or `why` there is none."""

    asked: str
    of: Any  # the Engine that ran when it began
    engine: Any = None
    why: str = ""
    seconds: float = 0.0


class Reload:
    """Loads models beside the one that runs, one at a time.

    `running` gives the node's Engine, None while it is not configured; `asked` the parameters with
    this model folder.
    """

    def __init__(
        self,
        node: Node,
        running: Callable[[], Any],
        asked: Callable[[str], Asked],
    ) -> None:
        self._node, self._running, self._asked = node, running, asked
        self._thread: threading.Thread | None = None
        self._asker: Later | None = None  # who waits for the model that is being loaded
        self._result: Loaded | None = None  # what came of it
        self._ready: Loaded | None = None  # while its request is answered
        #: How many models were loaded and refused since the start, and why the last one was.
        self.loads = self.refused = 0
        self.last_refusal = self.loading = ""
        for name in _SERVICES:
            self._answer_later(name)

    def told(self) -> dict[str, str]:
        """For diagnostics."""
        return {
            "loading": self.loading,
            "loads": str(self.loads),
            "refused_loads": str(self.refused),
            "last_refusal": self.last_refusal,
        }

    def close(self) -> None:
        """Wait for a model that is being loaded, so that the process can end."""
        if self._thread is not None:
            self._thread.join(_STOP_TIMEOUT_S)

    # -- the services ---------------------------------------------------------------------------

    def _answer_later(self, name: str) -> None:
        """Replace a service that sets parameters by one that loads a model first."""
        full = f"{self._node.get_name()}/{name}"
        service = next(s for s in self._node.services if s.srv_name == full)
        kind, callback = service.srv_type, service.callback
        self._node.destroy_service(service)

        def asked(request: Any, response: Any) -> Any:
            self.answer()  # who waits, before another one takes its place
            folder = _folder_in(request)
            if folder is None or self._running() is None or self.loading:
                return callback(request, response)
            self._begin(folder)
            self._asker = Later(lambda: callback(request, response))
            return self._asker

        service_of(self._node, kind, f"~/{name}", asked)

    def answer(self) -> None:
        """Answer who asked for a model that is loaded by now; to be called many times a second."""
        asker = self._asker
        if asker is None or self.loading:
            return
        self._asker, self._ready = None, self._result
        try:
            asker.send()
        finally:
            self._ready = None

    def _begin(self, folder: str) -> None:
        """Start to load."""
        work, of = self._asked(folder), self._running()
        self.loading = folder or "the default model"

        def load() -> None:
            self._result = self._loaded(folder, work, of)
            self.loading = ""

        self._thread = threading.Thread(target=load, name="load", daemon=True)
        self._thread.start()

    def _loaded(self, folder: str, work: Asked, of: Any) -> Loaded:
        begun = time.monotonic()
        try:
            engine = load_engine(work, of)
        except Exception as error:
            if not isinstance(error, PtaError):  # a defect, or a device that is out of memory
                self._node.get_logger().error("".join(traceback.format_exception(error)))
            return Loaded(folder, of, why=_reason(error, folder))
        return Loaded(folder, of, engine, seconds=time.monotonic() - begun)

    # -- what the parameter's callbacks ask -----------------------------------------------------

    def refusal(self, folder: str) -> str:
        """Why a model cannot be taken now, in one line; empty: `taken` gives it.

        Where no service asked, it is loaded here and now.
        """
        of = self._running()
        if of is None:
            self._ready = None  # what was loaded for a node that has been cleaned up since
            return ""  # it is loaded at configure
        if self.loading:
            return self._refused(f"{self.loading} is being loaded; set {MODEL} again after that")
        if self._ready is None:
            self._ready = self._loaded(folder, self._asked(folder), of)
        found = self._ready
        if found.why:
            return self._refused(found.why)
        if found.of is not of or found.asked != folder:
            return self._refused(f"{folder}: the node changed meanwhile; set {MODEL} again")
        return ""

    def _refused(self, why: str) -> str:
        self._ready = None
        self.refused += 1
        self.last_refusal = f"{why}; {self._running().loaded.name} goes on"
        self._node.get_logger().error(f"{MODEL} is not changed: {self.last_refusal}")
        return self.last_refusal

    def taken(self) -> Any:
        """The Engine of the model that was accepted; None where it is loaded at configure."""
        found, self._ready = self._ready, None
        if found is None:
            return None
        self.loads += 1
        self._node.get_logger().info(
            f"model {found.engine.loaded.name} in place of {found.of.loaded.name}; loaded in "
            f"{found.seconds:.1f} s from {found.engine.about['model_path']}"
        )
        return found.engine


def load_engine(asked: Asked, running: Any = None) -> Any:
    """The Engine of these parameters; ready to take the place of one that is `running`."""
    try:  # PyTorch only here, so that the node is up, and wrong input told, before
        from pta_ros.fusion.engine import Engine
        from pta_ros.fusion.exchange import check_replaces
    except ImportError as error:
        raise ConfigError(entry.remedy(error)) from error
    engine = Engine.load(*asked)
    if running is not None:
        check_replaces(engine, running)
        engine.prepare()
    return engine


def _folder_in(request: Any) -> str | None:
    """The model folder that a request sets; None: it sets none."""
    folders = [
        p.value.string_value
        for p in request.parameters
        if p.name == MODEL and p.value.type == ParameterType.PARAMETER_STRING
    ]
    return folders[-1] if folders else None


def _reason(error: Exception, folder: str) -> str:
    """One line; where a relative folder counts from, too."""
    text = " ".join(str(error).split())
    text = text if isinstance(error, PtaError) else f"{folder}: {type(error).__name__}: {text}"
    path = model_folder(folder) if folder else Path.cwd()
    missing = not path.is_absolute() and not path.exists()
    return f"{text} (from {Path.cwd()}, where the node was started)" if missing else text
