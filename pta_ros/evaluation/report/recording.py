"""One recording from begin to end: what is wished of it, its replays, and what its report names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from dataclasses import replace as changed
from pathlib import Path
from typing import Any

from pta_ros.bags.bag import Bag
from pta_ros.checkpoint import modalities_of
from pta_ros.errors import ConfigError
from pta_ros.evaluation.faults.injector import FaultPlan
from pta_ros.evaluation.faults.suites import SUITE, read_plans
from pta_ros.evaluation.replay import source as replays_of
from pta_ros.evaluation.replay.replay import Observer
from pta_ros.evaluation.replay.source import (
    FAULT_FREE,
    Apart,
    Source,
    dropped_instead,
    find_source,
)
from pta_ros.evaluation.report.files import Case, Context
from pta_ros.evaluation.report.measure import measure
from pta_ros.evaluation.report.scores import score
from pta_ros.evaluation.report.seen import Measured
from pta_ros.fusion.config import StreamParams
from pta_ros.fusion.engine import Engine
from pta_ros.fusion.params import FusionParams, read_params, sensor_set_of
from pta_ros.fusion.transforms import from_pose
from pta_ros.home import model_folder
from pta_ros.sensors import DepthSensor
from pta_ros.sensors.lidar import POSE


@dataclass(frozen=True)
class Wishes:
    """How recordings are evaluated: plain values, as they are given to `evaluate_bag`.

    Empty texts and `params` None stand for the defaults; `topics` are MODALITY=TOPIC.
    """

    model: str = ""
    params: Path | None = None
    faults: tuple[str, ...] = ()
    topics: tuple[str, ...] = ()
    clock: str = "auto"
    device: str = ""

    def parameters(self) -> tuple[FusionParams, dict[str, StreamParams]]:
        """The fusion node's parameters with what is wished; raises ConfigError."""
        sensors = sensor_set_of(modalities_of(model_folder(self.model)))
        params, streams = read_params(self.params, sensors)
        params = changed(
            params, model=self.model or params.model, device=self.device or params.device
        )
        return params, streams

    def engine(self, device: str = "") -> Engine:
        """Load the model, on `device` if it is told; raises CheckpointError or ConfigError."""
        params, streams = self.parameters()
        return Engine.load(changed(params, device=device or params.device), streams)

    def plans(self, engine: Engine) -> list[FaultPlan]:
        """The plans of faults; raises ConfigError."""
        return list(read_plans(self.faults, engine.params.sensor_set))

    def topics_of(self, engine: Engine) -> dict[str, str]:
        """The given topics by modality, and `truth`; raises ConfigError for another name."""
        known = [*engine.sensors, "truth"]
        topics = {}
        for text in self.topics:
            name, separator, topic = text.partition("=")
            if not separator or name not in known:
                raise ConfigError(
                    f"--topic {text}: expected MODALITY=TOPIC, MODALITY one of {known}"
                )
            topics[name] = topic
        return topics

    def source(self, bag: Bag, engine: Engine) -> Source:
        """What of a recording feeds which sensor; raises ConfigError and DatasetError."""
        given = self.topics_of(engine)
        return find_source(bag, engine, given, given.pop("truth", None), self.clock)

    def absolute(self) -> Wishes:
        """The same for a process with another working folder."""
        model = str(Path(self.model).absolute()) if Path(self.model).exists() else self.model
        return changed(
            self,
            model=self.model and model,
            params=self.params and self.params.absolute(),
            faults=tuple(f if f == SUITE else str(Path(f).absolute()) for f in self.faults),
        )

    def options(self) -> list[str]:
        """The same as options of the command line."""
        plain = {"--model": self.model, "--params": self.params, "--device": self.device}
        given = [[name, str(value)] for name, value in plain.items() if value]
        given += [["--topic", topic] for topic in self.topics]
        given += [["--clock", self.clock]] if self.clock != Wishes.clock else []
        given += [["--faults", *self.faults]] if self.faults else []
        return [text for one in given for text in one]


def replays(
    engine: Engine,
    bag: Bag,
    source: Source,
    plans: Sequence[FaultPlan],
    watched: AbstractContextManager[Observer | None] | None = None,
    apart: Apart | None = None,
) -> Iterator[tuple[Case, Measured]]:
    """The fault-free replay, which is `watched`, then every plan and, where one sensor is at fault,
    the same with it dropped. `engine` must be started; `apart` as for `replay`."""
    references: dict[Any, Any] = {}
    free = None
    for plan in [FAULT_FREE, *plans]:
        with (free is None and watched) or nullcontext() as observer:
            case = Case(replays_of.replay(engine, bag, source, plan, observer, apart))
        if (instead := dropped_instead(plan)) is not None:
            if instead.faults not in references:
                found = replays_of.replay(engine, bag, source, instead, apart=apart)
                references[instead.faults] = found
            case = Case(case.run, changed(references[instead.faults], name=instead.name))
        scored = score(case.run)
        reference = score(case.reference) if case.reference else None
        seen = measure(scored, free or scored, reference)
        free = free or scored
        yield case, seen


def context(
    bags: Sequence[Path], wishes: Wishes, command: str, engine: Engine, source: Source
) -> Context:
    """Where the replays of a report come from; `command` is what makes it again."""
    settings: dict[str, Any] = {
        "params": str(wishes.params) if wishes.params else "the defaults",
        "device": engine.device,
        "refine": engine.params.refine,
        "tracks": engine.params.tracks.enabled,
        "clock": wishes.clock,
    }
    return Context(
        bags=tuple(str(path) for path in bags),
        topics=source.by_modality(),
        model=engine.loaded.name,
        command=command,
        model_synthetic=bool(engine.loaded.provenance.get("synthetic")),
        data_synthetic=source.synthetic,
        settings=settings,
        lidar_to_camera=from_pose(POSE).astype("float32") if source.synthetic else None,
        camera=engine.sensors.get("depth", DepthSensor()),  # type: ignore[arg-type]
    )
