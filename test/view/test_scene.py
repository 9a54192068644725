"""What a recording holds after it was told something, read back from its file."""

from dataclasses import replace

import numpy as np
import pytest

from pta_ros.errors import DatasetError
from pta_ros.frames import Person
from pta_ros.fusion.transforms import apply, from_pose

pytest.importorskip("rerun")
from pta_ros.sensors.depth import DepthSensor
from pta_ros.sensors.lidar import POSE
from pta_ros.view.layout import lens
from pta_ros.view.scene import Recording

ALL = ("depth", "lidar", "csi")


@pytest.fixture
def recorded(tmp_path, read):
    """Run `tell(recording)` and give what the file holds."""

    def run(tell, modalities=ALL, **options):
        path = tmp_path / "out" / "scene.rrd"
        with Recording(path, modalities, "a bag", **options) as recording:
            tell(recording)
        (found,), layouts = read(path)
        return found, layouts

    return run


def values(found, entity, column):
    return [v for v in found[entity][column] if v is not None]


def test_everything_is_there_at_its_stamp(recorded, made):
    def tell(recording):
        for i in range(5):
            t = made.T0 + i * made.S // 10
            recording.states(t, made.statuses())
            for modality in ALL:
                recording.frame(made.frame(modality, t))
            recording.truth(t, made.joints(0.03))
            recording.estimate(made.estimate(t))

    found, layouts = recorded(tell)
    counts = {
        "/world/camera/depth": "DepthImage:buffer",
        "/world/lidar": "Points3D:positions",
        "/csi": "LineStrips2D:strips",
        "/world/estimate/joints": "Points3D:positions",
        "/world/estimate/bones": "LineStrips3D:strips",
        "/world/truth/bones": "LineStrips3D:strips",
        "/error": "Scalars:scalars",
        **{f"/weights/{m}": "Scalars:scalars" for m in ALL},
        **{f"/times/{s}": "Scalars:scalars" for s in ("encode", "model")},
    }
    assert {e: len(values(found, e, column)) for e, column in counts.items()} == dict.fromkeys(
        counts, 5
    )
    stamps = [made.T0 + i * made.S // 10 for i in range(5)]
    assert found["/world/estimate/joints"]["stamp"] == stamps
    assert not {"log_time", "log_tick"} & set(found["/world/lidar"])
    assert np.allclose(values(found, "/error", "Scalars:scalars"), 30.0 * 3**0.5, atol=1e-3)
    assert values(found, "/weights/lidar", "Scalars:scalars")[0] == [pytest.approx(0.3)]
    assert [v[0] for v in values(found, "/states/csi", "StateChange:state")] == ["LIVE"]
    assert layouts


def test_joints_bones_and_pixels_are_those_that_were_given(recorded, made):
    def tell(recording):
        recording.estimate(made.estimate())
        recording.frame(made.frame("depth"))

    found, _ = recorded(tell)
    positions = values(found, "/world/estimate/joints", "Points3D:positions")[0]
    assert np.allclose(positions, made.joints())
    assert len(values(found, "/world/estimate/bones", "LineStrips3D:strips")[0]) == 16
    assert np.allclose(values(found, "/world/estimate/joints", "Points3D:radii")[0], 0.04)
    pixels = np.array(values(found, "/world/camera/depth", "DepthImage:buffer")[0][0], np.uint8)
    metres = pixels.view(np.uint16).reshape(96, 128) / 1000
    assert np.abs(metres - made.frame("depth").array).max() <= 0.00051
    assert values(found, "/world/camera/depth", "DepthImage:meter") == [[1000.0]]


def test_what_is_no_longer_true_is_taken_away(recorded, made):
    def tell(recording):
        recording.states(made.T0, made.statuses())
        recording.frame(made.frame("lidar"))
        recording.estimate(made.estimate())
        later = made.T0 + made.S
        newest = later + made.S // 10
        recording.frame(made.frame("lidar", newest))
        recording.states(later, made.statuses(lidar="STALE"))
        recording.frame(made.frame("lidar", later))  # frozen: still sent, not shown
        recording.states(made.T0, made.statuses())  # older than what is known
        none = dict.fromkeys(ALL, "STALE")
        recording.states(later + 1, made.statuses(**none))

    found, _ = recorded(tell)
    lidar = found["/world/lidar"]
    assert len(values(found, "/world/lidar", "Points3D:positions")) == 2
    assert values(found, "/world/lidar", "Clear:is_recursive") == [[True]]
    assert max(lidar["stamp"]) == made.T0 + made.S + made.S // 10 + 1  # behind the newest frame
    for entity in ("/world/estimate", "/weights", "/times"):
        assert values(found, entity, "Clear:is_recursive") == [[True]]
    states = [v[0] for v in values(found, "/states/lidar", "StateChange:state")]
    assert states == ["LIVE", "STALE"]
    reasons = [v[0] for v in values(found, "/reasons", "TextLog:text")]
    assert "lidar STALE: lidar is away" in reasons


def test_an_absent_sensor_has_no_share_and_no_entity_without_its_modality(recorded, made):
    def tell(recording):
        recording.estimate(made.estimate(depth=1.0))

    found, _ = recorded(tell, modalities=("depth", "lidar"))
    assert values(found, "/weights/lidar", "Scalars:scalars") == [[0.0]]
    assert "/weights/csi" not in found
    assert "/error" not in {e for e in found if "Scalars:scalars" in found[e]}


def test_the_plot_of_the_error_comes_with_the_truth(recorded, made):
    _, without = recorded(lambda recording: recording.estimate(made.estimate()))

    def tell(recording):
        recording.estimate(made.estimate())
        recording.truth(made.T0, made.joints(0.01))

    found, layouts = recorded(tell)
    assert len(layouts) == len(without) + 1
    assert values(found, "/error", "Scalars:scalars")


def test_the_lidar_is_placed_as_in_the_simulated_lab():
    scene = pytest.importorskip("pta_ros.simulate.scene")
    points = np.random.default_rng(1).normal(size=(20, 3)).astype(np.float32)
    assert np.allclose(apply(from_pose(POSE), points), scene.lidar_to_camera(points), atol=1e-6)


def test_another_place_of_the_lidar(recorded, made):
    found, _ = recorded(lambda r: r.frame(made.frame("lidar")), lidar_pose="1 2 3 0 0 0")
    assert values(found, "/world/lidar", "Transform3D:translation")[0] == [[1.0, 2.0, 3.0]]


def test_the_cameras_lens_shrinks_with_its_image():
    """The centre of the full image is the centre of the reduced one."""
    full, small = lens(480, 640), lens(96, 128)
    for pinhole, width in ((full, 640), (small, 128)):
        matrix = np.array(pinhole.image_from_camera.as_arrow_array().to_pylist()[0]).reshape(3, 3).T
        assert matrix[0, 0] == pytest.approx(DepthSensor.fx * width / 640)
        assert matrix[0, 2] == pytest.approx(width / 2 - 0.5)


def test_a_file_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DatasetError, match="cannot write"):
        Recording(tmp_path / "file" / "a.rrd", ALL, "x")


def person(x, presence=0.9):
    joints = np.full((17, 3), x) + np.arange(17)[:, None] / 20
    return Person(presence, joints[0], joints, np.full(17, 0.05), {})


def test_everybody_is_drawn_and_who_is_gone_goes_and_nobody_is_said(recorded, made):
    def tell(recording):
        for step, people in enumerate([(), (person(1.0), person(2.0, 0.8)), (person(1.5),), ()]):
            at = made.T0 + step * made.S // 10
            recording.estimate(replace(made.estimate(at), people=people))
        recording.no_estimate(made.T0 + made.S)

    found, layouts = recorded(tell)
    first = values(found, "/world/estimate/0/joints", "Points3D:positions")
    assert [np.round(v[0][0], 3) for v in first if v] == [1.0, 1.5]
    labels = values(found, "/world/estimate/1/name", "Points3D:labels")
    assert labels[0] == ["1  80%"]
    told = [text for (text,) in (v for v in values(found, "/people", "TextDocument:text") if v)]
    assert told == [
        "nobody is seen", "2 people: 0 (90%), 1 (80%)", "one person: 0 (90%)", "nobody is seen"
    ]  # fmt: skip
    assert [v[0] for v in values(found, "/reasons", "TextLog:text")] == told
    assert found["/world/estimate/1"]["stamp"][0] == made.T0 + 2 * made.S // 10  # the clear
    assert "/world/estimate/joints" not in found
    assert "Scalars:scalars" not in found["/error"]
    assert layouts


def test_everybody_who_is_really_there_is_drawn(recorded, made):
    def tell(recording):
        recording.true_people(made.T0, [made.joints(), made.joints(1.0)])
        recording.true_people(made.T0 + made.S, [])

    found, _ = recorded(tell)
    strips = found["/world/truth/bones"]["LineStrips3D:strips"]
    assert [len(v) for v in strips] == [32, 0]


def test_people_of_the_level_frame_are_drawn_before_the_camera():
    from pta_ros.people.readings import OPTICAL
    from pta_ros.view.people import in_camera

    camera = np.eye(4)
    camera[:3, :3], camera[:3, 3] = OPTICAL, (0.5, 0.0, 1.2)
    (moved,) = in_camera([person(2.0)], camera)
    np.testing.assert_allclose(moved.joints[0], [-2.0, -0.8, 1.5])
    np.testing.assert_allclose(moved.centre, moved.joints[0])
