"""Declare parameters on a node from specs; say in words what is wrong with the given ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rcl_interfaces.msg import (
    FloatingPointRange,
    IntegerRange,
    ParameterDescriptor,
    SetParametersResult,
)
from rclpy.node import Node
from rclpy.parameter import Parameter

from pta_ros.fusion.params import unknown_parameter
from pta_ros.settings import RECONFIGURE, START, Spec

#: Overrides that rclpy itself reads: they are nobody's typo.
_ROS_PREFIXES = ("qos_overrides.", "use_sim_time", "start_type_description_service")


def descriptor(spec: Spec) -> ParameterDescriptor:
    """What `ros2 param describe` shows: meaning with unit, range, whether it may change."""
    text = spec.description + (f" [{spec.unit}]" if spec.unit else "")
    result = ParameterDescriptor(description=text, read_only=spec.change == START)
    if spec.change == RECONFIGURE:
        result.additional_constraints = "change only while unconfigured"
    if spec.low is None or spec.high is None:
        if spec.choices:
            result.additional_constraints += f" one of: {', '.join(spec.choices)}"
    elif isinstance(spec.default, int):
        result.integer_range = [IntegerRange(from_value=int(spec.low), to_value=int(spec.high))]
    else:
        result.floating_point_range = [FloatingPointRange(from_value=spec.low, to_value=spec.high)]
    return result


class Parameters:
    """A node's parameters.

    A given value of a wrong type or range, and a name nobody declares, does not stop the node from
    being made: it is kept in `problems`, for the configure transition to refuse with.
    `locked` says whether the node is configured; `applied` hears of each change made later.
    """

    def __init__(
        self,
        node: Node,
        specs: tuple[Spec, ...],
        locked: Callable[[], bool] = lambda: False,
        applied: Callable[[str, Any], None] = lambda name, value: None,
    ) -> None:
        self._node, self._locked, self._applied = node, locked, applied
        self._specs = {spec.name: spec for spec in specs}
        self._problems: dict[str, str] = {}
        for spec in specs:
            self._declare(spec)
        node.add_on_set_parameters_callback(self._check)
        node.add_post_set_parameters_callback(self._apply)

    def values(self) -> dict[str, Any]:
        """The present value of every parameter by name."""
        return {name: self._node.get_parameter(name).value for name in self._specs}

    def problems(self) -> list[str]:
        """What is wrong with the given parameters, one sentence each."""
        return [*self._problems.values(), *self._unknown()]

    def _declare(self, spec: Spec) -> None:
        given = self._node._parameter_overrides.get(spec.name)
        value = spec.default if given is None else spec.converted(given.value)
        problem = spec.problem(value)
        if problem:
            self._problems[spec.name], value = problem, spec.default
        self._node.declare_parameter(spec.name, value, descriptor(spec), ignore_override=True)

    def _unknown(self) -> list[str]:
        given = [n for n in self._node._parameter_overrides if not n.startswith(_ROS_PREFIXES)]
        unknown = [name for name in given if not self._node.has_parameter(name)]
        return [unknown_parameter(name, self._specs) for name in unknown]

    def _check(self, changes: list[Parameter]) -> SetParametersResult:
        reasons = [self._reason(change) for change in changes if change.name in self._specs]
        text = "; ".join(reason for reason in reasons if reason)
        return SetParametersResult(successful=not text, reason=text)

    def _reason(self, change: Parameter) -> str:
        spec = self._specs[change.name]
        if spec.change == RECONFIGURE and self._locked():
            return f"{change.name} needs a reconfiguration: deactivate, clean up, set, configure"
        return spec.problem(change.value)

    def _apply(self, changes: list[Parameter]) -> None:
        for change in changes:
            self._problems.pop(change.name, None)
            if change.name in self._specs:
                self._applied(change.name, change.value)
