"""A model that finds people in a live node: an empty hall, a person, and nobody again."""

import time

import pytest

pytestmark = pytest.mark.ros
NEVER_S = 120  # far more than it takes, even on a busy machine


def test_nobody_a_person_and_nobody(bench, people_model, hall_readings):
    from pta_msgs.msg import People
    from visualization_msgs.msg import MarkerArray

    told, markers, scene = [], [], {"now": hall_readings()}
    bench.node.create_subscription(
        People, "people", lambda m: told.append((time.monotonic(), m)), 10
    )
    bench.node.create_subscription(
        MarkerArray, "skeleton_markers", lambda m: markers.append(m.markers), 10
    )
    process = bench.start(
        "fusion_node", "-p", f"model:={people_model}", "-p", "device:=cpu",
        "-p", "lidar.extrinsic:=0 0 1.3 0 0 0",
        "-p", "depth.stale_after_s:=5.0", "-p", "lidar.stale_after_s:=5.0",
    )  # fmt: skip

    def send():
        bench.show(scene["now"])

    def message():
        return bench.status("fusion").message if bench.status("fusion") else ""

    def counts(since):
        return [len(msg.people) for when, msg in told if when > since]

    def until_count(number, words):
        begun = time.monotonic()
        bench.until(lambda: counts(begun)[-5:] == [number] * 5, NEVER_S, send, process)
        bench.until(lambda: words in message(), NEVER_S, send, process)

    until_count(0, "nobody is seen")
    assert bench.value("fusion", "people") == "0"
    assert bench.status("fusion").level == b"\x00"
    assert {bench.value(m, "state") for m in ("depth", "lidar")} == {"LIVE"}
    assert not bench.skeletons
    assert "pose assumed: level" in bench.value("depth", "remarks")
    assert "pose" not in bench.value("lidar", "remarks")

    scene["now"] = hall_readings((2.5, 0.4))
    until_count(1, "one person")
    newest = told[-1][1]
    assert newest.header.frame_id == "base_link"
    assert newest.people[0].presence > 0.5
    assert bench.skeletons[-1][1].header.frame_id == "base_link"
    assert {(m.ns, m.id) for m in markers[-1]} == {("joints", 0), ("bones", 0)}

    scene["now"] = hall_readings()
    until_count(0, "nobody is seen")
    since, silent = time.monotonic(), len(bench.skeletons)
    bench.listen(1.0, send)
    assert len(bench.skeletons) == silent
    assert counts(since)
    assert set(counts(since)) == {0}
