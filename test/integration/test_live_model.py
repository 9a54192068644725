"""Another model while the node runs, over the real parameter services."""

import shutil
import time
from itertools import pairwise

import pytest

pytestmark = pytest.mark.ros
ALL = ("depth", "lidar", "csi")


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Folders by name: two that can replace each other, and such as cannot."""
    torch = pytest.importorskip("torch")
    from pta_ros import checkpoint
    from pta_ros.model.config import PTAConfig
    from pta_ros.model.pta import PTA
    from pta_ros.sensors import SENSORS

    folder = tmp_path_factory.mktemp("live_models")
    taught = {"taught": {"from": "plain", "recordings": ["room_a"], "seconds": 600.0}}

    def write(name, provenance, **changed):
        torch.manual_seed(len(name))
        config = PTAConfig(**{"channels": 32, "tokens": 8, "dim": 32, "latent": 16, **changed})
        sensors = {m: SENSORS[m]() for m in config.modalities}
        checkpoint.save(folder / name, PTA(config), sensors, {}, provenance)

    write("plain", {})
    write("my_room", taught)
    write("two", {}, modalities=("depth", "lidar"))
    write("acts", {}, tasks=("activity",), classes=("sit", "stand"))
    shutil.copytree(folder / "plain", folder / "cut")
    weights = folder / "cut" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    return folder


@pytest.fixture(scope="module")
def fusion(module_bench, models):
    bench = module_bench
    bench.fusion = bench.start("fusion_node", "-p", f"model:={models / 'plain'}")
    bench.until(lambda: bench.skeletons and set(bench.states().values()) == {"LIVE"}, 40.0, ALL)
    bench.listen(1.0, ALL)
    return bench


def ask(bench, folder, send=ALL):
    """Set the parameter while sensors go on; gives the result, and begin and end of the wait."""
    from rcl_interfaces.srv import SetParameters
    from rclpy.parameter import Parameter

    client = bench.node.create_client(SetParameters, "fusion/set_parameters")
    bench.until(client.service_is_ready, 10.0, send)
    change = Parameter("model", value=str(folder)).to_parameter_msg()
    begun = time.monotonic()
    future = client.call_async(SetParameters.Request(parameters=[change]))
    bench.until(future.done, 60.0, send)
    bench.node.destroy_client(client)
    return future.result().results[0], begun, time.monotonic()


def test_a_taught_model_takes_over_between_two_estimates(fusion, models):
    fusion.skeletons.clear()
    received = int(fusion.value("depth", "received"))
    result, begun, end = ask(fusion, models / "my_room")
    assert result.successful, result.reason
    fusion.until(lambda: fusion.skeletons[-1][1].model == "my_room", 5.0, ALL)
    fusion.listen(1.0, ALL)
    names = [msg.model for _, msg in fusion.skeletons]
    swap = names.index("my_room")
    assert set(names[:swap]) == {"plain"}
    assert set(names[swap:]) == {"my_room"}
    during = [t for t, _ in fusion.skeletons if begun <= t <= end]
    assert len(during) >= 5 * (end - begun) - 1  # sensors come at 10 Hz
    times = [t for t, _ in fusion.skeletons]
    assert max(b - a for a, b in pairwise(times)) < 1.0
    assert fusion.skeletons[swap][1].latency_ms < 500
    assert len({msg.track_id for _, msg in fusion.skeletons}) == 1
    fusion.until(lambda: fusion.value("fusion", "model") == "my_room", 5.0, ALL)
    assert int(fusion.value("depth", "received")) > received  # the stream's own count goes on
    assert fusion.value("fusion", "model_path") == str(models / "my_room")
    assert fusion.value("fusion", "taught") == "of plain, by room_a, 600.0 s"
    assert (fusion.value("fusion", "loads"), fusion.value("fusion", "refused_loads")) == ("1", "0")


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("nowhere", "nowhere/config.json: no such file"),
        ("cut", "model.safetensors"),
        ("two", "model two reads depth, lidar; expected csi, depth, lidar"),
        ("acts", "model acts tells activity; expected pose"),
    ],
)
def test_what_cannot_take_over_is_refused_and_the_old_one_goes_on(fusion, models, name, why):
    before = fusion.skeletons[-1][1].model
    result, _, _ = ask(fusion, models / name)
    assert not result.successful
    assert why in result.reason
    assert result.reason.endswith(f"{before} goes on")
    assert "\n" not in result.reason
    fusion.skeletons.clear()
    fusion.until(lambda: len(fusion.skeletons) > 3, 10.0, ALL)
    assert {msg.model for _, msg in fusion.skeletons} == {before}
    fusion.until(lambda: fusion.value("fusion", "last_refusal") == result.reason, 5.0, ALL)


def test_after_a_reconfiguration_the_loaded_model_is_there_again(fusion, models):
    from lifecycle_msgs.msg import Transition
    from lifecycle_msgs.srv import ChangeState

    for transition in (Transition.TRANSITION_DEACTIVATE, Transition.TRANSITION_ACTIVATE):
        request = ChangeState.Request()
        request.transition.id = transition
        assert fusion.call(ChangeState, "fusion/change_state", request, 20.0).success
    fusion.skeletons.clear()
    fusion.until(lambda: fusion.skeletons, 20.0, ALL)
    assert fusion.skeletons[-1][1].model == "my_room"


def test_activities_of_ones_own_are_told_and_exchanged(bench, tmp_path):
    torch = pytest.importorskip("torch")
    from pta_msgs.msg import Activity
    from rclpy.qos import qos_profile_sensor_data

    from pta_ros import checkpoint
    from pta_ros.model.config import PTAConfig
    from pta_ros.model.pta import PTA
    from pta_ros.sensors import SENSORS

    sensors = {m: SENSORS[m]() for m in ("radar", "wifi", "rfid")}
    for name, classes in (("home", ("tea", "chess")), ("office", ("mail", "talk", "sleep"))):
        torch.manual_seed(3)
        config = PTAConfig(
            modalities=tuple(sensors), tasks=("activity",), classes=classes,
            channels=32, tokens=8, dim=32, latent=16,
        )  # fmt: skip
        checkpoint.save(tmp_path / name, PTA(config), sensors, {}, {})
    told = []
    bench.node.create_subscription(Activity, "activity", told.append, qos_profile_sensor_data)
    given = ("-p", "sensor_set:=xrf55", "-p", f"model:={tmp_path / 'home'}")
    bench.start("fusion_node", *given)
    bench.start("rf_sim_node")
    bench.until(lambda: told, 60.0)
    assert {msg.label for msg in told} <= {"tea", "chess"}
    result, _, _ = ask(bench, tmp_path / "office", send=())
    assert result.successful, result.reason
    bench.until(lambda: told[-1].model == "office", 20.0)
    assert {len(msg.probabilities) for msg in told if msg.model == "home"} == {2}
    assert told[-1].label in ("mail", "talk", "sleep")
