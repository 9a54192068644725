import math
from dataclasses import replace

import pytest

pytest.importorskip("rclpy")
pytest.importorskip("pta_msgs")
pytestmark = pytest.mark.ros

from pta_ros.errors import DecodeError, PtaError  # noqa: E402
from pta_ros.frames import StreamState, StreamStatus  # noqa: E402
from pta_ros.nodes.failures import Failures  # noqa: E402
from pta_ros.nodes.graph import Seen  # noqa: E402
from pta_ros.nodes.health import (  # noqa: E402
    ERROR,
    OK,
    WARN,
    Health,
    Identity,
    percentiles,
)

S = 1_000_000_000
ACTIVE = Identity("/robot1/fusion", "active", "m", "cpu")
LIVE = tuple(StreamStatus(m, StreamState.LIVE, 0.05, 10.0) for m in ("depth", "lidar", "csi"))


def changed(modality, state, reason=""):
    return tuple(
        replace(s, state=state, reason=reason) if s.modality == modality else s for s in LIVE
    )


def report(who=ACTIVE, streams=LIVE, health=None, now_ns=S):
    array = (health or Health()).report(who, streams, now_ns)
    assert {status.hardware_id for status in array.status} == {"/robot1/fusion"}
    return {status.name.removeprefix("/robot1/fusion: "): status for status in array.status}


def test_all_live_is_ok():
    health = Health()
    for latency_ms in (10.0, 20.0, 30.0):
        health.meter.add(0, latency_ms)
    statuses = report(health=health)
    assert {s.level for s in statuses.values()} == {OK}
    assert set(statuses) == {"fusion", "depth", "lidar", "csi"}
    values = {v.key: v.value for v in statuses["fusion"].values}
    assert (values["latency_p50_ms"], values["live"]) == ("20.0", "depth,lidar,csi")
    assert float(values["memory_mb"]) > 10


@pytest.mark.parametrize("state", [StreamState.STALE, StreamState.CORRUPT, StreamState.MISSING])
def test_an_unusable_stream_is_a_warning_with_its_reason(state):
    statuses = report(streams=changed("lidar", state, "because of this"))
    assert statuses["lidar"].level == statuses["fusion"].level == WARN
    assert "because of this" in statuses["lidar"].message
    assert f"lidar {state.name}" in statuses["fusion"].message
    assert statuses["depth"].level == OK


def test_a_disabled_stream_is_as_asked_for():
    statuses = report(streams=changed("lidar", StreamState.DISABLED, "disabled by the operator"))
    assert {s.level for s in statuses.values()} == {OK}
    assert "lidar DISABLED" in statuses["fusion"].message


def test_no_live_stream_is_an_error():
    silent = tuple(replace(s, state=StreamState.STALE) for s in LIVE)
    fusion = report(streams=silent)["fusion"]
    assert fusion.level == ERROR
    assert "no live stream" in fusion.message


def test_a_sensor_that_sees_nobody_is_well():
    statuses = report(streams=changed("lidar", StreamState.EMPTY, "sees nobody: 3 of 90"))
    assert {s.level for s in statuses.values()} == {OK}
    assert statuses["lidar"].message == "EMPTY: sees nobody: 3 of 90"
    assert "lidar EMPTY" in statuses["fusion"].message


def test_nobody_anywhere_is_no_fault_but_a_silent_sensor_beside_it_is():
    away = tuple(replace(s, state=StreamState.EMPTY) for s in LIVE)
    fusion = report(streams=away)["fusion"]
    assert fusion.level == OK
    assert "nobody is seen" in fusion.message
    off = (replace(away[0], state=StreamState.DISABLED), *away[1:])
    assert report(streams=off)["fusion"].level == OK
    broken = (replace(away[0], state=StreamState.CORRUPT), *away[1:])
    assert report(streams=broken)["fusion"].level == ERROR
    disabled = tuple(replace(s, state=StreamState.DISABLED) for s in LIVE)
    assert report(streams=disabled)["fusion"].level == ERROR


def test_a_failing_node_is_an_error_whatever_its_streams():
    health = Health()
    health.failures.remember("out of order")
    fusion = report(health=health)["fusion"]
    assert (fusion.level, fusion.message) == (ERROR, "out of order")
    assert report(replace(ACTIVE, state="inactive"))["fusion"].level == WARN


def test_losses_on_the_way_are_named_and_forgiven():
    health = Health()

    def depth(second, received, lost):
        streams = (replace(LIVE[0], received=received, lost=lost), *LIVE[1:])
        return report(streams=streams, health=health, now_ns=second * S)["depth"]

    assert depth(1, 30, 0).level == OK
    lossy = depth(2, 48, 12)
    assert lossy.level == WARN
    assert "40% of its messages are lost" in lossy.message
    assert depth(9, 248, 12).level == OK


def test_losses_that_only_the_middleware_saw_count_too():
    health = Health()
    report(health=health)
    health.counts.middleware["csi"] = 50
    assert "lost on the way" in report(health=health, now_ns=2 * S)["csi"].message


def test_a_note_on_the_connection_shows_until_the_stream_lives():
    health = Health(notes={"csi": "incompatible QoS"})
    silent = report(streams=changed("csi", StreamState.MISSING, "nothing"), health=health)
    assert "incompatible QoS" in silent["csi"].message
    assert report(health=health)["csi"].level == OK


def test_two_publishers_are_no_loss():
    seen = Seen(2, "2 publishers of /depth/image: /a, /b; a driver started twice?")
    health = Health(graph={"depth": seen})
    for second, received, lost in ((1, 30, 0), (2, 48, 30)):
        streams = (replace(LIVE[0], received=received, lost=lost), *LIVE[1:])
        depth = report(streams=streams, health=health, now_ns=second * S)["depth"]
        assert (depth.level, depth.message) == (WARN, seen.wrong)
    assert {v.key: v.value for v in depth.values}["publishers"] == "2"


def test_an_absent_topic_is_named_while_the_stream_is_not_live():
    health = Health(graph={"csi": Seen(0, "", "no publisher on /wifi/csi; start its driver")})
    silent = report(streams=changed("csi", StreamState.MISSING, "nothing"), health=health)
    assert silent["csi"].message == "MISSING: nothing; no publisher on /wifi/csi; start its driver"
    assert report(health=health)["csi"].level == OK


def test_a_time_that_stands_still_is_an_error():
    fusion = report(health=Health(time_fault="nobody publishes /clock: do"))["fusion"]
    assert (fusion.level, fusion.message) == (ERROR, "nobody publishes /clock: do")


def run(health, counts, seconds=6, **fixed):
    """Reports once a second; `counts` grow by so much in each, of the depth stream."""
    for second in range(1, seconds + 1):
        health.meter.add(0, 10.0)
        grown = {name: by * second for name, by in counts.items()}
        streams = (replace(LIVE[0], **grown, **fixed), *LIVE[1:])
        statuses = report(streams=streams, health=health, now_ns=second * S)
    return statuses


def test_frames_of_a_live_stream_that_are_restamped_or_refused_are_a_warning():
    for count, why in (("restamped", "remark"), ("refused", "refusal")):
        few = run(Health(), {"received": 100, "used": 90, count: 4}, **{why: "stamps are odd"})
        assert few["depth"].level == OK
        many = run(Health(), {"received": 100, "used": 90, count: 20}, **{why: "stamps are odd"})
        assert many["depth"].level == WARN
        assert many["depth"].message.startswith("20% of its ")
        assert many["depth"].message.endswith("stamps are odd")
    asked_for = run(Health(), {"received": 100, "used": 90, "restamped": 100})
    assert asked_for["depth"].level == OK


def test_a_live_stream_whose_frames_are_never_used_is_a_warning():
    unused = run(Health(), {"received": 10}, behind_s=0.2)
    assert unused["depth"].level == WARN
    assert "set depth.stamp_policy to align" in unused["depth"].message
    assert run(Health(), {"received": 10, "used": 1})["depth"].level == OK
    assert run(Health(), {"received": 10}, seconds=3)["depth"].level == OK  # too early to say


def test_live_streams_without_an_estimate_are_an_error():
    health = Health()
    assert report(health=health, now_ns=1 * S)["fusion"].level == OK
    assert report(health=health, now_ns=3 * S)["fusion"].level == OK
    stuck = report(health=health, now_ns=4 * S)["fusion"]
    assert stuck.level == ERROR
    assert "no estimate for 3.0 s though depth, lidar, csi are LIVE" in stuck.message
    health.meter.add(0, 10.0)
    assert report(health=health, now_ns=5 * S)["fusion"].level == OK
    assert report(health=health, now_ns=1 * S)["fusion"].level == OK  # the clock went back


def test_measures():
    assert percentiles((1.0, 2.0, 3.0))[0] == 2.0
    assert all(math.isnan(p) for p in percentiles(()))


def test_failures_from_data_never_end_the_node_and_others_do():
    failures = Failures()
    for _ in range(10):
        failures.add(DecodeError("topic", "bad", "good"))
    assert (failures.count, failures.failing, failures.fatal) == (10, True, False)
    failures.clear()
    texts = [failures.add(RuntimeError("out of memory")) for _ in range(3)]
    assert "out of memory" in texts[0]
    assert texts[1] == texts[2] == ""  # throttled
    assert failures.fatal
    assert failures.last == "RuntimeError: out of memory"
    failures.clear()
    failures.add(PtaError("not finite"))
    assert (failures.last, failures.fatal) == ("not finite", False)
