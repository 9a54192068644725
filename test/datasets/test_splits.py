import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pta_ros.datasets.splits import (
    ACTIONS,
    SUBJECTS,
    mmfi_split,
    protocol_actions,
    scene_of,
    subject_splits,
)
from pta_ros.errors import DatasetError

P1 = [f"A{n:02d}" for n in (2, 3, 4, 5, 13, 14, 17, 18, 19, 20, 21, 22, 23, 27)]
P2 = [f"A{n:02d}" for n in (1, 6, 7, 8, 9, 10, 11, 12, 15, 16, 24, 25, 26)]


def test_protocols_are_the_published_lists():
    assert list(protocol_actions("P1")) == P1
    assert list(protocol_actions("P2")) == P2
    assert list(protocol_actions("P3")) == [f"A{n:02d}" for n in range(1, 28)]


@pytest.mark.parametrize(("protocol", "actions"), [("P1", P1), ("P2", P2), ("P3", list(ACTIONS))])
def test_s1_is_the_published_random_split(protocol, actions):
    split = mmfi_split(protocol, "S1")
    state = np.random.get_state()  # noqa: NPY002
    try:
        for k, action in enumerate(actions):
            np.random.seed(0 + k)  # noqa: NPY002
            order = np.random.permutation(40)  # noqa: NPY002
            train = {f"S{i + 1:02d}" for i in order[:32]}
            assert {s for s, a in split.train if a == action} == train
            assert {s for s, a in split.val if a == action} == set(SUBJECTS) - train
    finally:
        np.random.set_state(state)  # noqa: NPY002


def test_s1_of_the_first_action_in_literal_numbers():
    val = sorted(s for s, a in mmfi_split("P3", "S1").val if a == "A01")
    assert val == ["S01", "S04", "S07", "S10", "S20", "S22", "S24", "S39"]


def test_making_a_split_leaves_the_global_random_state_alone():
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    mmfi_split("P3", "S1")
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


def test_s2_holds_out_every_fifth_subject():
    split = mmfi_split("P1", "S2")
    held_out = ["S05", "S10", "S15", "S20", "S25", "S30", "S35", "S40"]
    assert split.val == {(s, a) for s in held_out for a in P1}
    assert len(split.train) == 32 * 14


def test_s3_holds_out_scene_four():
    split = mmfi_split("P2", "S3")
    assert split.val == {(f"S{n}", a) for n in range(31, 41) for a in P2}
    assert len(split.train) == 30 * 13


@pytest.mark.parametrize("name", ["S1", "S2", "S3"])
def test_train_and_val_cover_everything_once(name):
    split = mmfi_split("P3", name)
    assert not split.train & split.val
    assert split.train | split.val == {(s, a) for s in SUBJECTS for a in ACTIONS}


def test_scenes_of_subjects():
    found = [scene_of(s) for s in ("S01", "S10", "S11", "S30", "S31", "S40")]
    assert found == ["E01", "E01", "E02", "E03", "E04", "E04"]


@pytest.mark.parametrize(
    "call",
    [lambda: protocol_actions("P4"), lambda: mmfi_split("P3", "S9"), lambda: scene_of("S41")],
)
def test_unknown_names_are_refused_with_the_choices(call):
    with pytest.raises(DatasetError, match=r"(P4|S9|S41)'; expected one of"):
        call()


@given(count=st.integers(4, 40), seed=st.integers(0, 1000))
def test_subject_splits_share_nobody_and_lose_nobody(count, seed):
    splits = subject_splits(SUBJECTS[:count], seed)
    everyone = [s for group in splits for s in group]
    assert sorted(everyone) == list(SUBJECTS[:count])
    assert all(group == tuple(sorted(group)) and group for group in splits)


def test_subject_splits_follow_fractions_and_seed_but_not_order():
    splits = subject_splits(SUBJECTS, 3)
    assert [len(group) for group in splits] == [24, 6, 4, 6]
    assert subject_splits(reversed(SUBJECTS), 3) == splits
    assert subject_splits(SUBJECTS, 4) != splits
    tiny = subject_splits(SUBJECTS[:5], 0, (0.1, 0.3, 0.3, 0.3))
    assert [len(group) for group in tiny] == [1, 1, 1, 2]


@pytest.mark.parametrize(
    ("subjects", "fractions"),
    [
        (SUBJECTS[:3], (0.4, 0.2, 0.2, 0.2)),
        (SUBJECTS, (0.5, 0.5)),
        (SUBJECTS, (1.0, 0.2, 0.2, -0.4)),
    ],
)
def test_impossible_subject_splits_are_refused(subjects, fractions):
    with pytest.raises(DatasetError, match=r"expected four|at least 4"):
        subject_splits(subjects, 0, fractions)
