"""The live node and the step as bench_pta reports them. Never the times themselves."""

import pytest

torch = pytest.importorskip("torch")

from pta_ros.bench import runs  # noqa: E402
from pta_ros.bench.step import StepBench, StepTimes  # noqa: E402
from pta_ros.errors import ConfigError  # noqa: E402


def test_the_overhead_is_taken_estimate_by_estimate():
    found = runs.summary([10.0, 20.0, 30.0], [9.0, 15.0, 27.0])
    assert found["overhead_ms"] == {"p10": 1.4, "median": 3.0, "p90": 4.6, "least": 1.0}
    assert found["latency_ms"]["median"] == 20.0
    assert found["model_ms"]["median"] == 15.0  # the overhead is not 20 - 15
    assert found["estimates"] == 3


@pytest.mark.ros
def test_the_real_node_is_measured_in_a_process_of_its_own():
    pytest.importorskip("rclpy")
    pytest.importorskip("pta_msgs")
    found = runs.node_figures(messages=12)
    assert found["estimates"] == 10  # the first sixth is left out
    for part in ("latency_ms", "model_ms", "overhead_ms"):
        assert found[part]["p10"] <= found[part]["median"] <= found[part]["p90"]
    assert 0 < found["model_ms"]["median"] <= found["latency_ms"]["p90"]
    assert found["overhead_ms"]["least"] > 0  # the model's time is within the latency


@pytest.mark.ros
def test_a_node_that_cannot_be_measured_says_why():
    pytest.importorskip("rclpy")
    pytest.importorskip("pta_msgs")
    with pytest.raises(ConfigError, match="could not be measured: messages is 5; expected 6 to"):
        runs.node_figures(messages=5)


def test_the_steps_figures_are_complete_and_without_bounds_of_their_own(monkeypatch):
    made = StepBench(16, 32, StepTimes((2.0, 2.0), 0), StepTimes((80.0, 90.0), 9))
    monkeypatch.setattr(runs, "bench_step", lambda *_, **__: made)
    found = runs.step_figures()
    assert found["ratio"]["median"] == 42.5
    assert found["step_ms"]["cached"]["median"] == 2.0
    assert found["step_ms"]["encoding"]["p90"] == 89.0
    assert "bounds" not in found
