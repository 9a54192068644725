"""An archive evaluated by a crew: what is finished already stays, what is missing is made."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from os.path import commonpath
from pathlib import Path

from pta_ros.errors import ConfigError
from pta_ros.evaluation.archive.find import Recording
from pta_ros.evaluation.archive.page import About
from pta_ros.evaluation.archive.result import Result, kept
from pta_ros.evaluation.archive.summary import Row
from pta_ros.evaluation.archive.work import Answer, Task, settings_digest, task_of
from pta_ros.evaluation.report.recording import Wishes
from pta_ros.workers.lead import Crew, End, lead

#: The folder of the recordings' own reports, beside the summary.
REPORTS = "recordings"


@dataclass
class Archive:
    """Recordings, how they are evaluated, and what came of each so far.

    `out` is the folder of the summary; `listed`: the recordings come from a list, their names begin
    at the root of the file system.
    """

    recordings: Sequence[Recording]
    out: Path
    wishes: Wishes
    listed: bool = False
    results: dict[str, Result] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    model: str = ""
    synthetic: bool = False

    def open(self, device: str = "") -> list[Task]:
        """The tasks that are left, after the results of earlier runs are taken.

        Raises what is wrong with model, parameters, plans or topics. `device` is where they are
        checked, instead of where they will run.
        """
        engine = self.wishes.engine(device)
        self.model = engine.loaded.name
        self.synthetic = bool(engine.loaded.provenance.get("synthetic"))
        settings = settings_digest(self.wishes, engine, self.wishes.plans(engine))
        tasks = []
        for recording in self.recordings:
            try:
                task = task_of(recording, self._folder(recording), self.wishes, settings)
            except OSError as error:
                self.failures[recording.name] = f"{error.filename}: {error.strerror}"
                continue
            done = kept(task.folder, task.digest)
            if done is not None:
                self.results[recording.name] = done
            else:
                tasks.append(task)
        return tasks

    def evaluate(self, crew: Crew, tasks: Sequence[Task]) -> Iterator[tuple[str, str]]:
        """Evaluate what is left; yields a recording's name, and in words what came of it.

        One whose worker died is told each time. Raises ConfigError when there is no use in going
        on, such as a full disk: what is finished stays.
        """
        for end in lead(crew, tasks):
            task = tasks[end.number]
            name = task.recording.name
            if end.again:
                yield name, f"{end.died}; it is tried once more"
                continue
            answer = _answer(end, task)
            if answer.last:
                raise ConfigError(
                    f"{answer.failed}; {len(self.results)} of {len(self.recordings)} recordings "
                    "are finished and stay, the same command goes on"
                )
            if answer.result is not None:
                self.results[name] = answer.result
                yield name, answer.result.verdict
            else:
                self.failures[name] = answer.failed
                yield name, f"failed: {answer.failed}"

    def about(self, name: str, command: str, interrupted: bool) -> About:
        """What the summary says of itself."""
        wishes = self.wishes
        settings = {
            "params": str(wishes.params or "the defaults"),
            "faults": ", ".join(wishes.faults) or "none",
            "topics": ", ".join(wishes.topics) or "the parameters'",
            "clock": wishes.clock,
        }
        return About(name, command, self.model, self.synthetic, settings, interrupted)

    def rows(self) -> list[Row]:
        """All recordings, each once, by name."""
        shown, robots = self._shown(), self._robots()
        rows = []
        for one in self.recordings:
            result, failed = self.results.get(one.name), self.failures.get(one.name, "")
            folder = self._folder(one).relative_to(self.out).as_posix()
            robot = robots[one.name]
            rows.append(Row(one.name, shown[one.name], folder, robot, result, failed))
        return rows

    def _robots(self) -> dict[str, str]:
        """The robot of each recording: the namespace of its topics, else the first folder.

        One that failed is of the namespace that all others of its folder have.
        """
        own = {name: result.robot for name, result in self.results.items()}
        shown = self._shown()
        above = {name: shown[name].rpartition("/")[0].partition("/")[0] for name in shown}
        inside: dict[str, set[str]] = {}
        for name, robot in own.items():
            inside.setdefault(above[name], set()).add(robot)
        only = {folder: min(robots) for folder, robots in inside.items() if len(robots) == 1}
        return {
            name: own.get(name, only.get(folder, "")) or folder for name, folder in above.items()
        }

    def _folder(self, recording: Recording) -> Path:
        return self.out / REPORTS / recording.name

    def _shown(self) -> dict[str, str]:
        """Each name; of a list without the folders that all have in common."""
        names = [one.name for one in self.recordings]
        above = commonpath([str(Path(name).parent) for name in names]) if self.listed else ""
        return {name: name[len(above) + 1 :] if above else name for name in names}


def _answer(end: End, task: Task) -> Answer:
    """What came of a task; one that was finished before its worker died is finished."""
    if isinstance(end.value, Answer):
        return end.value
    if (done := kept(task.folder, task.digest)) is not None:
        return Answer(done)
    if end.error:  # the work itself tells what is wrong with a recording: it did not even begin
        return Answer(failed=f"a worker cannot begin: {end.error}", last=True)
    return Answer(failed=f"{end.died}, twice")
