"""One person seen by three radio sensors at once: radar, Wi-Fi and RFID, as in XRF55.

The three models share the body's motion, so that what they say is different but related.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from pta_ros.errors import ConfigError
from pta_ros.sensors import RadarSensor, RfidSensor, WifiSensor, WindowSensor
from pta_ros.simulate import kinematics, motion
from pta_ros.simulate.actions import Action, xrf55_action
from pta_ros.simulate.body import Subject
from pta_ros.simulate.kinematics import Array
from pta_ros.simulate.motion import Variation
from pta_ros.simulate.rf_sensors import Radar, Rfid, Wifi
from pta_ros.simulate.room import Placement, body_to_camera

#: Seconds of a sample of the data set, and packets of each sensor in it.
WINDOW_S = WindowSensor.window_s
PACKETS = {kind.modality: kind.packets for kind in (RadarSensor, WifiSensor, RfidSensor)}
SCENES = (1, 2, 3, 4)

_STREAM = 505
_STEP_S = 0.02  # between the two instants of a radar frame's speed


@dataclass(frozen=True, eq=False)
class RfPackets:
    """What the sensors send over a span: times (N,) in seconds from its start, and contents.

    `radar` uint8 (N, 256, 128) counts; `wifi` float32 (N, 270) linear amplitude; `rfid` float32
    (N, 23) radians.
    """

    times_s: dict[str, Array]
    contents: dict[str, NDArray[np.generic]]


class RfLab:
    """The three sensors of one scene."""

    def __init__(self, scene: int) -> None:
        if scene not in SCENES:
            raise ConfigError(f"scene {scene!r} is unknown; expected one of {SCENES}")
        self.radar, self.wifi, self.rfid = Radar(scene), Wifi(scene), Rfid(scene)

    @classmethod
    @lru_cache(maxsize=len(SCENES))
    def of(cls, scene: int) -> RfLab:
        """The lab of scene 1 to 4 (made once per process)."""
        return cls(scene)


@dataclass(frozen=True)
class RfRecording:
    """Subject `subject_index` of the population `seed` doing an action of XRF55 (1 to 55).

    `repeat` numbers independent recordings. Packets depend on these and the scene alone.
    """

    seed: int
    subject_index: int
    action: int
    repeat: int = 1
    scene: int = 1
    subject: Subject = field(init=False)
    variation: Variation = field(init=False, compare=False)
    placement: Placement = field(init=False)

    def __post_init__(self) -> None:
        put = object.__setattr__  # the fields that follow from the others
        xrf55_action(self.action)
        rng = np.random.default_rng([*self._seed(), _STREAM])
        put(self, "subject", Subject.from_seed(self.seed, self.subject_index))
        put(self, "variation", Variation.draw(*self._seed()[:3]))
        put(self, "placement", Placement.draw(rng))

    def joints(self, time_s: Array) -> Array:
        """Joints (T, 17, 3) in metres, camera frame, at times (T,) from the start."""
        act: Action = xrf55_action(self.action)
        channels = motion.channels(self.subject, act, time_s, self.variation)
        return body_to_camera(kinematics.solve(self.subject, channels), self.placement.at(time_s))

    def packets(self, duration_s: float = WINDOW_S) -> RfPackets:
        """Every sensor's packets over the first `duration_s` seconds."""
        lab, rng = RfLab.of(self.scene), np.random.default_rng([*self._seed(), _STREAM, 1])
        times = {name: packet_times(name, duration_s) for name in PACKETS}
        pairs = times["radar"][:, None] + np.array([-0.5, 0.5]) * _STEP_S
        both = self.joints(pairs.ravel()).reshape(*pairs.shape, 17, 3)
        contents: dict[str, NDArray[np.generic]] = {
            "radar": lab.radar.maps(both, _STEP_S, rng),
            "wifi": lab.wifi.amplitude(self.joints(times["wifi"]), rng),
            "rfid": lab.rfid.phase(self.joints(times["rfid"]), rng),
        }
        return RfPackets(times, contents)

    def _seed(self) -> tuple[int, int, int, int]:
        return self.seed, self.subject_index, 1000 * self.repeat + self.action, self.scene


def packet_times(sensor: str, duration_s: float) -> Array:
    """Times (N,) of a sensor's packets, each in the middle of its period."""
    period = WINDOW_S / PACKETS[sensor]
    return np.asarray((np.arange(round(duration_s / period)) + 0.5) * period)
