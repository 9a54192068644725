"""What the nodes share: parameters, whole programs, names and QoS of topics, /tf_static."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Collection
from functools import wraps
from typing import Any

from rcl_interfaces import msg as rcl
from rclpy._rclpy_pybind11 import RCLError
from rclpy.clock import Clock, ClockType
from rclpy.exceptions import InvalidTopicNameException
from rclpy.expand_topic_name import expand_topic_name
from rclpy.lifecycle import LifecycleNode, TransitionCallbackReturn
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy
from rclpy.validate_full_topic_name import validate_full_topic_name

from pta_ros.errors import ConfigError, PtaError
from pta_ros.fusion.params import unknown_parameter
from pta_ros.settings import RECONFIGURE, START, Spec, specs

#: For timers that must go on when the time of the topics stands still or jumps.
STEADY = Clock(clock_type=ClockType.STEADY_TIME)

#: Overrides that rclpy itself reads: they are nobody's typo.
_ROS_PREFIXES = ("qos_overrides.", "use_sim_time", "start_type_description_service")


class Throttle:
    """Lets one message per key and period through, and counts those that it held back."""

    def __init__(self, period_s: float = 5.0) -> None:
        self._period_s = period_s
        self._last: dict[str, float] = {}
        self._held: dict[str, int] = {}

    def due(self, key: str, text: str) -> str:
        """`text`, with a remark on what was held back, when it is due; else an empty string."""
        now = time.monotonic()
        if now - self._last.get(key, -self._period_s) < self._period_s:
            self._held[key] = self._held.get(key, 0) + 1
            return ""
        self._last[key] = now
        held = self._held.pop(key, 0)
        return f"{text} (and {held} like it since the last report)" if held else text


def descriptor(spec: Spec) -> rcl.ParameterDescriptor:
    """What `ros2 param describe` shows: meaning with unit, range, whether it may change."""
    text = spec.description + (f" [{spec.unit}]" if spec.unit else "")
    result = rcl.ParameterDescriptor(description=text, read_only=spec.change == START)
    if spec.change == RECONFIGURE:
        result.additional_constraints = "change only while unconfigured"
    if spec.low is None or spec.high is None:
        if spec.choices:
            result.additional_constraints += f" one of: {', '.join(spec.choices)}"
        return result
    kind = type(spec.default)
    ends = {"from_value": kind(spec.low), "to_value": kind(spec.high)}
    if kind is int:
        result.integer_range = [rcl.IntegerRange(**ends)]
    else:
        result.floating_point_range = [rcl.FloatingPointRange(**ends)]
    return result


class Parameters:
    """A node's parameters.

    A given value of a wrong type or range, and a name nobody declares, does not stop the node from
    being made: it is kept in `problems`, for the configure transition to refuse with.
    `locked` says whether the node is configured; `refused` why a live change cannot be made,
    empty if it can; `applied` is told each change made later.
    """

    def __init__(
        self,
        node: Node,
        specs: tuple[Spec, ...],
        locked: Callable[[], bool] = lambda: False,
        applied: Callable[[str, Any], None] = lambda name, value: None,
        refused: Callable[[str, Any], str] = lambda name, value: "",
    ) -> None:
        self._node, self._locked, self._applied = node, locked, applied
        self._refused = refused
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
        if problem := spec.problem(value):
            self._problems[spec.name], value = problem, spec.default
        self._node.declare_parameter(spec.name, value, descriptor(spec), ignore_override=True)

    def _unknown(self) -> list[str]:
        given = [n for n in self._node._parameter_overrides if not n.startswith(_ROS_PREFIXES)]
        known = self._node.has_parameter
        return [unknown_parameter(name, self._specs) for name in given if not known(name)]

    def _check(self, changes: list[Parameter]) -> rcl.SetParametersResult:
        reasons = [self._reason(change) for change in changes if change.name in self._specs]
        text = "; ".join(filter(None, reasons))
        return rcl.SetParametersResult(successful=not text, reason=text)

    def _reason(self, change: Parameter) -> str:
        spec = self._specs[change.name]
        if spec.change == RECONFIGURE and self._locked():
            return f"{change.name} needs a reconfiguration: deactivate, clean up, set, configure"
        return spec.problem(change.value) or self._refused(change.name, change.value)

    def _apply(self, changes: list[Parameter]) -> None:
        for change in changes:
            self._problems.pop(change.name, None)
            if change.name in self._specs:
                self._applied(change.name, change.value)


def checked_values(node: Node, listed: tuple[Spec, ...]) -> dict[str, Any]:
    """Declare parameters and give their values; raises ConfigError naming all that is wrong."""
    given = Parameters(node, listed)
    if given.problems():
        raise ConfigError("; ".join(given.problems()))
    return given.values()


def named_early(node: Node, name: str, known: Collection[str], default: str) -> str:
    """A parameter that says which others there are, so it is read before any is declared.

    A value that is not `known` is told by the parameter itself, later.
    """
    given = node._parameter_overrides.get(name)
    return given.value if given is not None and given.value in known else default


def read_parameters(node: Node, group: type) -> Any:
    """Declare the parameters of a dataclass and give their values; raises ConfigError."""
    return group(**checked_values(node, specs(group)))


class ProgramNode(Node):
    """A node that is a whole program (see entry.Program); `params` are its parameters' values."""

    def __init__(self, name: str, group: type, **options: Any) -> None:
        super().__init__(name, **options)
        #: Exit status once the program is over; None goes on.
        self.exit_code: int | None = None
        self.params = read_parameters(self, group)
        self._throttle = Throttle()

    def nodes(self) -> list[Node]:
        """The nodes to spin."""
        return [self]

    def close(self) -> None:
        """Release what is held; called once, at the end."""

    def warn(self, key: str, text: str) -> None:
        """Log a warning, unless one of this key was logged just now."""
        if due := self._throttle.due(key, text):
            self.get_logger().warning(due)


def logged(transition: Callable[..., TransitionCallbackReturn]) -> Callable[..., Any]:
    """Make a lifecycle transition say what went wrong; rclpy itself keeps silent about it.

    FAILURE for what an operator can put right, ERROR (so on_error runs) for a defect of ours.
    """

    @wraps(transition)
    def wrapped(node: Any, state: Any) -> TransitionCallbackReturn:
        try:
            return transition(node, state)
        except Exception as error:
            expected = isinstance(error, PtaError)
            text = str(error) if expected else traceback.format_exc()
            node.get_logger().error(f"{transition.__name__}: {text}")
            node.watch.health.failures.remember(error)
            return TransitionCallbackReturn.FAILURE if expected else TransitionCallbackReturn.ERROR

    return wrapped


def answer_invalid_requests(node: LifecycleNode, state: Callable[[], str]) -> None:
    """Answer an impossible transition request with success=false; rclpy raises instead."""
    service = node._service_change_state
    change = service.callback

    def guarded(request: Any, response: Any) -> Any:
        try:
            return change(request, response)
        except RCLError:
            asked = request.transition.label or request.transition.id
            node.get_logger().error(f"transition {asked} is impossible while {state()}")
            response.success = False
            return response

    service.callback = guarded


def names(text: str) -> list[str]:
    """The names in a parameter's text, separated by commas or blanks, each once."""
    return list(dict.fromkeys(text.replace(",", " ").split()))


def check_topic(topic: str, node: Node) -> None:
    """Raise ConfigError for a name that cannot be a topic of this node."""
    try:
        full = expand_topic_name(topic, node.get_name(), node.get_namespace())
        validate_full_topic_name(full)
    except (ValueError, InvalidTopicNameException) as error:
        raise ConfigError(f"topic {topic!r}: {' '.join(str(error).split())}") from error


def keep_last(depth: int, reliable: bool, latched: bool = False) -> QoSProfile:
    """QoS that keeps the last `depth` messages; `latched` ones also for those who come late."""
    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST,
        depth=depth,
        reliability=ReliabilityPolicy.RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT,
        durability=DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE,
    )
