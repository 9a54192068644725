import pytest

pytestmark = pytest.mark.ros


@pytest.fixture
def declare(ros):
    """Declare the fusion node's parameters on a node that was given some; ends the node."""
    from rclpy.parameter import Parameter

    from pta_ros.fusion.params import fusion_specs
    from pta_ros.nodes.base import Parameters

    nodes = []

    def make(locked=False, **given):
        overrides = [Parameter(n.replace("__", "."), value=v) for n, v in given.items()]
        node = ros.create_node("declared", parameter_overrides=overrides)
        nodes.append(node)
        heard = []
        parameters = Parameters(
            node, fusion_specs(), lambda: locked, lambda name, value: heard.append((name, value))
        )
        return node, parameters, heard

    yield make
    for node in nodes:
        node.destroy_node()


def set_one(node, name, value):
    from rclpy.parameter import Parameter

    return node.set_parameters([Parameter(name, value=value)])[0]


def test_given_values_and_defaults(declare):
    _, parameters, _ = declare(device="cpu", depth__stale_after_s=1)
    values = parameters.values()
    assert values["device"] == "cpu"
    assert values["depth.stale_after_s"] == 1.0  # YAML's 1 for 1.0
    assert values["lidar.stale_after_s"] == 0.3
    assert parameters.problems() == []


def test_problems_name_type_range_and_typo(declare):
    _, parameters, _ = declare(num_threads="two", max_wait_s=9.0, lidar__tpoic="x", zzz=1)
    assert parameters.problems() == [
        "num_threads is 'two'; expected a whole number, as in 1",
        "max_wait_s is 9.0; expected 0 to 1 s",
        "unknown parameter lidar.tpoic; did you mean lidar.topic?",
        "unknown parameter zzz; see docs/parameters.md",
    ]


def test_a_corrected_value_ends_its_problem(declare):
    node, parameters, _ = declare(num_threads="two")
    assert set_one(node, "num_threads", 2).successful
    assert parameters.problems() == []
    assert parameters.values()["num_threads"] == 2


def test_live_changes_are_applied_and_others_wait_for_a_reconfiguration(declare):
    node, _, heard = declare(locked=True)
    assert set_one(node, "csi.enabled", False).successful
    assert heard == [("csi.enabled", False)]
    refused = set_one(node, "csi.offset_s", 0.5)
    assert not refused.successful
    assert "csi.offset_s needs a reconfiguration" in refused.reason
    assert heard == [("csi.enabled", False)]


@pytest.mark.parametrize(
    ("name", "value"), [("max_wait_s", 2.0), ("composed", False), ("lidar.extrinsic", "1 2")]
)
def test_illegal_changes_are_refused(declare, name, value):
    node, parameters, heard = declare()
    assert not set_one(node, name, value).successful
    assert heard == []
    assert parameters.values()[name] != value


def test_descriptors_carry_meaning_unit_and_range(declare):
    node, _, _ = declare()
    stale = node.describe_parameter("depth.stale_after_s")
    assert stale.description.endswith("[s]")
    assert stale.floating_point_range[0].to_value == 60.0
    assert node.describe_parameter("num_threads").integer_range[0].from_value == 1
    assert node.describe_parameter("composed").read_only
    assert "best_effort, reliable" in (
        node.describe_parameter("csi.qos_reliability").additional_constraints
    )
