"""Errors by camera, LiDAR, height and room: which scenes are in a group, and their means."""

from dataclasses import replace

import numpy as np
import pytest

from pta_ros.datasets.wide import Clip, clips_of
from pta_ros.evaluation.compare.page import pose_page
from pta_ros.evaluation.compare.slices import slice_table, slices_of
from pta_ros.evaluation.compare.table import tabulate
from pta_ros.metrics.evaluate import MPJPE

ALL = "depth+lidar+csi"
SLICES = {"camera": {"D435": ("S06", "S40"), "Kinect": ("S15",), "Femto": ("S41",)}}


def lines(text):
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines()[2:]]


def test_a_group_has_the_mean_of_its_own_scenes_over_the_seeds(make):
    text = slice_table(tabulate(make.clean(), (0, 1, 2)), SLICES, MPJPE, ALL)
    d435, kinect = lines(text)  # nobody is in Femto's
    base = make.base_mm[ALL]
    for line, group, count, off in ((d435, "D435", "80", 1.0), (kinect, "Kinect", "40", -2.0)):
        assert line[:3] == ["camera", group, count]
        assert line[-1] == f"**{base + off:.1f}**"
        assert line[3] == f"{base + off + make.worse_mm['base1']:.1f}"


def test_scenes_count_by_their_rows(make):
    both = {"camera": {"any": ("S06", "S15")}}
    (line,) = lines(slice_table(tabulate(make.clean(), (0, 1, 2)), both, MPJPE, ALL))
    assert line[2] == "120"
    mean = make.base_mm[ALL] + (80 * 1.0 - 40 * 2.0) / 120
    assert line[-1] == f"**{mean:.1f}**"


def test_a_system_without_records_has_no_figure(make):
    records = [r for r in make.clean() if r.system != "xfi"]
    line, _ = lines(slice_table(tabulate(records, (0, 1, 2)), SLICES, MPJPE, ALL))
    assert line.count("–") == 1


def test_the_page_of_a_wide_world_has_them_and_no_other_page(make):
    wide = replace(make.context(), wide=True, slices=SLICES)
    assert "## By camera, LiDAR and room" in pose_page(make.clean(), wide)
    assert "## By camera" not in pose_page(make.clean(), make.context())


@pytest.fixture(scope="module")
def clips(wide_tree_of):
    root = wide_tree_of((0, 0, 6), frames=1)
    return [Clip.open(folder) for folder in clips_of(root, "test")]


def test_every_scene_is_in_one_group_of_each_attribute(clips):
    found = slices_of(clips)
    assert set(found) == {"camera", "LiDAR", "height of the camera", "people in the room"}
    names = sorted(clip.folder.parent.name for clip in clips)
    for groups in found.values():
        assert sorted(name for group in groups.values() for name in group) == names
    heights = list(found["height of the camera"])
    assert heights == [h for h in ("below 0.8 m", "0.8 to 1.25 m", "above 1.25 m") if h in heights]
    for clip in clips:
        device, people = clip.known.about["depth"]["device"], str(clip.people.shape[1])
        assert clip.folder.parent.name in found["camera"][device]
        assert clip.folder.parent.name in found["people in the room"][people]


def without(clip, *names, **depth):
    """A clip as recordings have it: nothing is told of some sensors, or less of the camera."""
    about = {m: known for m, known in clip.known.about.items() if m not in names}
    if "depth" in about:
        about["depth"] = {**about["depth"], **depth}
        del about["depth"]["device"], about["depth"]["background_removed"]
    return replace(clip, known=replace(clip.known, about=about))


def test_a_recording_is_in_no_group_of_what_its_calibration_does_not_tell(clips):
    names = tuple(clip.folder.parent.name for clip in clips)
    found = slices_of([without(clip, "lidar", xyz_m=[0.0, 0.0, 4.2]) for clip in clips])
    assert found["camera"] == found["LiDAR"] == {}
    assert found["height of the camera"] == {"above 1.25 m": names}
    assert slices_of([without(clip, "depth") for clip in clips])["height of the camera"] == {}


def test_a_scene_of_several_clips_counts_once_and_where_they_agree(clips):
    first, name = clips[0], clips[0].folder.parent.name
    more = replace(first, people=np.pad(first.people, [(0, 0), (0, 1), (0, 0), (0, 0)]))
    found = slices_of([first, first, more])
    assert found["camera"] == {first.known.about["depth"]["device"]: (name,)}
    assert found["people in the room"] == {}
