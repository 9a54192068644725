"""Marked frames: from pixels to joints in space, errors, deviations, counts, files, errors told."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from pta_ros.cli import evaluate_frames
from pta_ros.errors import DatasetError
from pta_ros.evaluation.frames.marks import MARK_M, marked_joints
from pta_ros.evaluation.frames.measure import figures, measure
from pta_ros.evaluation.frames.picture import draw
from pta_ros.evaluation.frames.read import read_frame
from pta_ros.evaluation.frames.text import tables
from pta_ros.skeleton import JOINT_NAMES

REAL = Path(__file__).resolve().parents[4] / "shared" / "real"


def busiest(one):
    return max(range(one.people), key=lambda who: len(one.in_sight(who)))


def marked_frame(one, folder, name="a", **changes):
    who = busiest(one)
    file = one.write(folder, name, **({"joints_px": one.marks(who)} | changes))
    return who, read_frame(file.with_suffix(".png"), folder)


def test_marks_of_true_joints_lie_near_them_in_space(rendered, tmp_path):
    away = []
    for one in rendered:
        who, frame = marked_frame(one, tmp_path)
        mount = one.scene.mounting.camera
        truth = (one.seen.joints[who] - np.asarray(mount.place)) @ mount.optical
        for joint, place in marked_joints(frame).items():
            away.append(np.linalg.norm(place - truth[JOINT_NAMES.index(joint)]))
    assert len(away) >= 20
    assert np.median(away) < 0.05
    assert np.mean(np.array(away) < 0.15) > 0.85  # a hand before the chest has the chest's depth


def test_the_given_pose_is_the_cameras(rendered, tmp_path):
    one = rendered[0]
    _, frame = marked_frame(one, tmp_path)
    mount = one.scene.mounting.camera
    assert frame.source == "given"
    np.testing.assert_allclose(frame.depth.rotation, mount.optical, atol=1e-9)
    np.testing.assert_allclose(frame.depth.place, mount.place)


def test_without_a_pose_the_floor_or_the_default_is_taken_and_told(rendered, tmp_path):
    nothing = dict.fromkeys(("height_m", "pitch_deg", "roll_deg"))
    for one in rendered:
        _, frame = marked_frame(one, tmp_path, **nothing)
        if frame.source == "floor":
            assert frame.stance.height_m == pytest.approx(
                one.scene.mounting.camera.place[2], abs=0.15
            )
    dark = rendered[0].write(tmp_path, "dark", **nothing)
    shape = rendered[0].seen.depth_mm.shape
    cv2.imwrite(str(dark.with_suffix(".png")), np.zeros(shape, np.uint16))
    frame = read_frame(dark.with_suffix(".png"), tmp_path)
    assert (frame.source, frame.stance.height_m, frame.stance.pitch_deg) == ("assumed", 1.0, 0.0)
    assert "assumed: no pose in the JSON" in tables(*told(measure(frame, ())))


def told(*measured):
    return measured, figures(measured)


def test_the_nearest_person_is_compared_and_deviations_are_judged(rendered, tmp_path):
    one = rendered[0]
    who, frame = marked_frame(one, tmp_path)
    plain = measure(frame, (one.truth(who, moved=(0.0, 1.5, 0.0)), one.truth(who)))
    assert plain.marked == 1
    moved = measure(frame, (one.truth(who, 0.01, (0.0, 0.0, 1.0)),))
    assert moved.mean_mm == pytest.approx(1000, abs=120)
    joint, error = next(iter(moved.errors_mm.items()))
    wide = np.sqrt(3 * (0.01**2 + MARK_M**2))
    assert moved.sigmas[joint] == pytest.approx(error / 1000 / wide)
    found = figures([plain, moved])
    assert found["within_3_sigma"] < 0.6 < 0.8 < figures([plain])["within_3_sigma"]


def test_who_is_not_found_counts_as_not_within(rendered, tmp_path):
    one = rendered[0]
    who, frame = marked_frame(one, tmp_path)
    seen, missed = measure(frame, (one.truth(who),)), measure(frame, ())
    assert set(missed.errors_mm.values()) == {None}
    both, alone = figures([seen, missed]), figures([seen])
    assert both["mean_mm"] == alone["mean_mm"]
    assert both["within_150"] == pytest.approx(alone["within_150"] / 2)
    assert both["within_3_sigma"] == pytest.approx(alone["within_3_sigma"] / 2)
    assert "not found" in tables([seen, missed], both)
    assert figures([missed])["mean_mm"] is None


def test_people_are_counted_where_somebody_counted(rendered, tmp_path):
    one = rendered[0]
    empty = measure(marked_frame(one, tmp_path, people=0, joints_px={})[1], (one.truth(0),))
    full = measure(marked_frame(one, tmp_path, people=None)[1], (one.truth(0),))
    found = figures([empty, full])
    assert [frame["people"] for frame in found["frames"]] == [0, None]
    assert (found["nobody_frames"], found["nobody_frames_with_somebody"]) == (1, 1)
    assert (found["counted_frames"], found["people_found"]) == (1, 1)
    assert "somebody found in 1" in tables([empty, full], found)


def test_the_picture_shows_marks_skeletons_and_rings(rendered, tmp_path):
    one = rendered[0]
    who, frame = marked_frame(one, tmp_path)
    bare, full = draw(measure(frame, ())), draw(measure(frame, (one.truth(who),)))
    assert bare.shape == full.shape
    magenta = (full == (255, 0, 255)).all(axis=2).sum()
    assert magenta > 100 > (bare == (255, 0, 255)).all(axis=2).sum()


def test_the_command_on_two_frames_and_folders(rendered, untrained, tmp_path, capsys):
    data = tmp_path / "data"
    one, other = rendered[:2]
    one.write(data, "near/one", joints_px=one.marks(busiest(one)))
    other.write(data, "two", unit=0.001, distortion=[0.01, 0.0, 0.0, 0.0, 0.0])
    out, file = tmp_path / "out", tmp_path / "found" / "f.json"
    options = ["--model", str(untrained), "--json", str(file), "--out", str(out)]
    assert evaluate_frames.main([str(data), *options]) == 0
    text = capsys.readouterr().out
    found = json.loads(file.read_text())
    assert [frame["name"] for frame in found["frames"]] == ["near/one", "two"]
    assert found["frames"][0]["people"] == one.people
    assert set(found["frames"][0]["errors_mm"]) == one.in_sight(busiest(one))
    assert found["frames"][1]["errors_mm"] == {}
    assert {"mean_mm", "median_mm", "within_150", "within_3_sigma"} <= set(found)
    assert "near/one" in text
    assert all(cv2.imread(str(out / f"{name}.png")) is not None for name in ("near/one", "two"))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"unit": "inch"}, "unit 'inch'; expected 'mm', 'm' or the metres per count"),
        ({"unit": True}, "unit True; expected a number"),
        ({"unit": "m"}, "is the unit another?"),
        ({"unit": None}, "no unit"),
        ({"width": 100}, "expected 100 x"),
        ({"fx": 0}, "fx 0; expected a number from 1"),
        ({"joints_px": {"left_rist": [1, 2]}}, "did you mean left_wrist?"),
        ({"joints_px": {"head": [1]}}, "head [1]; expected [u, v]"),
        ({"joints_px": {"head": [1, 9999]}}, "head, v 9999; expected a number from -0.5"),
        ({"people": None}, "neither joints_px nor people"),
        ({"people": 0, "joints_px": {"head": [9, 9]}}, "expected 1 or more"),
        ({"people": 1.5}, "expected a whole number"),
        ({"pitch_deg": 120}, "pitch_deg 120; expected a number from -90 to 90"),
        ({"distortion": [1, 2]}, "expected 4, 5 or 8 numbers"),
    ],
)
def test_what_a_frame_must_not_say_is_one_line(rendered, tmp_path, changes, told):
    file = rendered[0].write(tmp_path, "a", **changes)
    with pytest.raises(DatasetError) as caught:
        read_frame(file.with_suffix(".png"), tmp_path)
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_a_folder_must_not_be_is_one_line(rendered, untrained, tmp_path, capsys):
    model = ["--model", str(untrained)]

    def told(*options):
        assert evaluate_frames.main([*options, *model]) == 1
        line = capsys.readouterr().err
        assert line.count("\n") == 1
        return line

    assert "no such folder" in told(str(tmp_path / "none"))
    assert "no frames" in told(str(tmp_path))
    file = rendered[0].write(tmp_path, "a")
    assert "--out" in told(str(tmp_path), "--out", str(tmp_path / "pictures"))
    file.unlink()
    assert "a.json: no such file" in told(str(tmp_path))
    file.write_text("{")
    assert "expected JSON" in told(str(tmp_path))
    rendered[0].write(tmp_path, "a")
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((8, 8, 3), np.uint8))
    assert "expected a 16-bit PNG" in told(str(tmp_path))


@pytest.mark.skipif(not REAL.is_dir(), reason="no real recordings beside the repository")
def test_real_frames_give_finite_figures(untrained, tmp_path):
    file = tmp_path / "f.json"
    options = ["--model", str(untrained), "--json", str(file), "--out", str(tmp_path / "out")]
    assert evaluate_frames.main([str(REAL), *options]) == 0
    found = json.loads(file.read_text())
    assert found["joints"] > 0
    assert not any(frame["marks_without_depth"] for frame in found["frames"])
    assert np.isfinite(found["mean_mm"])
    assert all(np.isfinite(list(f["errors_mm"].values())).all() for f in found["frames"])
