"""Command-line tools: start-up, exit codes and errors in one line, the same for every tool."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pta_ros.errors import DatasetError, PtaError
from pta_ros.home import missing


def run(main: Callable[[], int | None]) -> int:
    """Call a tool's main; return its exit code, or 1 (error) or 130 (Ctrl-C).

    A PtaError, a file or folder that the system refuses, and each package that is not installed,
    is one line on stderr. Any other exception is a defect and keeps its traceback.
    """
    try:
        return main() or 0
    except PtaError as error:
        messages = [str(error)]
    except ModuleNotFoundError as error:
        messages = missing(error)
        if not messages:
            raise
    except OSError as error:
        if error.filename is None:
            raise
        reason = error.strerror or type(error).__name__
        expected = "expected a place to read and write: choose another"
        messages = [f"{error.filename}: {reason}; {expected}"]
    except KeyboardInterrupt:
        return 130
    for message in messages:
        print(f"error: {message}", file=sys.stderr)
    return 1


def __getattr__(name: str) -> Callable[[], int]:
    """`run_NAME`, the console script of the tool NAME, for every module of this folder.

    The tool is imported inside `run`, so that a missing extra is told in one line too.
    """
    module = f"{__name__}.{name.removeprefix('run_')}"
    if not name.startswith("run_") or find_spec(module) is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return lambda: run(lambda: importlib.import_module(module).main())


def check_tree(root: Path) -> None:
    """Raise DatasetError where a command's DATA is no folder."""
    if not root.is_dir():
        raise DatasetError(f"{root}: no such folder; expected the root of a data set's tree")


def add_workforce(group: Any) -> None:
    """Add --jobs and --cluster to a group of arguments: who does many tasks (see Workforce)."""
    group.add_argument("--jobs", type=int, metavar="N", help="processes (one for each core)")
    group.add_argument(
        "--cluster", metavar="ADDRESS", help="use the workers of a Dask scheduler instead"
    )


@contextmanager
def told_of_cache(cache: Path) -> Iterator[None]:
    """An error for want of a place to write in `cache` names the option that moves it."""
    try:
        yield
    except DatasetError as error:
        if not isinstance(error.__cause__, OSError) or not str(error).startswith(str(cache)):
            raise
        raise DatasetError(f"{error}, with --cache FOLDER") from error


def write_json(path: Path | None, values: Any) -> None:
    """Write what `--json` asks for, in a folder that need not exist; None: nothing is written."""
    if path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")
