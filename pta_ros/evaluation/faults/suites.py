"""The plans that a command is given: files, folders of them, and the suite that is shipped."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from pta_ros.errors import ConfigError
from pta_ros.evaluation.faults.injector import FaultPlan, read_faults
from pta_ros.home import shipped
from pta_ros.sensors import sensors_of

SUITE = "suite"
#: The folder of the suite for each set of sensors.
SUITES = {"mmfi": "config/faults", "xrf55": "config/faults_xrf55"}


def read_plans(names: Sequence[str], sensors: str) -> Iterator[FaultPlan]:
    """The plans of files, of all YAML files of folders, and of the suite for a set of sensors.

    Raises ConfigError for a plan that no sensor of the set could have.
    """
    for name in names:
        path = (shipped(SUITES[sensors]) or Path(SUITE)) if name == SUITE else Path(name)
        files = sorted(path.glob("*.yaml")) if path.is_dir() else [path]
        if not files:
            raise ConfigError(f"{path}: no .yaml file in it; expected plans of faults")
        for file in files:
            plan = read_faults(file)
            if strange := sorted({f.modality for f in plan.faults} - set(sensors_of(sensors))):
                expected = ", ".join(sensors_of(sensors))
                raise ConfigError(f"{file}: faults of {strange}; the model's sensors: {expected}")
            yield plan
