"""People in a replay, held against those who are there: who is found, who is not there, errors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from pta_ros.evaluation.replay.record import People
from pta_ros.frames import FloatArray
from pta_ros.metrics.presence import paired
from pta_ros.people.centred import trunk
from pta_ros.skeleton import NUM_JOINTS

Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class PeopleFigures:
    """Means over `estimates` at whose moments it is known who is there.

    `there` people in all, `found` of them, and `false` ones that nobody is. `right_percent` is the
    share of the found in all who are there or were told; 100 where both are nobody.
    `counts_right_percent` is the share of estimates with the right number. Of the found: errors of
    centre and joints, and the shares of coordinates within one and two deviations.
    """

    name: ClassVar[str] = "people right"
    unit: ClassVar[str] = "%"

    estimates: int
    there: int
    found: int
    false: int
    right_percent: float
    counts_right_percent: float
    centre_mm: float | None
    mpjpe_mm: float | None
    within_1_percent: float | None
    within_2_percent: float | None

    @property
    def value(self) -> float:
        """The figure that is judged."""
        return self.right_percent


@dataclass(frozen=True, eq=False)
class PeopleScored:
    """N estimates: people `told`, `there` (-1: not known) and `found` in each, (N,).

    Of the F people found: `row` (F,) their estimate, `person` (F,) their row in `People`,
    `true` (F,) the row of the true one, `centre_mm` (F,), `joint_mm` (F, 17), `ratio`
    (F, 17, 3): errors over the deviation.
    """

    told: Ints
    there: Ints
    found: Ints
    row: Ints
    person: Ints
    true: Ints
    centre_mm: FloatArray
    joint_mm: FloatArray
    ratio: FloatArray

    @property
    def known(self) -> Mask:
        """At whose moments it is known who is there, (N,)."""
        return self.there >= 0

    @property
    def error_mm(self) -> FloatArray:
        """Mean error of the joints of all found, (N,) mm; NaN where nobody is."""
        sums = np.bincount(self.row, self.joint_mm.mean(axis=1), len(self.told))
        mean = np.full(len(self.told), np.nan)
        some = self.found > 0
        mean[some] = sums[some] / self.found[some]
        return mean.astype(np.float32)

    def figures(self, chosen: Mask) -> PeopleFigures:
        """Figures of the chosen estimates, which must be known."""
        people = chosen[self.row]
        there, found = int(self.there[chosen].sum()), int(self.found[chosen].sum())
        told = int(self.told[chosen].sum())
        ratio = self.ratio[people]
        within = [float(100.0 * (ratio <= k).mean()) if ratio.size else None for k in (1, 2)]
        either = there + told - found
        return PeopleFigures(
            estimates=int(chosen.sum()),
            there=there,
            found=found,
            false=told - found,
            right_percent=100.0 * found / either if either else 100.0,
            counts_right_percent=100.0 * float((self.told == self.there)[chosen].mean()),
            centre_mm=_mean(self.centre_mm[people]),
            mpjpe_mm=_mean(self.joint_mm[people]),
            within_1_percent=within[0],
            within_2_percent=within[1],
        )

    def joints_mm(self, chosen: Mask) -> FloatArray | None:
        """Mean error of every joint (17,) of the people found in the chosen estimates, or None."""
        errors = self.joint_mm[chosen[self.row]]
        mean: FloatArray | None = errors.mean(axis=0) if len(errors) else None
        return mean


def score_people(people: People) -> PeopleScored:
    """Find in every estimate who of the true people is who of the estimated."""
    first, true_first = begins(people.counts), begins(np.maximum(people.true_counts, 0))
    pairs: list[tuple[int, int, int]] = []
    for row, (count, true_count) in enumerate(
        zip(people.counts.tolist(), people.true_counts.tolist(), strict=True)
    ):
        at, true_at = int(first[row]), int(true_first[row])
        truth = people.true_m[true_at : true_at + max(true_count, 0)]
        found = paired(truth, people.centres_m[at : at + count])
        pairs += [(row, at + n, true_at + who) for who, n in sorted(found.items())]
    rows, told, true = np.array(pairs, np.int64).reshape(-1, 3).T
    away = people.joints_m[told] - people.true_m[true]
    centres = np.linalg.norm(people.centres_m[told] - trunk(people.true_m[true]), axis=-1)
    deviation = np.maximum(people.std_m[told], 1e-6)[:, :, None]
    return PeopleScored(
        told=people.counts,
        there=people.true_counts,
        found=np.bincount(rows, minlength=len(people.counts)).astype(np.int64),
        row=rows,
        person=told,
        true=true,
        centre_mm=(1e3 * centres).astype(np.float32),
        joint_mm=(1e3 * np.linalg.norm(away, axis=-1)).reshape(-1, NUM_JOINTS),
        ratio=np.abs(away) / deviation,
    )


def begins(counts: Ints) -> Ints:
    """Where each one's rows begin, (N,)."""
    return np.asarray(np.cumsum(counts) - counts, np.int64)


def _mean(values: FloatArray) -> float | None:
    return float(values.mean()) if values.size else None
