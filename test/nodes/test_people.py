"""What a node says of people: the list, markers, and words in diagnostics."""

import numpy as np
import pytest

pytest.importorskip("rclpy")
pytest.importorskip("pta_msgs")
pytestmark = pytest.mark.ros

from pta_ros.frames import Estimate, Person, StreamState, StreamStatus, Track  # noqa: E402
from pta_ros.nodes.health import ERROR, OK, WARN, Health, Identity  # noqa: E402
from pta_ros.nodes.markers import people_markers  # noqa: E402
from pta_ros.nodes.messages import set_latency, to_people, true_people  # noqa: E402
from pta_ros.nodes.records import people_record, to_crowd  # noqa: E402

LIVE = tuple(StreamStatus(m, StreamState.LIVE, 0.01, 10.0, weight=0.5) for m in ("depth", "lidar"))
ACTIVE = Identity("/fusion", "active", "m", "cpu")


def person(x, **weights):
    joints = np.full((17, 3), x) + np.arange(17)[:, None]
    return Person(0.9, joints[0], joints, np.full(17, 0.05), weights)


def message(*people, tracks=()):
    return to_people(
        Estimate(
            5, np.zeros((0, 3)), np.zeros(0), {}, {"depth": 5}, LIVE, people=people, tracks=tracks
        ),
        "base_link", "some model",
    )  # fmt: skip


def track(number, x, **weights):
    one, velocities = person(x, **weights), np.full((17, 3), 0.1 * number)
    return Track(
        id=number, stamp_ns=5, age_s=3.0, unseen_s=0.25, predicted=number > 7, centre=one.centre,
        velocity=np.array([0.5, -0.25, 0.0]), joints=one.joints, velocities=velocities,
        deviation_m=one.deviation_m, centre_deviation_m=0.05, presence=0.9, weights=weights,
    )  # fmt: skip


def followed(*tracks):
    return message(*(t.person for t in tracks), tracks=tracks)


def test_everybody_has_a_pose_and_weights_of_their_own():
    msg = message(person(1.0, depth=1.0, lidar=0.0), person(2.0, depth=0.25, lidar=0.75))
    set_latency(msg, 12.0)
    assert (msg.header.frame_id, msg.model, msg.latency_ms) == ("base_link", "some model", 12.0)
    assert [m.weight for m in msg.modalities] == [0.5, 0.5]
    first, second = msg.people
    assert (first.index, second.index) == (0, 1)
    assert first.presence == pytest.approx(0.9)
    assert [m.weight for m in second.skeleton.modalities] == [0.25, 0.75]
    assert second.skeleton.header == msg.header
    assert second.skeleton.latency_ms == 12.0
    assert second.skeleton.positions[1].x == 3.0
    assert len(second.skeleton.std_dev) == 17


def test_who_is_followed_has_a_number_an_age_and_a_velocity():
    seen, hidden = followed(track(7, 1.0, depth=1.0), track(9, 2.0)).people
    assert (seen.index, seen.id, seen.age_s, seen.unseen_s, seen.predicted) == (
        0,
        7,
        3,
        0.25,
        False,
    )
    assert (seen.velocity.x, seen.velocity.y) == (0.5, -0.25)
    assert (seen.skeleton.track_id, seen.skeleton.predicted) == (7, False)
    assert [v.z for v in seen.skeleton.velocities] == pytest.approx([0.7] * 17)
    assert (hidden.id, hidden.predicted, hidden.skeleton.predicted) == (9, True, True)
    plain = message(person(1.0)).people[0]
    assert (plain.id, list(plain.skeleton.velocities)) == (0, [])


def test_nobody_is_a_message_too():
    msg = message()
    assert list(msg.people) == []
    assert [m.modality for m in msg.modalities] == ["depth", "lidar"]


def test_everybody_is_recorded_with_weights_of_their_own():
    record = people_record(message(person(1.0, depth=1.0, lidar=0.0), person(2.0)), 9)
    assert (record["type"], record["stamp_ns"], record["received_ns"]) == ("people", 5, 9)
    first = record["people"][0]
    assert first["weights"] == {"depth": 1.0, "lidar": 0.0}
    assert (first["presence"], first["std"][3]) == (0.9, 0.05)
    assert (first["id"], first["predicted"]) == (0, False)
    assert first["joints"][1] == [2.0, 2.0, 2.0]
    assert record["streams"]["depth"]["stamp_ns"] == 5
    assert people_record(message(), 9)["people"] == []


def test_the_truth_is_a_list_of_people_too():
    msg = true_people(np.stack([person(1.0).joints, person(2.0).joints]))
    assert [p.skeleton.positions[0].x for p in msg.people] == [1.0, 2.0]
    assert "synthetic" in msg.model
    assert msg.header.frame_id == msg.people[1].skeleton.header.frame_id == "base_link"
    assert list(true_people(np.zeros((0, 17, 3))).people) == []


def test_colours_stay_with_the_number():
    near, far = followed(track(3, 1.0), track(1, 2.0)), followed(track(1, 1.0), track(3, 2.0))
    one, other = people_markers(near).markers, people_markers(far).markers
    assert one[0].colors[0] == other[2].colors[0] != other[0].colors[0]


def test_markers_differ_by_index_and_those_who_are_gone_are_deleted():
    two = people_markers(message(person(1.0), person(2.0))).markers
    assert [(m.ns, m.id, m.action) for m in two] == [
        ("joints", 0, 0), ("bones", 0, 0), ("joints", 1, 0), ("bones", 1, 0)
    ]  # fmt: skip
    assert two[0].colors[0] != two[2].colors[0]
    one = people_markers(message(person(1.0)), before=2).markers
    assert [(m.ns, m.id, m.action) for m in one[2:]] == [("joints", 1, 2), ("bones", 1, 2)]
    assert len(people_markers(message(), before=1).markers) == 2


@pytest.mark.parametrize(
    ("people", "said"), [(0, "nobody is seen"), (1, "one person"), (3, "3 people"), (None, "live")]
)
def test_diagnostics_tell_how_many(people, said):
    fusion = Health(people=people).report(ACTIVE, LIVE, 1).status[0]
    values = {v.key: v.value for v in fusion.values}
    assert fusion.level == OK
    assert fusion.message.endswith(said)
    assert values["people"] == ("" if people is None else str(people))


def test_nobody_and_broken_are_told_apart():
    stale = StreamStatus("lidar", StreamState.STALE, 1.0, 0.0, reason="silent")
    fusion = Health(people=0).report(ACTIVE, (LIVE[0], stale), 1).status[0]
    assert fusion.level == WARN
    assert "lidar STALE" in fusion.message
    assert "nobody is seen" in fusion.message
    broken = Health(people=0).report(ACTIVE, (stale,), 1).status[0]
    assert broken.level == ERROR
    assert "nobody" not in broken.message
    assert {v.key: v.value for v in broken.values}["people"] == ""


def test_everybody_is_read_back_as_they_were_told():
    found = to_crowd(message(person(1.0, depth=1.0), person(2.0, lidar=1.0)), "people")
    assert found.stamp_ns == 5
    assert [p.presence for p in found.people] == [pytest.approx(0.9)] * 2
    np.testing.assert_allclose(found.people[1].joints, person(2.0).joints)
    np.testing.assert_allclose(found.joints_m, found.people[0].joints)
    assert found.people[0].weights == {"depth": 1.0}
    nobody = to_crowd(message(), "people")
    assert nobody.people == ()
    assert nobody.joints_m.shape == (0, 3)


def test_the_camera_stands_where_the_parameters_say():
    from pta_ros.fusion.config import StreamParams
    from pta_ros.fusion.transforms import from_pose
    from pta_ros.nodes.camera_place import CameraPlace
    from pta_ros.sensors.depth_device import DepthDevice

    streams = {"depth": StreamParams(topic="d"), "lidar": StreamParams(topic="l")}
    assumed = CameraPlace(streams)
    np.testing.assert_allclose(assumed.pose("base_link")[:3, 3], [0, 0, 1])
    assert assumed.seen_lidar("1 2 3 0 0 0") == "1 2 3 0 0 0"
    given = {
        "depth": StreamParams(topic="d", extrinsic="0.1 0 1.2 0 20 0"),
        "lidar": StreamParams(topic="l", extrinsic="0.1 0 1.5 0 20 0"),
    }
    place = CameraPlace(given)
    pose = place.pose("base_link")
    down = np.deg2rad(20)
    np.testing.assert_allclose(pose[:3, 3], [0.1, 0, 1.2], atol=1e-9)
    np.testing.assert_allclose(pose[:3, 2], [np.cos(down), 0, -np.sin(down)], atol=1e-9)
    seen = from_pose(place.seen_lidar(""))
    np.testing.assert_allclose(pose @ seen @ [0, 0, 0, 1], [0.1, 0, 1.5, 1], atol=1e-3)
    # The picture is turned upright, so the mount's rotation does not turn the people.
    turned = {**given, "depth": StreamParams(topic="d", extrinsic="0.1 0 1.2 0 20 0",
                                             device=DepthDevice(rotation=180))}  # fmt: skip
    np.testing.assert_allclose(CameraPlace(turned).pose("base_link"), pose, atol=1e-9)


def test_tracks_are_read_back_as_they_were_told():
    (found,) = to_crowd(followed(track(9, 1.0, depth=1.0)), "people").tracks
    told = track(9, 1.0, depth=1.0)
    assert (found.id, found.age_s, found.unseen_s, found.predicted) == (9, 3.0, 0.25, True)
    np.testing.assert_allclose(found.velocity, told.velocity)
    np.testing.assert_allclose(found.velocities, told.velocities)
    assert found.weights == told.weights
    assert to_crowd(message(person(1.0)), "people").tracks == ()


def test_a_live_stream_that_is_left_out_is_a_warning_with_the_reason():
    reason = "contradicts the track by 0.31 m since 12.4 s"
    away = StreamStatus("lidar", StreamState.LIVE, 0.01, 10.0, reason=reason)
    _, depth, lidar = Health(people=1).report(ACTIVE, (LIVE[0], away), 1).status
    assert (depth.level, lidar.level) == (OK, WARN)
    assert lidar.message == f"left out: it {reason}"
