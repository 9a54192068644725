"""The fusion node: a lifecycle node around one pipeline, one worker and a subscriber per sensor.

configure: parameters and model are checked and loaded. activate: the model goes to its device and
is warmed up, the worker starts, topics are subscribed. deactivate and cleanup undo these. A fault
that data cannot explain, three times in a row, takes the node through on_error to unconfigured.
Parameter `model` loads another model while this one runs (reload.py).
"""

from __future__ import annotations

from pta_ros.nodes import entry

if __name__ == "__main__":  # before ROS is imported, so that its absence is one line
    entry.start("fusion_node")

import time
from typing import Any

from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.node import Node

from pta_ros.errors import ConfigError
from pta_ros.frames import Estimate, StreamStatus
from pta_ros.fusion.params import TRACKS, FusionParams, fusion_from, fusion_specs
from pta_ros.nodes.base import STEADY, Parameters, answer_invalid_requests, logged, named_early
from pta_ros.nodes.composed import composed_options
from pta_ros.nodes.health import Identity
from pta_ros.nodes.outlet import Publishers
from pta_ros.nodes.readings import Readings
from pta_ros.nodes.reload import MODEL, Reload, load_engine
from pta_ros.nodes.sensor_node import REDUCED, SensorNode, sensor_qos
from pta_ros.nodes.watch import Watch
from pta_ros.nodes.worker import Meter, Worker
from pta_ros.sensors import SENSORS, sensor_sets, sensors_of

SUCCESS, ERROR = TransitionCallbackReturn.SUCCESS, TransitionCallbackReturn.ERROR

_TICK_S = 0.05


class FusionNode(LifecycleNode):
    """The program (see entry.Program); `sensor_nodes` belong into the same executor."""

    def __init__(self) -> None:
        super().__init__("fusion")
        self._engine: Any = None  # an Engine, while configured
        self._worker: Worker | None = None
        sensors = named_early(self, "sensor_set", sensor_sets(), FusionParams.sensor_set)
        self.sensor_nodes = {
            m: SensorNode(f"{self.get_name()}_{m}", self, **composed_options())
            for m in sensors_of(sensors)
        }
        self._reload = Reload(
            self, lambda: self._engine, lambda m: fusion_from({**self._given.values(), MODEL: m})
        )
        self._given = Parameters(
            self, fusion_specs(sensors), lambda: self._engine is not None, self._on_change,
            lambda name, value: self._reload.refusal(value) if name == MODEL else "",
        )  # fmt: skip
        self._outlet = Publishers(self, self._now_ns)
        self.watch = Watch(self, self._statuses, self._identity, self.sensor_nodes)
        self._health = self.watch.health
        self.readings = Readings(self.watch, lambda: self._worker)
        self.create_timer(_TICK_S, self._tick, clock=STEADY)
        answer_invalid_requests(self, self._state)
        #: Exit status asked for by the program; None goes on.
        self.exit_code: int | None = None
        if self.get_parameter("autostart").value:
            self._starter = self.create_timer(0.0, self._start, clock=STEADY)

    def nodes(self) -> list[Node]:
        """Every node of this process."""
        return [self, *self.sensor_nodes.values()]

    def _start(self) -> None:
        """Configure and activate; a failure ends the process, after diagnostics have told it."""
        self._starter.cancel()
        with entry.starting():
            steps = (self.trigger_configure, self.trigger_activate)
            ready = all(step().name == "SUCCESS" for step in steps)
        if not ready:
            self.watch.look(at_once=True)
            self.exit_code = 1

    @logged
    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Check the parameters, load the model."""
        problems = self._given.problems()
        if problems:
            raise ConfigError("; ".join(problems))
        params, streams = fusion_from(self._given.values())
        for modality, stream in streams.items():
            self.sensor_nodes[modality].check(stream)
        engine = load_engine((params, streams))
        self._outlet.open(engine)
        self._engine = engine
        self._health.failures.clear()
        self.get_logger().info(
            f"model {self._engine.loaded.name} for {', '.join(self._engine.sensors)}; "
            f"device {self._engine.device} (asked: {params.device})"
        )
        return super().on_configure(state)

    @logged
    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Warm up, start the worker, subscribe."""
        engine = self._engine
        params, streams = fusion_from(self._given.values())
        engine.configure(params, streams)
        pipeline = engine.start()
        self._health.people = None
        self._worker = Worker(pipeline, self._now_ns, self, engine.estimator)
        self._health.meter = Meter()
        result = super().on_activate(state)
        self._worker.start()
        try:
            for modality, sensor in engine.sensors.items():
                self._open(modality, sensor)
        except Exception:
            self._release()  # the worker, too: the node stays inactive
            raise
        return result

    @logged
    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Unsubscribe, stop the worker, free the device."""
        self._release()
        self._outlet.forget()
        super().on_deactivate(state)
        return ERROR if self._health.failures.fatal else SUCCESS

    @logged
    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Forget the model."""
        self._outlet.close()
        self._engine = None
        return super().on_cleanup(state)

    @logged
    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Release everything, from any state."""
        self._release()
        self._outlet.close()
        self._engine = None
        return super().on_shutdown(state)

    @logged
    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Release everything; the node is unconfigured then, and may be configured again."""
        self._release()
        self._outlet.close()
        self._engine, self._health.failures.fatal = None, False
        self.get_logger().error(f"back to unconfigured after: {self._health.failures.last}")
        return SUCCESS

    def close(self) -> None:
        """Release everything, and let a model that is being loaded come to its end."""
        self._release()
        self._reload.close()

    def _release(self) -> None:
        """Close the subscriptions, stop the worker, free the device; harmless when done twice."""
        for node in self.sensor_nodes.values():
            node.close()
        worker, self._worker = self._worker, None
        if worker is not None and not worker.stop():
            self.get_logger().error("the model did not return in time; its thread is left behind")
        del worker  # and with it the pipeline and its hold on the device's memory
        if self._engine is not None:
            self._engine.stop()

    def _open(self, modality: str, sensor: Any) -> None:
        given = self._engine.streams[modality]
        topic = "" if self._engine.params.composed else given.topic + REDUCED
        self._health.notes.pop(modality, None)
        qos = sensor_qos(given.qos_depth, given.qos_reliability)
        self.sensor_nodes[modality].open(sensor, given, qos, self.readings, topic)

    def _tick(self) -> None:
        """Look at the streams; leave the active state when the worker found the node broken."""
        self._reload.answer()
        if self._health.failures.fatal and self._state() == "active":
            self.trigger_deactivate()
        self.watch.look()

    # -- what the worker calls, in its thread ---------------------------------------------------

    def publish(self, estimate: Estimate) -> None:
        """Publish one estimate."""
        latency_ms = self._outlet.publish(estimate, self._engine.loaded, self._frame_id())
        people = estimate.people
        self._health.people = None if people is None else len(people)
        if not estimate.predicted:
            self._health.meter.add(time.monotonic_ns(), latency_ms)
            self._health.failures.clear()

    def _frame_id(self) -> str:
        """The frame of the joints: as set, the level one, or that of the set's first sensor."""
        first, node = next(iter(self.sensor_nodes.items()))
        asked = self._engine.level_frame or self._engine.params.frame_id
        return asked or node.frame_id or SENSORS[first].frame_id

    def failed(self, error: Exception) -> None:
        """Count and report an estimate that could not be made or published."""
        if not self.context.ok():
            return  # the process is ending
        if text := self._health.failures.add(error):
            self.get_logger().error(text)

    def _on_change(self, name: str, value: Any) -> None:
        """Apply a parameter that was changed live."""
        if name == MODEL:
            self._take(self._reload.taken())
        if self._worker is None:
            return
        modality, _, stream_parameter = name.partition(".")
        if stream_parameter == "enabled" and modality in self._engine.sensors:
            self._worker.enable(modality, value)
        elif name == "refine":
            self._worker.refine(value)
        elif name == TRACKS + "enabled":
            self._worker.follow(enabled=value)
        elif name == TRACKS + "consistency":
            self._worker.follow(consistency=value)

    def _take(self, new: Any) -> None:
        """Let another Engine answer: from the next estimate on where one is running."""

        def exchange(pipeline: Any) -> Any:
            from pta_ros.fusion.exchange import take_over

            take_over(new, pipeline, self._engine)
            self._engine = new
            return new.estimator

        if self._worker is not None:
            self._worker.exchange(exchange)
        elif new is not None:
            new.stop()
            self._engine = new

    def _statuses(self) -> tuple[StreamStatus, ...]:
        return self._worker.statuses() if self._worker else ()

    def _identity(self) -> Identity:
        engine, me = self._engine, (self.get_fully_qualified_name(), self._state())
        told = self._reload.told()
        if engine is None:
            return Identity(*me, told=told)
        told = {**engine.about, **engine.graphs_told, **told}
        return Identity(*me, engine.loaded.name, engine.device, told)

    def _state(self) -> str:
        return self._state_machine.current_state[1]

    def _now_ns(self) -> int:
        return self.get_clock().now().nanoseconds
