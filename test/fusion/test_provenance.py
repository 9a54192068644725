import json
from pathlib import Path

import pytest

from pta_ros.fusion.provenance import taught, trained

SHIPPED = Path(__file__).resolve().parents[2] / "models"
TOLD = {
    "from": "mmfi_lite", "recordings": ["room_a", "room_b"], "synthetic": True, "seconds": 598.2,
    "before": {"csi": {"mpjpe_mm": 537.6}}, "after": {"csi": {"mpjpe_mm": 196.9}},
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "seed"), [("mmfi_lite", 0), ("people_lite", 1), ("xrf55_lite", 0)]
)
def test_shipped_models_say_that_their_data_were_synthetic(name, seed):
    config = json.loads((SHIPPED / name / "config.json").read_text())
    text = trained(config["provenance"], config["statistics"])
    assert text.startswith(f"synthetic data, of seed {seed}, ")
    assert "training seed 0" in text
    assert taught(config["provenance"]) == ""


def test_a_model_that_another_one_was_begun_from_is_named():
    assert (
        trained({"from": {"model": "mmfi_lite"}}, {"frames": 9}) == "9 frames, begun from mmfi_lite"
    )
    other = {"from": {"model": "a"}, "training": {"take": "encoders"}}
    assert trained(other, {}) == "with the encoders of a"


def test_a_taught_model_says_of_what_by_what_and_with_which_figures():
    assert taught({"taught": TOLD}) == (
        "of mmfi_lite, by room_a, room_b (synthetic), 598.2 s, CSI alone 538 -> 197 mm in the last "
        "fifth"
    )
    assert "(synthetic)" not in taught({"taught": {**TOLD, "synthetic": False}})


@pytest.mark.parametrize(
    "odd",
    [
        {"taught": {"from": ["x"], "seconds": None, "recordings": "x", "before": 3, "after": []}},
        {"taught": "yes", "training": 5, "synthetic": "yes", "note": {}, "pta_ros": True},
        {},
    ],
)
def test_what_a_stranger_wrote_is_left_out(odd):
    assert taught(odd) == ""
    assert trained(odd, {"frames": [1]}) in ("", "synthetic data")
