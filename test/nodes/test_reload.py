"""Another model in a node of this process: what is taken, refused, and when."""

import threading
import time

import pytest

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.ros
NEVER_S = 60


@pytest.fixture
def folders(tmp_path):
    from pta_ros import checkpoint
    from pta_ros.model.config import PTAConfig
    from pta_ros.model.pta import PTA
    from pta_ros.sensors import CsiSensor

    made = {}
    for name, tokens in (("one", 4), ("two", 8)):
        config = PTAConfig(modalities=("csi",), channels=16, tokens=tokens, dim=16, latent=8)
        made[name] = tmp_path / name
        checkpoint.save(made[name], PTA(config), {"csi": CsiSensor()}, {}, {})
    return made


@pytest.fixture
def node(ros, folders):
    from pta_ros.nodes.fusion_node import FusionNode

    node = FusionNode()
    change(node, folders["one"])
    yield node
    node.close()
    for one in (node, *node.sensor_nodes.values()):
        one.destroy_node()


def change(node, folder):
    from rclpy.parameter import Parameter

    return node.set_parameters([Parameter("model", value=str(folder))])[0]


def until(done):
    end = time.monotonic() + NEVER_S
    while not done():
        assert time.monotonic() < end
        time.sleep(0.01)


def told(node):
    return node._identity().told


def test_while_unconfigured_any_folder_may_be_named(node):
    assert change(node, "/nowhere").successful
    assert told(node)["loads"] == told(node)["refused_loads"] == "0"


def test_while_inactive_it_is_loaded_at_once_and_used_at_activation(node, folders):
    node.trigger_configure()
    assert change(node, folders["two"]).successful
    assert node._identity().model == "two"
    assert node.trigger_activate().name == "SUCCESS"
    assert node._engine.estimator is not None


def test_while_active_the_worker_takes_it_between_estimates(node, folders):
    node.trigger_configure()
    node.trigger_activate()
    worker, old = node._worker, node._engine
    assert change(node, folders["two"]).successful
    until(lambda: node._identity().model == "two")
    assert node._worker is worker
    assert old.estimator is None
    assert told(node)["model_path"] == str(folders["two"])
    assert told(node)["loads"] == "1"


def test_a_refusal_says_why_and_what_goes_on(node, folders):
    node.trigger_configure()
    (folders["two"] / "config.json").write_text("{")
    result = change(node, folders["two"])
    assert not result.successful
    assert "expected JSON" in result.reason
    assert result.reason.endswith("; one goes on")
    assert node.get_parameter("model").value == str(folders["one"])
    assert (told(node)["refused_loads"], told(node)["last_refusal"]) == ("1", result.reason)
    assert "where the node was started" in change(node, "models/nowhere").reason


def test_a_defect_while_loading_refuses_the_model_too(node, folders, monkeypatch):
    from pta_ros.fusion.engine import Engine

    def out_of_memory(self):
        raise RuntimeError("CUDA out of memory\nof it")

    node.trigger_configure()
    monkeypatch.setattr(Engine, "prepare", out_of_memory)
    reason = change(node, folders["two"]).reason
    assert reason == f"{folders['two']}: RuntimeError: CUDA out of memory of it; one goes on"


@pytest.fixture
def asked(node, ros):
    """Spin the node and a client; `ask(folder)` gives the future of the answer, `spin(done)`."""
    from types import SimpleNamespace

    from rcl_interfaces.srv import SetParameters
    from rclpy.executors import SingleThreadedExecutor
    from rclpy.parameter import Parameter

    executor, other = SingleThreadedExecutor(), ros.create_node("asks")
    for one in (node, other):
        executor.add_node(one)
    client = other.create_client(SetParameters, "/fusion/set_parameters")
    assert client.wait_for_service(10.0)

    def ask(folder):
        change = Parameter("model", value=str(folder)).to_parameter_msg()
        return client.call_async(SetParameters.Request(parameters=[change]))

    def spin(done):
        end = time.monotonic() + NEVER_S
        while not done():
            assert time.monotonic() < end
            executor.spin_once(timeout_sec=0.05)

    spin(lambda: node._identity().state == "active")  # it starts by itself
    yield SimpleNamespace(ask=ask, spin=spin)
    executor.shutdown()
    other.destroy_node()


def test_by_service_timers_go_on_and_a_second_request_is_refused(node, folders, asked):
    ticks = []
    node.create_timer(0.01, lambda: ticks.append(node._reload.loading))
    futures = [asked.ask(folders["two"]), asked.ask(folders["one"])]
    asked.spin(lambda: all(future.done() for future in futures))
    seen = [future.result().results[0] for future in futures]
    assert [result.successful for result in seen] == [True, False]
    assert f"{folders['two']} is being loaded" in seen[1].reason
    assert str(folders["two"]) in ticks  # the node's timers ran meanwhile
    until(lambda: node._identity().model == "two")


def test_who_waits_is_answered_though_another_asks_before_the_next_tick(node, folders, asked):
    from rcl_interfaces.srv import SetParameters
    from rclpy.parameter import Parameter

    first = asked.ask(folders["two"])
    asked.spin(lambda: node._reload.loading)
    until(lambda: not node._reload.loading)  # and nothing is spun
    service = next(s for s in node.services if s.srv_name.endswith("/set_parameters"))
    change = Parameter("model", value=str(folders["one"])).to_parameter_msg()
    service.callback(SetParameters.Request(parameters=[change]), SetParameters.Response())
    asked.spin(first.done)
    assert first.result().results[0].successful
    until(lambda: told(node)["loads"] == "1")


@pytest.mark.parametrize("broken", [False, True])
def test_a_node_that_is_cleaned_up_meanwhile_stays_without_a_model(
    node, folders, asked, broken, monkeypatch
):
    from pta_ros.nodes import reload

    load_engine, cleaned = reload.load_engine, threading.Event()

    def slowly(*given):
        assert cleaned.wait(NEVER_S)
        return load_engine(*given)

    monkeypatch.setattr(reload, "load_engine", slowly)
    if broken:
        (folders["two"] / "config.json").write_text("{")
    future = asked.ask(folders["two"])
    asked.spin(lambda: node._reload.loading)
    node.trigger_deactivate()
    node.trigger_cleanup()
    cleaned.set()
    asked.spin(future.done)
    assert future.result().results[0].successful  # it is for the next configure
    assert node._engine is None
    assert told(node)["loads"] == "0"
    assert node.get_parameter("model").value == str(folders["two"])
