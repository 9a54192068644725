import math
from dataclasses import replace

import pytest

pytest.importorskip("rclpy")
pytest.importorskip("pta_msgs")
pytestmark = pytest.mark.ros

from pta_ros.errors import DecodeError, PtaError  # noqa: E402
from pta_ros.frames import StreamState, StreamStatus  # noqa: E402
from pta_ros.nodes.health import (  # noqa: E402
    ERROR,
    OK,
    WARN,
    Failures,
    Health,
    Identity,
    percentiles,
)

S = 1_000_000_000
ACTIVE = Identity("fusion", "active", "m", "cpu")
LIVE = tuple(StreamStatus(m, StreamState.LIVE, 0.05, 10.0) for m in ("depth", "lidar", "csi"))


def changed(modality, state, reason=""):
    return tuple(
        replace(s, state=state, reason=reason) if s.modality == modality else s for s in LIVE
    )


def report(who=ACTIVE, streams=LIVE, health=None, now_ns=S):
    array = (health or Health()).report(who, streams, now_ns)
    return {status.name.removeprefix("fusion: "): status for status in array.status}


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
    health.loss.middleware["csi"] = 50
    assert "lost on the way" in report(health=health, now_ns=2 * S)["csi"].message


def test_a_note_on_the_connection_shows_until_the_stream_lives():
    health = Health(notes={"csi": "incompatible QoS"})
    silent = report(streams=changed("csi", StreamState.MISSING, "nothing"), health=health)
    assert "incompatible QoS" in silent["csi"].message
    assert report(health=health)["csi"].level == OK


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
