"""From names and values to a frozen dataclass, and the reader of ROS parameter files."""

import os
from dataclasses import dataclass, field
from typing import Any

import pytest

from pta_ros.errors import ConfigError, did_you_mean
from pta_ros.settings import (
    HIDDEN,
    START,
    Group,
    build,
    param,
    plain,
    read_yaml,
    ros_parameters,
    specs,
)


@dataclass(frozen=True)
class Inner(Group):
    rate: float = param(0.5, "how fast", unit="Hz", low=0.1, high=2.0)
    kind: str = param("a", choices=lambda: ("a", "b"))
    kept: int = param(8, low=1, high=9, change=HIDDEN)


@dataclass(frozen=True)
class Outer:
    count: int = 3
    on: bool = True
    limits: tuple[float, float] = (0.0, 1.0)
    names: tuple[str, ...] = ("x",)
    inner: Inner = field(default_factory=Inner)
    each: dict[str, Inner] = field(default_factory=dict)
    free: dict[str, dict[str, Any]] = field(default_factory=dict)

    def __post_init__(self):
        if self.count > 5:
            raise ConfigError("count above 5")


def test_what_is_left_out_keeps_its_default():
    assert build(Outer, {}) == Outer()


def test_types_follow_the_annotations():
    values = {
        "limits": [1, 2],
        "names": ["a", "b", "c"],
        "inner": {"rate": 1},
        "each": {"one": {"kind": "b"}},
        "free": {"any": {"x": [1]}},
    }
    found = build(Outer, values)
    assert found.limits == (1.0, 2.0)
    assert found.names == ("a", "b", "c")
    assert type(found.inner.rate) is float
    assert found.each == {"one": Inner(kind="b")}
    assert found.free == {"any": {"x": [1]}}


def test_plain_data_comes_back():
    assert plain(Inner()) == {"rate": 0.5, "kind": "a", "kept": 8}
    assert build(Outer, {"limits": plain(Outer())["limits"]}) == Outer()


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"cuont": 1}, "model has no entry 'cuont'; did you mean count?"),
        ({"zzz": 1}, "expected one of count, on, limits, names, inner, each, free"),
        ({"count": 1.0}, "model.count is 1.0; expected a whole number"),
        ({"count": True}, "model.count is True; expected a whole number"),
        ({"on": 1}, "model.on is 1; expected true or false"),
        ({"limits": [1]}, "model.limits is [1]; expected a list of 2, each a number"),
        ({"limits": [1, float("inf")]}, "model.limits is inf; expected a number"),
        ({"names": "abc"}, "model.names is 'abc'; expected a list, each a text"),
        ({"inner": 3}, "model.inner is 3; expected names and values"),
        ({"inner": {"rate": 3}}, "model.inner.rate is 3.0; expected 0.1 to 2 Hz"),
        ({"inner": {"rate": float("nan")}}, "model.inner.rate is nan"),
        ({"inner": {"kind": "c"}}, "model.inner.kind is 'c'; expected one of a, b"),
        ({"each": {"one": {"rte": 1}}}, "model.each.one has no entry 'rte'; did you mean rate?"),
        ({"count": 6}, "model: count above 5"),
        ([1], "model is [1]; expected names and values"),
    ],
)
def test_a_mistake_is_told_with_place_value_and_expectation(values, told):
    with pytest.raises(ConfigError) as caught:
        build(Outer, values, "model")
    assert told in str(caught.value)


def test_a_group_checks_what_it_is_given_directly():
    with pytest.raises(ConfigError, match=r"rate is 5\.0; expected 0\.1 to 2 Hz; kept is 0"):
        Inner(rate=5.0, kept=0)


def test_parameters_of_a_group():
    @dataclass(frozen=True)
    class Fixed(Inner):
        fixed = True

    listed = {spec.name: spec for spec in specs(Inner, "x.", rate=1.0)}
    assert list(listed) == ["x.rate", "x.kind"]  # what is hidden is no parameter
    assert listed["x.rate"].default == 1.0
    assert listed["x.rate"].converted(2) == 2.0
    assert {spec.change for spec in specs(Fixed)} == {START}


def test_the_nearest_name():
    assert did_you_mean("lidra", ["depth", "lidar"]) == "did you mean lidar?"
    assert did_you_mean("zzz", ["depth"]) == "expected one of depth"
    assert did_you_mean("zzz", ["depth"], "see the docs") == "see the docs"


def test_parameter_files_of_any_node(tmp_path):
    path = tmp_path / "params.yaml"
    path.write_text(
        "/**: {ros__parameters: {use_sim_time: true}}\n"
        "/robot/view: {ros__parameters: {a: 0}}\n"
        "view: {ros__parameters: {a: {b: 1}, c.d: 2}}\n"
    )
    assert ros_parameters(path, "/view") == {"use_sim_time": True, "a.b": 1, "c.d": 2}
    assert ros_parameters(path) == {"use_sim_time": True}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("fusion: {ros__parameters: &a {csi: *a}}", "contains itself"),
        (
            f"fusion: {{ros__parameters: {{max_wait_s: 1{'0' * 400}}}}}",
            "max_wait_s is inf; expected 0 to 1 s",
        ),
    ],
)
def test_a_parameter_file_that_cannot_be_held_is_one_line(tmp_path, text, words):
    from pta_ros.fusion.params import read_params

    path = tmp_path / "p.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=words):
        read_params(path)


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ConfigError, match="a pipe; expected settings"):
        read_yaml(tmp_path / "pipe", "settings")
