"""What `evaluate_bag` does with an archive: evaluates each recording, prints, ends with a page."""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING

from pta_ros.metrics.bound import EXIT_MISSED
from pta_ros.workers.workforce import Workforce

if TYPE_CHECKING:
    from pta_ros.evaluation.archive.find import Recording
    from pta_ros.evaluation.archive.run import Archive
    from pta_ros.evaluation.archive.work import Task
    from pta_ros.evaluation.report.recording import Wishes

#: Exit code when all is done and at least one recording could not be evaluated.
EXIT_FAILED = 4
INTERRUPTED = 130


def evaluate(
    options: argparse.Namespace, recordings: list[Recording], wishes: Wishes, command: str
) -> int:
    """Evaluate what is not finished, write the summary; returns the exit code."""
    from pta_ros.evaluation.archive.files import kept_archive, write_archive
    from pta_ros.evaluation.archive.run import Archive

    workforce, out = Workforce(options.jobs, options.cluster), options.out
    if options.cluster is not None:  # its workers began in other folders
        recordings, wishes = [one.absolute() for one in recordings], wishes.absolute()
        out = out.absolute()
    archive = Archive(recordings, out, wishes, listed=bool(options.list))
    with kept_archive(out):
        tasks = archive.open(device="" if options.cluster is None else "cpu")
        before = len(archive.results)
        _say(f"{len(recordings)} recordings, {before} of them finished before")
        whole = _evaluate(archive, tasks, workforce)
        about = archive.about(_name(options), command, not whole)
        page = write_archive(out, archive.rows(), about)
    return _end(options, archive, str(page), whole)


def _name(options: argparse.Namespace) -> str:
    """What the archive is called on its page."""
    path = options.list or options.bag[0]
    return path.resolve().name if str(path) != "-" else "a list"


def _evaluate(archive: Archive, tasks: list[Task], workforce: Workforce) -> bool:
    """Evaluate all tasks, a line for each; False after Ctrl-C."""
    from pta_ros.evaluation.archive.work import evaluate as work

    total = len(archive.recordings)
    try:
        if not tasks:
            return True
        with workforce.crew(work, len(tasks)) as crew:
            for name, told in archive.evaluate(crew, tasks):
                done = len(archive.results) + len(archive.failures)
                _say(f"{done}/{total} {name}: {told}")
    except KeyboardInterrupt:
        return False
    return True


def _say(text: str) -> None:
    """Print a line; when nobody reads any more, as behind `| head`, the work goes on."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _end(options: argparse.Namespace, archive: Archive, page: str, whole: bool) -> int:
    """Say how it ended, in one line for whatever was not well; the exit code."""
    done, total = len(archive.results), len(archive.recordings)
    if not whole:
        told = f"interrupted: {done} of {total} recordings are in {page}"
        print(f"{told}; the same command goes on", file=sys.stderr)
        return INTERRUPTED
    missed = sum(bool(one.missed) for one in archive.results.values())
    if options.check:
        _say(f"faults cost too much in {missed} of {done} recordings")
    _say(f"written: {page}")
    if archive.failures:
        name = min(archive.failures)
        why = f"{name}: {archive.failures[name]}"
        more = f"{len(archive.failures)} of {total} recordings failed"
        print(f"error: {more}, such as {why}", file=sys.stderr)
        return EXIT_FAILED
    return EXIT_MISSED if options.check and missed else 0
