"""What is shown of the fusion, logged to a rerun recording: the live page's, or a file (.rrd).

Nothing that is no longer true stays on the screen: the frame of a stream that is not LIVE is taken
away, and the skeleton where no stream is LIVE.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import rerun as rr
from numpy.typing import NDArray

from pta_ros.errors import DatasetError
from pta_ros.frames import Estimate, FloatArray, Frame, StreamState, StreamStatus
from pta_ros.fusion.transforms import from_pose
from pta_ros.sensors.lidar import POSE
from pta_ros.skeleton import BONES, LIMBS, NUM_JOINTS
from pta_ros.view import layout
from pta_ros.view.pairs import Pairs
from pta_ros.view.people import LARGEST_M, SMALLEST_M, Crowd

#: Of a live scene: what the plots show, and how often a state that lasts is logged again.
WINDOW_S, REPEAT_NS = 30.0, 2_000_000_000

_BONE_M, _TRUTH_M = 0.012, 0.006

_LIMB_OF = {joint: limb for limb, joints in LIMBS.items() for joint in joints}
_JOINT_COLOURS = [layout.LIMB_COLOURS[_LIMB_OF[joint]] for joint in range(NUM_JOINTS)]
_BONE_COLOURS = [_JOINT_COLOURS[child] for _, child in BONES]


class Scene:
    """Logs to `stream`; all times are ns on one clock and become the timeline "stamp".

    `lidar_pose` places the clouds in the camera's frame. With `live` the plots show the last
    WINDOW_S seconds, and states are logged again and again, for a server that forgets old data.
    """

    def __init__(
        self,
        stream: rr.RecordingStream,
        modalities: Sequence[str],
        title: str,
        lidar_pose: str = POSE,
        live: bool = False,
    ) -> None:
        self._stream = stream
        self._window_s = WINDOW_S if live else None
        self._modalities = tuple(modalities)
        self._repeat_ns = REPEAT_NS if live else None
        self._states: dict[str, tuple[StreamState, int]] = {}
        self._pairs = Pairs()
        self._compared = self._many = False
        self._crowd = Crowd(self._log)
        self._shown_ns: dict[str, int] = {}  # newest stamp of every entity that may be cleared
        self._judged_ns = 0
        self._image_shape: tuple[int, ...] = ()
        # The moment of logging says nothing that the stamp does not, and no two runs would agree.
        stream.set_log_time_enabled(False)
        stream.set_log_tick_enabled(False)
        stream.send_recording_name(title)
        self._send_layout()
        self._log_constants(lidar_pose)

    def frame(self, frame: Frame) -> None:
        """Show one sensor's reading, unless its stream is known not to be LIVE."""
        known = self._states.get(frame.modality)
        if known is not None and known[0] is not StreamState.LIVE:
            return
        picture = layout.picture(frame.modality)
        if not picture:
            return
        self._begin(layout.entity(frame.modality), frame.stamp_ns)
        if picture == "image" and frame.array.shape != self._image_shape:
            self._image_shape = frame.array.shape
            self._log(layout.CAMERA, layout.lens(*frame.array.shape), static=True)
        self._log(layout.entity(frame.modality), layout.drawn(frame.modality, frame.array))

    def estimate(self, estimate: Estimate) -> None:
        """Show an estimate: skeleton, weights, time per stage; the error once the truth is near.

        Of a model that finds people: everybody, in the camera's frame, and nobody in words.
        """
        self._begin(layout.ESTIMATE, estimate.stamp_ns)
        if estimate.people is None:
            self._draw_skeleton(estimate)
        else:
            if not self._many:
                self._many = True
                self._send_layout()
            self._crowd.draw(estimate.people, estimate.tracks)
        for modality in self._modalities:
            share = estimate.weights.get(modality, 0.0)
            self._log(f"{layout.WEIGHTS}/{modality}", rr.Scalars(share))
        for stage, spent_ms in estimate.timings_ms.items():
            self._log(f"{layout.TIMES}/{stage}", rr.Scalars(spent_ms))
        if estimate.people is None:
            self._errors(self._pairs.estimate(estimate.stamp_ns, estimate.joints_m))

    def _draw_skeleton(self, estimate: Estimate) -> None:
        radii = np.clip(estimate.std_m, SMALLEST_M, LARGEST_M)
        joints = rr.Points3D(estimate.joints_m, radii=radii, colors=_JOINT_COLOURS)
        self._log(f"{layout.ESTIMATE}/joints", joints)
        bones = rr.LineStrips3D(
            [estimate.joints_m[list(bone)] for bone in BONES], radii=_BONE_M, colors=_BONE_COLOURS
        )
        self._log(f"{layout.ESTIMATE}/bones", bones)

    def truth(self, stamp_ns: int, joints_m: FloatArray) -> None:
        """Show the true pose (17, 3), metres in the camera's frame."""
        self.true_people(stamp_ns, [joints_m])
        self._errors(self._pairs.truth(stamp_ns, joints_m))

    def true_people(self, stamp_ns: int, everybody: Sequence[NDArray[np.floating]]) -> None:
        """Show the true poses of everybody, (17, 3) each, metres in the camera's frame."""
        self._at(stamp_ns)
        strips = [joints[list(bone)] for joints in everybody for bone in BONES]
        bones = rr.LineStrips3D(strips, radii=_TRUTH_M, colors=layout.TRUTH_COLOUR)
        self._log(f"{layout.TRUTH}/bones", bones)

    def states(self, time_ns: int, statuses: Sequence[StreamStatus]) -> None:
        """Show every stream's state at `time_ns`, and take away what is not LIVE any more.

        What is older than the newest states is no news.
        """
        if time_ns < self._judged_ns:
            return
        self._judged_ns = time_ns
        self._at(time_ns)
        for status in statuses:
            before, since = self._states.get(status.modality, (None, 0))
            changed = status.state is not before
            due = self._repeat_ns is not None and not 0 <= time_ns - since < self._repeat_ns
            if changed or due:
                self._states[status.modality] = (status.state, time_ns)
                state = rr.StateChange(state=status.state.name)
                self._log(f"{layout.STATES}/{status.modality}", state)
            if changed:
                self._tell(status, time_ns)
        if statuses and all(status.state is not StreamState.LIVE for status in statuses):
            self.no_estimate(time_ns)

    def no_estimate(self, time_ns: int) -> None:
        """Take the skeleton away at `time_ns`; its plots show a gap."""
        others = (layout.WEIGHTS, layout.TIMES, layout.ERROR, layout.PEOPLE)
        self._end(layout.ESTIMATE, time_ns, *others)
        self._crowd.forget()

    def _tell(self, status: StreamStatus, time_ns: int) -> None:
        live = status.state is StreamState.LIVE
        text = f"{status.modality} {status.state.name}"
        text = f"{text}: {status.reason}" if status.reason else text
        level = rr.TextLogLevel.INFO if live else rr.TextLogLevel.WARN
        self._log(layout.REASONS, rr.TextLog(text, level=level))
        if not live and layout.picture(status.modality):
            self._end(layout.entity(status.modality), time_ns)

    def _errors(self, found: Sequence[tuple[int, float]]) -> None:
        for stamp_ns, error_m in found:
            self._at(stamp_ns)
            self._log(layout.ERROR, rr.Scalars(1e3 * error_m))
        if found and not self._compared:
            self._compared = True
            self._send_layout()

    def _send_layout(self) -> None:
        shown = (self._modalities, self._compared, self._window_s, self._many)
        self._stream.send_blueprint(layout.blueprint(*shown))

    def _log_constants(self, lidar_pose: str) -> None:
        """What never changes: axes, the LiDAR's place, names and colours."""
        self._log(layout.WORLD, rr.ViewCoordinates.RDF, static=True)
        pose = from_pose(lidar_pose)
        placed = rr.Transform3D(translation=pose[:3, 3], mat3x3=pose[:3, :3])
        for modality in self._modalities:
            if layout.picture(modality) == "points":
                self._log(layout.entity(modality), placed, static=True)
        states = list(StreamState)
        colours = rr.StateConfiguration(
            values=[state.name for state in states],
            colors=[layout.STATE_COLOURS[state] for state in states],
        )
        for modality in self._modalities:
            self._log(f"{layout.STATES}/{modality}", colours, static=True)
            line = rr.SeriesLines(names=modality, colors=layout.colour(modality), widths=2.0)
            self._log(f"{layout.WEIGHTS}/{modality}", line, static=True)
        error = rr.SeriesLines(names="error", colors=layout.ERROR_COLOUR, widths=2.0)
        self._log(layout.ERROR, error, static=True)

    def _at(self, time_ns: int) -> None:
        self._stream.set_time(layout.TIMELINE, timestamp=np.datetime64(time_ns, "ns"))

    def _log(self, entity: str, what: rr.AsComponents, static: bool = False) -> None:
        self._stream.log(entity, what, static=static, strict=True)

    def _begin(self, entity: str, stamp_ns: int) -> None:
        """From `stamp_ns` on `entity` is shown."""
        self._shown_ns[entity] = max(stamp_ns, self._shown_ns.get(entity, stamp_ns))
        self._at(stamp_ns)

    def _end(self, entity: str, time_ns: int, *others: str) -> None:
        """Take away, from `time_ns` on, what is shown, and others with it."""
        shown_ns = self._shown_ns.pop(entity, None)
        if shown_ns is None:
            return
        self._at(max(time_ns, shown_ns + 1))  # a judgement may be older than the newest frame
        for each in (entity, *others):
            self._log(each, rr.Clear(recursive=True))


class Recording(Scene):
    """A scene that is written to `path`; use it in a `with` block, then the file is complete.

    Raises DatasetError when `path` cannot be written.
    """

    def __init__(
        self, path: Path, modalities: Sequence[str], title: str, lidar_pose: str = POSE
    ) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.open("wb").close()
        except OSError as error:
            raise DatasetError(f"cannot write {path}: {error.strerror}") from error
        self._file = rr.RecordingStream(layout.APPLICATION)
        self._file.save(path)
        super().__init__(self._file, modalities, title, lidar_pose)

    def __enter__(self) -> Recording:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.disconnect()
