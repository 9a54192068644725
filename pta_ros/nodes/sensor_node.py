"""Executable `sensor_node`: one sensor's subscriber on its own, near its sensor.

It republishes each reading, decoded, checked and reduced, on `<topic>/reduced` with the message
type it came with, stamp and frame kept; so the fusion node (`composed: false`) takes it as it
would take the sensor itself; a compressed image becomes a plain one, and a cloud is in the frame it
was moved to. A message that fails its check is passed on, for the fusion node to judge the stream
by it: as it is, or, where that could be taken for a good one, empty.
"""

from __future__ import annotations

import sys
from typing import Any

from pta_ros.errors import ConfigError, DecodeError
from pta_ros.frames import Frame
from pta_ros.nodes import runtime


class SensorProgram:
    """The sensor node, and the publisher that its readings go to."""

    def __init__(self) -> None:
        from pta_ros.fusion.params import SensorParams
        from pta_ros.nodes.declare import Parameters
        from pta_ros.nodes.messages import MESSAGE_TYPES, TO_MESSAGE
        from pta_ros.nodes.subscriber import REDUCED, SensorNode, sensor_qos
        from pta_ros.settings import specs

        self.exit_code: int | None = None
        self._node = SensorNode("sensor")
        given = Parameters(self._node, specs(SensorParams))
        if given.problems():
            raise ConfigError("; ".join(given.problems()))
        params = SensorParams(**given.values())
        self._stream, qos = params.stream(), sensor_qos(params.qos_depth)
        self._throttle = runtime.Throttle()
        self._to_message = TO_MESSAGE[params.modality]
        self._kind = MESSAGE_TYPES[params.modality]
        self._out = self._node.create_publisher(self._kind, self._stream.topic + REDUCED, qos)
        self._node.open(_sensor(params.modality, params.model), self._stream, qos, self)

    def nodes(self) -> list[Any]:
        """The one node."""
        return [self._node]

    def close(self) -> None:
        """Unsubscribe."""
        self._node.close()

    def push(self, frame: Frame, msg: Any) -> None:
        """Publish a good reading, reduced."""
        msg.header.frame_id = self._stream.frame or msg.header.frame_id
        self._out.publish(self._to_message(frame.array, msg.header))

    def reject(self, modality: str, error: DecodeError, msg: Any, _now_ns: int) -> None:
        """Report a message that cannot be used, and pass it on for the fusion node to judge."""
        text = self._throttle.pass_(modality, str(error))
        if text:
            self._node.get_logger().warning(text)
        same = isinstance(msg, self._kind) and not self._stream.frame
        self._out.publish(msg if same else self._kind(header=msg.header))

    def note(self, modality: str, text: str) -> None:
        """Report a remark on the connection."""
        self._node.get_logger().warning(f"{modality}: {text}")

    def lost(self, modality: str, total: int) -> None:
        """Report messages that the middleware lost."""
        text = self._throttle.pass_("lost", f"{modality}: {total} messages lost on the way so far")
        if text:
            self._node.get_logger().warning(text)


def _sensor(modality: str, model: str) -> Any:
    """The sensor with the settings of a model folder, or with the default ones."""
    from pta_ros.sensors import SENSORS

    if not model:
        return SENSORS[modality]()
    from pta_ros import checkpoint  # late: a machine near a sensor need not have torch

    sensors = checkpoint.load(checkpoint.model_folder(model)).sensors
    if modality not in sensors:
        raise ConfigError(f"model {model} has no {modality}; expected one of {sorted(sensors)}")
    return sensors[modality]


def main() -> None:
    """Console script: run until interrupted."""
    sys.exit(runtime.run(SensorProgram))


if __name__ == "__main__":
    main()
