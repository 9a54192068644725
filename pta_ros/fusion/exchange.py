"""One model in another's place while the pipeline runs: which may, and the exchange itself."""

from __future__ import annotations

from collections.abc import Iterator

from pta_ros.errors import ConfigError
from pta_ros.fusion.engine import Engine
from pta_ros.fusion.pipeline import FusionPipeline
from pta_ros.sensors import sensors_to_config

_CURE = "deactivate, clean up, set and configure to change that"


def check_replaces(new: Engine, old: Engine) -> None:
    """Raise ConfigError unless `new` can take the place of `old` in its pipeline.

    Both read the same sensors with the same settings, so that frames that wait fit, and tell the
    same. Classes of activities may differ.
    """
    for what, mine, theirs in _compared(new, old):
        if mine != theirs:
            raise ConfigError(
                f"model {new.loaded.name} {what} {mine}; expected {theirs}, as "
                f"{old.loaded.name}, which runs: {_CURE}"
            )


def _compared(new: Engine, old: Engine) -> Iterator[tuple[str, str, str]]:
    """What a pipeline is made for, in words, of both."""
    both = (new, old)
    who = ["any number of people" if e.finds_people else "one person" for e in both]
    yield "is of", who[0], who[1]
    tasks = [" and ".join(sorted(e.loaded.model.config.tasks)) for e in both]
    yield "tells", tasks[0], tasks[1]
    mine, theirs = (sensors_to_config(e.loaded.sensors) for e in both)
    yield "reads", ", ".join(sorted(mine)), ", ".join(sorted(theirs))
    for modality, settings in theirs.items():
        for name, value in settings.items():
            yield f"has {modality}.{name}", str(mine[modality][name]), str(value)


def take_over(new: Engine, pipeline: FusionPipeline, old: Engine) -> None:
    """Answer in `pipeline` with `new` from now on in place of `old`, which is stopped.

    Between samples only; both were prepared. What was switched while `old` ran stays so.
    """
    assert new.estimator is not None, "prepare() comes first"
    assert old.estimator is not None, "it runs"
    new.estimator.refine, new.estimator.alone = old.estimator.refine, old.estimator.alone
    classes = [engine.loaded.model.config.classes for engine in (new, old)]
    pipeline.exchange(new.estimator, new.pace(), same_classes=classes[0] == classes[1])
    old.stop()
