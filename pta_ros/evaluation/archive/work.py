"""One recording of an archive evaluated, on whatever worker it comes to."""

from __future__ import annotations

import errno
import hashlib
import json
import shlex
import shutil
import threading
from dataclasses import dataclass
from dataclasses import replace as changed
from functools import lru_cache
from pathlib import Path

from pta_ros import __version__
from pta_ros.bags.bag import Bag
from pta_ros.errors import ConfigError, PtaError
from pta_ros.evaluation.archive.find import Recording
from pta_ros.evaluation.archive.result import (
    FILE,
    SCHEMA,
    Result,
    kept,
    namespace,
    result_of,
    save,
)
from pta_ros.evaluation.faults.injector import FaultPlan
from pta_ros.evaluation.report.files import ASIDE, check_own, write_report
from pta_ros.evaluation.report.recording import Wishes, context, replays
from pta_ros.fusion.engine import Engine
from pta_ros.home import model_folder

#: A worker has one model, whose answers must not mix: one recording at a time in a process.
_ONE = threading.Lock()
#: Nothing more can be written: it is no use to go on with another recording.
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG)


@dataclass(frozen=True)
class Task:
    """A recording, the folder of its report, how to evaluate it, and the digests.

    `settings` stands for the model and all that was wished, `digest` for these and the recording.
    """

    recording: Recording
    folder: Path
    wishes: Wishes
    settings: str
    digest: str


@dataclass(frozen=True)
class Answer:
    """The result, or in one line why there is none; `last`: and none of others either."""

    result: Result | None = None
    failed: str = ""
    last: bool = False


def settings_digest(wishes: Wishes, engine: Engine, plans: list[FaultPlan]) -> str:
    """Stands for all but the recording that decides a result; paths do not count, contents do."""
    params, streams = wishes.parameters()
    about = [
        __version__, str(SCHEMA), _content(model_folder(params.model, params.sensor_set)),
        repr(changed(params, model="")), repr(sorted(streams.items())), repr(plans),
        repr(sorted(wishes.topics_of(engine).items())), wishes.clock,
    ]  # fmt: skip
    return hashlib.sha256(json.dumps(about).encode()).hexdigest()


def task_of(recording: Recording, folder: Path, wishes: Wishes, settings: str) -> Task:
    """A task whose digest changes with the settings and with any file of the recording."""
    about = json.dumps([settings, recording.stamp()])
    digest = hashlib.sha256(about.encode()).hexdigest()
    return Task(recording, folder, wishes, settings, digest)


def evaluate(task: Task) -> Answer:
    """Evaluate a recording and write its report; whatever is wrong with it is told in a line.

    What was finished before is not done again.
    """
    with _ONE:
        if (done := kept(task.folder, task.digest)) is not None:
            return Answer(done)
        try:
            engine, plans = _ready(task.wishes, task.settings)
        except (PtaError, OSError) as error:
            return Answer(failed=_line(error), last=True)
        try:
            return Answer(_evaluate(task, engine, plans))
        except (PtaError, OSError) as error:
            cause = error if isinstance(error, OSError) else error.__cause__
            full = isinstance(cause, OSError) and cause.errno in _FULL
            return Answer(failed=_line(error), last=full and str(task.folder) in str(error))
        except Exception as error:  # a defect, and no reason to leave the other recordings out
            told = f"{type(error).__name__}: {error} (a defect: evaluate_bag of it alone tells all)"
            return Answer(failed=_line(told))


@lru_cache(maxsize=1)
def _ready(wishes: Wishes, settings: str) -> tuple[Engine, list[FaultPlan]]:
    """The started engine and the plans of this process, which must be those that were meant."""
    engine = wishes.engine()
    plans = wishes.plans(engine)
    if settings_digest(wishes, engine, plans) != settings:
        raise ConfigError(
            "a worker has another version of pta_ros, model, parameters or plans than this "
            "command; expected the same on all machines"
        )
    engine.start()
    return engine, plans


def _evaluate(task: Task, engine: Engine, plans: list[FaultPlan]) -> Result:
    folder, wishes, paths = task.folder, task.wishes, task.recording.paths
    own = [str(path) for path in paths]
    command = shlex.join(["evaluate_bag", *own, *wishes.options(), "--out", str(folder)])
    with Bag(paths) as bag:
        source = wishes.source(bag, engine)
        done = list(replays(engine, bag, source, plans))
        about = context(paths, wishes, command, engine, source)
    found = {m: topic for topic, m in source.topics.items() if m}
    robot = namespace(found, {m: stream.topic for m, stream in engine.streams.items()})
    result = result_of(done[0][0].run, [seen for _, seen in done], source, robot)
    folder.mkdir(parents=True, exist_ok=True)
    check_own(folder)
    for left in folder.glob(f"{ASIDE}*"):  # of a worker that was killed while it wrote
        shutil.rmtree(left, ignore_errors=True)
    (folder / FILE).unlink(missing_ok=True)  # before the report that it is about changes
    write_report(folder, [case for case, _ in done], about)
    save(folder, task.digest, result)
    return result


def _content(folder: Path) -> str:
    """The digest of all files in a folder."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            data = path.read_bytes()
            digest.update(f"{path.relative_to(folder).as_posix()} {len(data)}\n".encode() + data)
    return digest.hexdigest()


def _line(error: object) -> str:
    return " ".join(str(error).split())
