"""config/sros2_policy.xml against the topics and services that the running nodes really have."""

import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
POLICY = REPOSITORY / "config" / "sros2_policy.xml"
KINDS = ("publish", "subscribe", "reply", "request")
NODES = {
    "fusion_node": ("fusion", "fusion_depth", "fusion_lidar", "fusion_csi"),
    "monitor_node": ("monitor_node",),
    "sim_node": ("sim_node",),
}


def profiles(path):
    """Per node what it may publish, subscribe, reply and request."""
    found = {}
    for profile in ElementTree.parse(path).getroot().iter("profile"):
        allowed = {kind: set() for kind in KINDS}
        for rule in (*profile.iter("topics"), *profile.iter("services")):
            for kind in KINDS:
                if rule.get(kind) == "ALLOW":
                    allowed[kind] |= {entry.text for entry in rule}
        found[profile.get("node")] = allowed
    return found


def graph(node, name):
    """The same of a running node, as the middleware knows it."""
    asked = zip(
        KINDS,
        (
            node.get_publisher_names_and_types_by_node,
            node.get_subscriber_names_and_types_by_node,
            node.get_service_names_and_types_by_node,
            node.get_client_names_and_types_by_node,
        ),
        strict=True,
    )
    return {kind: {topic for topic, _ in ask(name, "/")} for kind, ask in asked}


def settled(bench, name):
    """What a node has once nothing was added to it for a second."""
    seen, since = None, time.monotonic()

    def still():
        nonlocal seen, since
        if name not in bench.node.get_node_names():
            return False
        now = graph(bench.node, name)
        if now != seen:
            seen, since = now, time.monotonic()
        return time.monotonic() - since > 1.0

    bench.until(still, 60.0)
    return seen


@pytest.mark.ros
@pytest.mark.slow
def test_the_policy_allows_what_the_nodes_have_and_nothing_else(bench, untrained_model):
    bench.start("monitor_node", "-p", "view:=false")
    bench.start("fusion_node", "-p", f"model:={untrained_model}")
    bench.start("sim_node", "-p", "prerender:=4")
    bench.until(lambda: bench.skeletons, 90.0)
    allowed = profiles(POLICY)
    assert {n for names in NODES.values() for n in names} == set(allowed)
    assert {name: settled(bench, name) for name in allowed} == allowed


def test_each_process_has_an_enclave_with_all_of_its_nodes():
    enclaves = ElementTree.parse(POLICY).getroot().iter("enclave")
    together = {tuple(p.get("node") for p in enclave.iter("profile")) for enclave in enclaves}
    assert together == set(NODES.values())
