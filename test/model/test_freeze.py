"""Frozen graphs: the module's own answers, traced once for each name."""

import pytest

torch = pytest.importorskip("torch")

from pta_ros.model.freeze import Freezer  # noqa: E402


def _layers():
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 2)).eval()


def test_a_graph_answers_as_its_module_does():
    module, given = _layers(), torch.rand(3, 4)
    with torch.inference_mode():
        graph = Freezer({})(module, torch.zeros(1, 4), "a")
        assert isinstance(graph, torch.jit.ScriptModule)
        torch.testing.assert_close(graph(given), module(given))


def test_what_was_traced_is_used_again_whoever_asks():
    graphs = {}
    first = Freezer(graphs)(_layers(), torch.zeros(1, 4), "a")
    assert Freezer(graphs)(_layers(), torch.zeros(1, 4), "a") is first
    assert Freezer(graphs)(_layers(), torch.zeros(1, 4), "b") is not first


def test_the_first_run_is_as_every_other_one():
    """Torch would profile two runs, and compile again after each."""
    graph = Freezer({})(_layers(), torch.zeros(1, 4), "a")
    with torch.inference_mode():
        graph(torch.rand(1, 4))
    assert "prim::profile" not in str(torch.jit.last_executed_optimized_graph())
