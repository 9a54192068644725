"""The splits of MM-Fi, XRF55 and wide trees: the published ones, by subject, and by scene.

MM-Fi's are made of (subject, action) pairs, for example ("S01", "A13"), the others of row numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pta_ros.datasets.reduced import ReducedSet
from pta_ros.datasets.wide import SCENES
from pta_ros.datasets.xrf55 import RECORDED_SCENES
from pta_ros.errors import DatasetError

SUBJECTS = tuple(f"S{n:02d}" for n in range(1, 41))
ACTIONS = tuple(f"A{n:02d}" for n in range(1, 28))
_DAILY = (2, 3, 4, 5, 13, 14, 17, 18, 19, 20, 21, 22, 23, 27)

#: P1 daily activities, P2 rehabilitation exercises, P3 both.
PROTOCOLS: dict[str, tuple[str, ...]] = {
    "P1": tuple(a for n, a in enumerate(ACTIONS, 1) if n in _DAILY),
    "P2": tuple(a for n, a in enumerate(ACTIONS, 1) if n not in _DAILY),
    "P3": ACTIONS,
}

#: The published split of XRF55: repeats 1 to 14 train, 15 to 20 test.
TRAIN_REPEATS = 14

Pair = tuple[str, str]
Rows = NDArray[np.int64]


class Split(NamedTuple):
    """Pairs to train on and pairs to validate on; they share none."""

    train: frozenset[Pair]
    val: frozenset[Pair]


class SubjectSplits(NamedTuple):
    """Four groups of subjects (S01) or of clips (S01/A02), each in ascending order.

    Groups of subjects share nobody. Of a published split `val` is `meta_val`; the rest is disjoint.
    """

    train: tuple[str, ...]
    meta_val: tuple[str, ...]
    val: tuple[str, ...]
    test: tuple[str, ...]


def scene_of(subject: str) -> str:
    """Return the scene a subject was recorded in: S01-10 E01, and so on to S31-40 E04."""
    return f"E{SUBJECTS.index(_known(subject, SUBJECTS, 'subject')) // 10 + 1:02d}"


def protocol_actions(protocol: str) -> tuple[str, ...]:
    """Return the actions of P1, P2 or P3 in ascending order."""
    return PROTOCOLS[_known(protocol, PROTOCOLS, "protocol")]


def mmfi_split(protocol: str, split: str) -> Split:
    """Return one of the published splits.

    S1 random: for the k-th action of the protocol a permutation of the subjects seeded with k,
    the first 32 train. S2 across subjects: every fifth validates. S3 across scenes: E04 validates.
    """
    actions = protocol_actions(protocol)
    makers = {"S1": _random_split, "S2": _subject_split, "S3": _scene_split}
    held_out = makers[_known(split, makers, "split")](actions)
    pairs = {(subject, action) for subject in SUBJECTS for action in actions}
    return Split(frozenset(pairs - held_out), frozenset(held_out))


def subject_splits(
    subjects: Iterable[str],
    seed: int,
    fractions: Sequence[float] = (0.6, 0.15, 0.1, 0.15),
) -> SubjectSplits:
    """Deal subjects into train, meta_val, val and test groups, at random but repeatably.

    The sizes follow `fractions` with at least one subject each; train takes the remainder.
    The order of `subjects` does not matter. Raises DatasetError for fewer than four subjects.
    """
    names = sorted(set(subjects))
    if len(fractions) != 4 or min(fractions) <= 0 or abs(sum(fractions) - 1) > 1e-6:
        raise DatasetError(f"fractions {tuple(fractions)}; expected four positive ones, sum 1")
    if len(names) < 4:
        raise DatasetError(f"{len(names)} subjects {names}; a split needs at least 4")
    sizes = [max(1, round(fraction * len(names))) for fraction in fractions[1:]]
    while sum(sizes) >= len(names):  # few subjects and a small train share: someone must train
        sizes[sizes.index(max(sizes))] -= 1
    shuffled = [names[i] for i in np.random.default_rng(seed).permutation(len(names))]
    ends = np.cumsum([len(names) - sum(sizes), *sizes]).tolist()
    starts = [0, *ends[:-1]]
    groups = (tuple(sorted(shuffled[a:b])) for a, b in zip(starts, ends, strict=True))
    return SubjectSplits(*groups)


def published_splits(
    pairs: Iterable[Pair], protocol: str, split: str, seed: int, meta_val: float
) -> SubjectSplits:
    """A published split of the clips that are there: its training clips dealt for meta-learning.

    A share `meta_val` of them, drawn at random but repeatably, is meta-validation and, as nothing
    else is left, validation too. Raises DatasetError when a group would be empty.
    """
    whole, present = mmfi_split(protocol, split), set(pairs)
    train, test = (sorted(f"{s}/{a}" for s, a in group & present) for group in whole)
    if len(train) < 2 or not test:
        raise DatasetError(
            f"{len(train)} training and {len(test)} validation clips of {protocol} {split}; "
            "expected two and one at least"
        )
    count = min(max(1, round(meta_val * len(train))), len(train) - 1)
    order = np.random.default_rng(seed).permutation(len(train))
    held_out = tuple(sorted(train[i] for i in order[:count]))
    kept = tuple(sorted(train[i] for i in order[count:]))
    return SubjectSplits(kept, held_out, held_out, tuple(test))


def _random_split(actions: Sequence[str]) -> set[Pair]:
    """S1's held-out pairs; RandomState(k) draws what numpy.random.seed(k) would."""
    held_out = set()
    for k, action in enumerate(actions):
        order = np.random.RandomState(k).permutation(len(SUBJECTS))
        held_out |= {(SUBJECTS[i], action) for i in order[32:]}
    return held_out


def _subject_split(actions: Sequence[str]) -> set[Pair]:
    """S2's held-out pairs: S05, S10 ... S40."""
    return {(subject, action) for subject in SUBJECTS[4::5] for action in actions}


def _scene_split(actions: Sequence[str]) -> set[Pair]:
    """S3's held-out pairs: everyone in E04."""
    return {(subject, action) for subject in SUBJECTS[30:] for action in actions}


def _known(name: str, known: Iterable[str], what: str) -> str:
    """Return the name if it is known, or raise DatasetError with the choices."""
    choices = list(known)
    if name not in choices:
        raise DatasetError(f"unknown {what} {name!r}; expected one of {', '.join(choices)}")
    return name


class RepeatSplit(NamedTuple):
    """Row numbers of XRF55's groups. The subjects of `unseen` are in no other group.

    `train`, `meta_val` and `val` share subjects, not repeats; `test` holds later repeats.
    """

    train: Rows
    meta_val: Rows
    val: Rows
    test: Rows
    unseen: Rows


def repeat_split(
    data: ReducedSet,
    seed: int,
    meta_val: float,
    val: float,
    unseen: float,
    train_repeats: int = TRAIN_REPEATS,
    train_scenes: tuple[str, ...] = ("Scene1",),
    test_scenes: tuple[str, ...] = ("Scene1",),
) -> RepeatSplit:
    """Deal XRF55's samples; `meta_val` and `val` are shares of the training repeats, one or more.

    `unseen` is the share of the subjects of `train_scenes` who are held out entirely; 0 holds out
    nobody. One scene for both is the published split of that scene; two tests across scenes.
    Raises DatasetError when there are too few repeats.
    """
    rng = np.random.default_rng(seed)
    inside = np.isin(data.scene, train_scenes)
    people = np.unique(data.subject[inside])
    away = rng.permutation(people)[: round(unseen * len(people))]
    known = ~np.isin(data.subject, away)
    early = data.number <= train_repeats
    repeats = rng.permutation(np.unique(data.number[inside & early]))
    if len(repeats) < 3:
        raise DatasetError(
            f"repeats {sorted(repeats.tolist())} up to {train_repeats} in {list(train_scenes)}; "
            "expected 3 or more"
        )
    first = max(1, round(meta_val * len(repeats)))
    second = first + max(1, round(val * len(repeats)))
    parts = repeats[second:], repeats[:first], repeats[first:second]
    trained = (data.usable & inside & known & np.isin(data.number, part) for part in parts)
    tested = data.usable & np.isin(data.scene, test_scenes)
    groups = (*trained, tested & known & ~early, tested & ~known)
    return RepeatSplit(*(np.flatnonzero(group) for group in groups))


def wide_splits(
    people: ReducedSet, seed: int, meta_val: float
) -> tuple[dict[str, Rows], dict[str, tuple[str, ...]]]:
    """Rows and members of every split of a tree whose scenes are its splits (wide, or recorded).

    The share `meta_val` of the training clips, at least one, is meta-validation. Places with nobody
    teach what nobody looks like; they have no part in validation and test, which are of poses.
    Trees of windows (no joints) have their own names of scenes.
    """
    poses = people.joints.shape[1] > 0
    scenes = SCENES if poses else RECORDED_SCENES
    training = people.scene == scenes["train"]
    held = np.random.default_rng(seed).permutation(np.unique(people.subject[training]))
    held = held[: max(1, round(meta_val * len(held)))]
    meta = training & np.isin(people.subject, held)
    somebody = np.isfinite(people.joints[:, 0, 0]) if poses else np.ones(len(people), bool)
    rows = {}
    for name, scene in scenes.items():
        mine = (people.scene == scene) & ~meta & people.usable
        rows[name] = np.flatnonzero(mine if name == "train" else mine & somebody)
    rows["meta_val"] = np.flatnonzero(meta & people.usable)
    members = {name: (scene,) for name, scene in scenes.items()}
    clips = tuple(f"{scenes['train']}/{clip}" for clip in sorted(held.tolist()))
    return rows, members | {"meta_val": clips}
