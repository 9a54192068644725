"""A wide clip as a bag: what the live intakes read from it is what the clip says."""

import numpy as np
import pytest

pytest.importorskip("open3d")

from pta_ros.bags.bag import Bag
from pta_ros.cli.mmfi_to_bag import main
from pta_ros.datasets.people import visible
from pta_ros.datasets.wide import Clip
from pta_ros.fusion.level import LEVEL_FRAME, LevelIntake
from pta_ros.fusion.params import StreamParams
from pta_ros.fusion.transforms import Transforms
from pta_ros.sensors import SENSORS
from pta_ros.sensors.whole import whole


@pytest.fixture(scope="module")
def tree(wide_tree_of):
    return wide_tree_of((0, 0, 3), frames=2)


def test_readings_poses_and_people_are_those_of_the_clip(tree, tmp_path, capsys):
    shown = 0
    for number in (1, 2, 3):
        out, name = tmp_path / f"bag{number}", f"S{number:05d}"
        assert main([str(tree), "E03", name, "A01", str(out)]) == 0
        assert "0.5 s, 2 /depth/camera_info" in capsys.readouterr().out
        clip = Clip.open(tree / "E03" / name / "A01")
        with Bag([out]) as bag:
            shown += check(bag, clip)
    assert shown > 0


def check(bag, clip):
    transforms = Transforms()
    (static,) = bag.messages(["/tf_static"])
    assert transforms.take(bag.decode(static)) == []
    intakes = {
        m: LevelIntake(whole(SENSORS[m]()), StreamParams(topic=t, frame=LEVEL_FRAME), transforms, t)
        for m, t in (("depth", "/depth/image"), ("lidar", "/lidar/points"))
    }
    for raw in bag.messages(["/depth/camera_info"]):
        intakes["depth"].take("/depth/camera_info", bag.decode(raw))
    for frame, raw in enumerate(bag.messages(["/depth/image"])):
        found = intakes["depth"].frame(bag.decode(raw), raw.time_ns).reading
        wanted = clip.readings(frame).depth
        np.testing.assert_allclose(found.depth, wanted.depth, atol=1e-6)
        np.testing.assert_allclose(found.rotation, wanted.rotation, atol=1e-6)
        np.testing.assert_allclose(found.place, wanted.place, atol=1e-6)
        assert found.lens.fx == pytest.approx(wanted.lens.fx)
    for frame, raw in enumerate(bag.messages(["/lidar/points"])):
        found = intakes["lidar"].frame(bag.decode(raw), raw.time_ns).reading
        np.testing.assert_allclose(found.cloud, clip.readings(frame).lidar.cloud, atol=1e-4)
    assert [text for intake in intakes.values() for text in intake.remarks] == []
    seen, shown = visible(clip).any(axis=2), 0
    for frame, raw in enumerate(bag.messages(["/truth/people"])):
        msg = bag.decode(raw)
        assert (msg.header.frame_id, msg.model) == ("base_link", "ground truth (synthetic)")
        told = [[(p.x, p.y, p.z) for p in one.skeleton.positions] for one in msg.people]
        wanted = clip.people[frame][seen[frame]]
        np.testing.assert_allclose(np.reshape(told, (-1, 17, 3)), wanted, atol=1e-6)
        shown += len(wanted)
    return shown


def test_a_clip_that_is_not_there_is_one_line(tree, tmp_path, capsys):
    assert main([str(tree), "E03", "S00009", "A01", str(tmp_path / "bag")]) == 1
    expected = "no clip E03/S00009/A01; expected E03/S00001/A01 to E03/S00003/A01"
    assert expected in capsys.readouterr().err
