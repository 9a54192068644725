"""What is wrong with a data set tree: every problem is named and counted, or the first is fatal."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from pta_ros.datasets.clips import ClipFiles, Tree
from pta_ros.errors import ConfigError, DatasetError

#: What a problem leads to: its data is left out, or the work stops.
ON_PROBLEM = ("skip", "fatal")


@dataclass(frozen=True)
class Problem:
    """One thing that cannot be used: its `kind`, and `what` it is, with the path and the reason."""

    kind: str
    what: str

    def __str__(self) -> str:
        return f"{self.kind} {self.what}"


def survey(tree: Tree, modalities: Collection[str]) -> tuple[tuple[ClipFiles, ...], list[Problem]]:
    """The clips that have usable frames, and the problems that show before a frame is opened.

    Missing files are looked for in the folders of `modalities` only.
    """
    usable: list[ClipFiles] = []
    problems = [Problem("missing clip", name) for name in tree.missing_clips]
    for clip in tree.clips:
        try:
            numbers, beyond = clip.frame_numbers, clip.frames_without_truth
        except DatasetError as error:
            problems.append(Problem("unusable clip", str(error)))
            continue
        if beyond:
            what = f"{clip.path}: {len(beyond)} frames, the first is number {beyond[0]}"
            problems.append(Problem("clip longer than its ground truth", what))
        if numbers:
            usable.append(clip)
            problems += (p for modality in modalities for p in _missing(clip, modality))
        else:
            problems.append(Problem("clip without frames", str(clip.path)))
    return tuple(usable), problems


def _missing(clip: ClipFiles, modality: str) -> list[Problem]:
    """One problem for each missing file; a single one when the clip has no file at all."""
    missing = clip.missing(modality)
    if len(missing) > 1 and not clip.files[modality]:
        what = f"{clip.scene}/{clip.subject}/{clip.action}: all {len(missing)} files are missing"
        return [Problem(f"clip without {modality}", f"{what}, the first is {missing[0]}")]
    return [Problem(f"missing {modality} file", str(path)) for path in missing]


def check_policy(on_problem: str) -> None:
    """Raise ConfigError when `on_problem` is not one of ON_PROBLEM."""
    if on_problem not in ON_PROBLEM:
        raise ConfigError(f"on_problem is {on_problem!r}; expected one of {list(ON_PROBLEM)}")


def stop_if_fatal(problems: Sequence[Problem], on_problem: str) -> None:
    """Raise DatasetError, naming the first problem, when problems are fatal."""
    if on_problem == "fatal" and problems:
        raise DatasetError(
            f"{problems[0]}; stopped at this first problem, more may follow: repair it, "
            "or leave out and list all of them with on_problem 'skip'"
        )


def problem_lines(problems: Sequence[Problem], most: int = 5) -> list[str]:
    """Lines for a log: the first `most` problems, then for each kind how many, and the first.

    Most frequent first. No problem gives no line.
    """
    first: dict[str, Problem] = {}
    count: dict[str, int] = {}
    for problem in problems:
        first.setdefault(problem.kind, problem)
        count[problem.kind] = count.get(problem.kind, 0) + 1
    kinds = sorted(count, key=lambda kind: -count[kind])
    return [
        *(f"left out: {problem}" for problem in problems[:most]),
        *(f"{count[kind]} x {kind}, the first: {first[kind].what}" for kind in kinds),
    ]
