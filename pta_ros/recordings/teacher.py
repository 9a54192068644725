"""A model as the truth of recordings: what it says of each instant, and how sure it is of it."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np

from pta_ros.bags.bag import Bag
from pta_ros.checkpoint import modalities_of
from pta_ros.datasets.parts import PARTIAL
from pta_ros.errors import ConfigError, DatasetError
from pta_ros.evaluation.replay.people import TruePeople
from pta_ros.evaluation.replay.source import FAULT_FREE, find_source, replay
from pta_ros.frames import Estimate, FloatArray, Frame, StreamStatus
from pta_ros.fusion.engine import Engine
from pta_ros.fusion.params import read_params, sensor_set_of
from pta_ros.fusion.transforms import plain
from pta_ros.home import model_folder
from pta_ros.recordings.places import UPRIGHT
from pta_ros.recordings.survey import Survey
from pta_ros.skeleton import NUM_JOINTS


class ModelTeacher:
    """Tells a recording's truth by this model; raises CheckpointError and ConfigError.

    Its estimates are kept in `out` while clips are missing, so that a run that goes on need not
    make them again. Sensors `without` have no say in them.
    """

    def __init__(
        self, model: str, params: Path | None, out: Path, without: tuple[str, ...] = ()
    ) -> None:
        own, streams = read_params(params, sensor_set_of(modalities_of(model_folder(model))))
        tracks = replace(own.tracks, enabled=False)  # each instant by itself: a filter lags behind
        self._engine = Engine.load(replace(own, model=model, tracks=tracks), streams)
        if not self._engine.loaded.model.config.has("pose"):
            raise ConfigError(f"model {model} tells no pose; expected one that does")
        self.name, self._params, self._out = model, params, out
        self._without = without

    def tell(self, seen: Survey) -> list[TruePeople]:
        """Everybody at every instant that the model measured."""
        kept = self._kept(seen)
        if kept.is_file():
            return _read(kept)
        told = _tell(self._engine, seen, self._without)
        _keep(kept, told)
        return told

    def forget(self, seen: Survey) -> None:
        """Remove the estimates that were kept."""
        self._kept(seen).unlink(missing_ok=True)

    def _kept(self, seen: Survey) -> Path:
        params = self._params.read_text(encoding="utf-8") if self._params else ""
        about = f"{self.name} {params} {self._without} {seen.paths} {seen.span_ns}"
        return self._out / f"{PARTIAL}estimates-{sha256(about.encode()).hexdigest()[:16]}.npz"


def _tell(engine: Engine, seen: Survey, without: tuple[str, ...]) -> list[TruePeople]:
    """Replay the recording as evaluate_bag does; what was measured at each instant."""
    if not engine.finds_people and "depth" not in seen.frames:
        raise ConfigError(
            f"model {engine.loaded.name} tells joints in the camera's frame, and {seen.name} has "
            "no depth; expected a camera"
        )
    engine.start()
    given = {m: topic for topic, m in seen.topics.items() if m in engine.sensors}
    frame_id = engine.level_frame or f"{plain(seen.frames['depth'])}{UPRIGHT}"
    listener = _Listener(frame_id)
    with Bag(seen.paths) as bag:
        source = find_source(bag, engine, given, "")
        topics = {topic: m for topic, m in source.topics.items() if m not in without}
        source = replace(source, topics=topics, shift_ns=seen.shift_ns)
        replay(engine, bag, source, FAULT_FREE, listener)
    return [listener.told[stamp] for stamp in sorted(listener.told)]


class _Listener:
    """Keeps what is measured of every instant; a correction takes the place of what it corrects."""

    def __init__(self, frame_id: str) -> None:
        self.told: dict[int, TruePeople] = {}
        self._frame_id = frame_id

    def frame(self, frame: Frame) -> None:
        """Nothing."""

    def truth(self, stamp_ns: int, joints_m: FloatArray) -> None:
        """Nothing."""

    def states(self, time_ns: int, statuses: tuple[StreamStatus, ...]) -> None:
        """Nothing."""

    def estimate(self, estimate: Estimate) -> None:
        """Everybody of one estimate; None of what is predicted alone."""
        if estimate.predicted:
            return
        if estimate.people is None:
            joints, sigma = estimate.joints_m[None], estimate.std_m[None]
        else:
            joints = np.array([one.joints for one in estimate.people]).reshape(-1, NUM_JOINTS, 3)
            sigma = np.array([one.deviation_m for one in estimate.people]).reshape(-1, NUM_JOINTS)
        self.told[estimate.stamp_ns] = TruePeople(
            estimate.stamp_ns, self._frame_id, joints.astype(np.float32), sigma.astype(np.float32)
        )


def _keep(path: Path, told: list[TruePeople]) -> None:
    """Write estimates, whole or not at all."""
    empty = np.zeros((0, NUM_JOINTS, 4), np.float32)
    rows = [np.concatenate([t.joints_m, t.deviation_m[..., None]], axis=-1) for t in told]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f"{path.name}.new")
        with partial.open("wb") as file:
            np.savez(
                file,
                frame=np.array(told[0].frame_id if told else ""),
                stamps=np.array([t.stamp_ns for t in told], np.int64),
                counts=np.array([len(row) for row in rows], np.int64),
                rows=np.concatenate([empty, *rows]),
            )
        partial.replace(path)
    except OSError as error:
        raise DatasetError(f"{path}: {error.strerror}; expected room for the estimates") from error


def _read(path: Path) -> list[TruePeople]:
    """What `_keep` wrote."""
    with np.load(path, allow_pickle=False) as found:
        frame, stamps = str(found["frame"]), found["stamps"].tolist()
        each = np.split(found["rows"], np.cumsum(found["counts"])[:-1])
    return [
        TruePeople(stamp, frame, row[..., :3], row[..., 3])
        for stamp, row in zip(stamps, each, strict=True)
    ]
