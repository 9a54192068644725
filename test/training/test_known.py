"""Who is known to have trained a model that a run starts from: told, or refused."""

from dataclasses import replace

import pytest

from pta_ros.errors import ConfigError
from pta_ros.model.config import PTAConfig
from pta_ros.model.pta import PTA
from pta_ros.training.begin import begin
from pta_ros.training.config import TrainConfig
from pta_ros.training.start import matched

SMALL = PTAConfig(channels=16, tokens=4, dim=16, latent=8, mixers=1)
MADE = {"synthetic": True, "runs": [{"seed": 0, "preset": "bench"}]}


def started(folder):
    settled, source = begin(TrainConfig(model=SMALL, start_from=str(folder)))
    return matched(source, PTA(settled.model))


@pytest.mark.parametrize(
    ("trained", "tested", "both"),
    [
        (["S01", "S02"], ("S02", "S03"), "S02"),
        (["S01", "S02"], ("S01/A01", "S03/A01"), "S01/A01"),
        (["S01/A01"], ("S01/A02",), ""),
        (["S01/A01"], ("S01", "S02"), "S01"),
        (["E01"], ("E03",), ""),
        (["S01"], (), ""),
    ],
)
def test_who_is_tested_and_was_trained_on_is_told_of_the_same_worlds(
    saved, tmp_path, trained, tested, both
):
    start = started(saved(tmp_path / "m", SMALL))
    known = replace(
        start.source.loaded, provenance={"synthetic": MADE, "splits": {"train": trained}}
    )
    start = replace(start, source=replace(start.source, loaded=known))
    told = list(start.known(MADE, trained, tested))
    assert len(told) == bool(both)
    assert not told or f"here ({both});" in told[0]
    for other in (None, {**MADE, "runs": [{"seed": 1}]}, {**MADE, "dataset": "XRF55"}):
        assert not list(start.known(other, trained, tested))


def test_of_taken_encoders_only_who_trained_those_counts(saved, tmp_path):
    """A model that took another's encoders has a fusion that saw others; that is not taken."""
    start = started(saved(tmp_path / "m", SMALL))
    known = {"synthetic": MADE, "splits": {"train": ["S01", "S02"]}}
    latest = {
        "synthetic": MADE, "splits": {"train": ["S03"]}, "training": {"take": "encoders"},
        "from": {"model": "first", "take": "all", **known},
    }  # fmt: skip
    loaded = replace(start.source.loaded, provenance=latest)
    whole = replace(start, source=replace(start.source, loaded=loaded))
    assert [line.split(" ")[0] for line in whole.known(MADE, (), ("S01", "S03"))] == ["m", "first,"]
    taken = replace(whole, source=replace(whole.source, only=("depth", "lidar", "csi")))
    assert not list(taken.known(MADE, ("S04",), ("S03",)))
    with pytest.raises(ConfigError, match=r"first, from which m began, was trained on 1 of the 2"):
        list(taken.known(MADE, ("S04",), ("S03", "S01")))
    (line,) = taken.known(MADE, ("S02", "S04"), ("S03",))
    assert "1 of the 2 of train (S02): its encoders know them by heart" in line


def test_a_provenance_that_somebody_wrote_by_hand_tells_nothing(saved, tmp_path):
    start = started(saved(tmp_path / "m", SMALL))
    for odd in ({"from": "x"}, {"training": 3, "splits": []}, {"from": {"synthetic": MADE}}):
        loaded = replace(start.source.loaded, provenance=odd)
        line = replace(start, source=replace(start.source, loaded=loaded))
        assert not list(line.known(MADE, ("S01",), ("S02",)))
