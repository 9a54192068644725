"""`bench_archive`: how much faster two processes evaluate an archive than one."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

from pta_ros.cli import run, write_json
from pta_ros.errors import ConfigError
from pta_ros.metrics.bound import at_least, bounds_text, exit_code

MIN_RATIO = 1.7


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser("bench_archive", description=__doc__)
    parser.add_argument("bag", type=Path, help="recording of a minute or so, which is copied")
    parser.add_argument("--copies", type=int, default=8, help="recordings of the archive (8)")
    parser.add_argument("--jobs", type=int, default=2, help="processes, beside one (2)")
    parser.add_argument("--repeats", type=int, default=3, help="of both; the best of each counts")
    parser.add_argument("--json", type=Path, default=Path("results/bench_archive.json"))
    return parser.parse_args(arguments)


def _main(arguments: list[str] | None) -> int:
    options = parse(arguments)
    if options.copies < options.jobs or options.jobs < 2 or options.repeats < 1:
        raise ConfigError(
            f"--copies {options.copies} --jobs {options.jobs} --repeats {options.repeats}; "
            "expected two processes or more, a recording for each, and a repeat"
        )
    with tempfile.TemporaryDirectory(prefix="pta_ros_archive_") as folder:
        archive = Path(folder) / "archive"
        for number in range(options.copies):
            _copy(options.bag, archive / f"{number:03d}")
        took: dict[int, list[float]] = {1: [], options.jobs: []}
        for repeat in range(options.repeats):
            for jobs, seconds in took.items():
                seconds.append(seconds_of(archive, Path(folder) / f"{jobs}-{repeat}", jobs))
    ratio = min(took[1]) / min(took[options.jobs])
    figures = {"copies": options.copies, "seconds": took, "ratio": ratio}
    write_json(options.json, {**figures, "cores": os.cpu_count()})
    bounds = [at_least(f"{options.jobs} processes beside one", ratio, MIN_RATIO, "x")]
    print(f"{options.copies} recordings: {min(took[1]):.1f} s by one process, "
          f"{min(took[options.jobs]):.1f} s by {options.jobs}, their start included")  # fmt: skip
    print(bounds_text(bounds))
    return exit_code(bounds)


def seconds_of(archive: Path, out: Path, jobs: int) -> float:
    """How long so many processes take for all recordings below a folder, from their start on."""
    from pta_ros.evaluation.archive.find import below
    from pta_ros.evaluation.archive.run import Archive
    from pta_ros.evaluation.archive.work import evaluate
    from pta_ros.evaluation.report.recording import Wishes
    from pta_ros.workers.processes import Processes

    mine = Archive(below(archive), out, Wishes())
    tasks = mine.open()
    begun = time.perf_counter()
    with Processes(evaluate, jobs) as crew:
        for _ in mine.evaluate(crew, tasks):
            pass
    took = time.perf_counter() - begun
    if mine.failures:
        name, why = next(iter(mine.failures.items()))
        raise ConfigError(f"{name} cannot be evaluated: {why}; expected a whole recording")
    return took


def _copy(bag: Path, place: Path) -> None:
    """The same recording again, its contents linked where that is possible."""

    def link(source: str, target: str) -> object:
        try:
            os.link(source, target)
        except OSError:
            shutil.copyfile(source, target)
        return target

    place.parent.mkdir(parents=True, exist_ok=True)
    if bag.is_dir():
        shutil.copytree(bag, place, copy_function=link)
    else:
        place.mkdir()
        link(str(bag), str(place / bag.name))


def main(arguments: list[str] | None = None) -> int:
    """Console script: 0 when the bound is kept, 3 when not, 1 on an error."""
    return run(lambda: _main(arguments))


if __name__ == "__main__":
    sys.exit(main())
