"""Records made by a rule, so that every figure of a table can be worked out by hand."""

import json
from types import SimpleNamespace

import pytest

from pta_ros.evaluation.compare.records import Context, Data, Machine, PoseRecord
from pta_ros.evaluation.compare.table import COMPARED, PLAIN
from pta_ros.metrics.subsets import subset_name, subsets
from pta_ros.training.make_pta import UNGATED

MODALITIES = ("depth", "lidar", "csi")
NAMES = [subset_name(s) for s in subsets(MODALITIES)]
SEEDS = (0, 1, 2)
#: Error of PTA + gate by subset; no modality ever hurts it.
BASE_MM = dict(zip(NAMES, (50.0, 60.0, 200.0, 40.0, 50.0, 60.0, 40.0), strict=True))
#: Every other system is this much worse; deviation over the seeds is 1 mm.
WORSE_MM = {
    "base1": 30.0,
    "base2": 40.0,
    "xfi": 10.0,
    "slots": 15.0,
    "pta_no_diffusion": 4.0,
    "pta_no_meta": 20.0,
    "pta": 2.0,
    "pta_gate": 0.0,
    PLAIN: 3.0,
    UNGATED: 0.5,
}
KINDS = ("depth/noise", "lidar/shift", "csi/dead_antenna")


def record(system, seed, subset, corruption=None, mpjpe_mm=None, pa_mpjpe_mm=None):
    error = mpjpe_mm if mpjpe_mm is not None else BASE_MM[subset] + WORSE_MM[system] + seed - 1.0
    pa = pa_mpjpe_mm if pa_mpjpe_mm is not None else 0.75 * error
    joints = tuple(error + joint - 8.0 for joint in range(17))
    return PoseRecord(
        subset, 120, error, pa, joints, 0.68, 0.95, of_people(corruption, mpjpe_mm=error,
        pa_mpjpe_mm=pa), system=system, seed=seed, corruption=corruption,
    )  # fmt: skip


def of_people(corruption, **means):
    """Two people whose mean is `means`, one with twice the frames; of corrupted frames nobody."""
    if corruption is not None:
        return {}
    return {
        name: {"count": count, **{key: mean + off for key, mean in means.items()}}
        for name, count, off in (("S06", 80, 1.0), ("S15", 40, -2.0))
    }


def clean(systems=(*COMPARED["pose"], PLAIN, UNGATED)):
    return [record(s, seed, name) for s in systems for seed in SEEDS for name in NAMES]


def corrupted(systems=("pta", "pta_ungated", "pta_gate"), percent=1.0):
    """Every corruption costs `percent` against dropping the modality."""
    found = []
    for kind in KINDS:
        corrupted = kind.split("/")[0]
        for subset in subsets(MODALITIES):
            rest = subset_name(tuple(m for m in subset if m != corrupted))
            if corrupted in subset and rest:
                for system in systems:
                    for seed in SEEDS:
                        error = record(system, seed, rest).mpjpe_mm * (1 + percent / 100)
                        found.append(record(system, seed, subset_name(subset), kind, error))
    return found


def context(seeds=SEEDS, synthetic=True, histories=None):
    if histories is None:
        histories = {
            seed: {"depth": [0.34, 0.6], "lidar": [0.33, 0.3], "csi": [0.33, 0.1]} for seed in seeds
        }
    return Context(
        command="evaluate_pta data/bench --table results/table",
        data=Data(synthetic, "bench" if synthetic else None, 7 if synthetic else None),
        machine=Machine(2, "Some CPU", "2.13.0+cpu"),
        wall_s=3725.0,
        seeds=seeds,
        subjects=("S06", "S15"),
        frames=120,
        mean_pose_mm=328.46,
        histories=histories,
    )


@pytest.fixture
def make():
    """The makers above, under one name."""
    return SimpleNamespace(
        record=record,
        clean=clean,
        corrupted=corrupted,
        context=context,
        names=NAMES,
        worse_mm=WORSE_MM,
        base_mm=BASE_MM,
    )


@pytest.fixture(scope="session")
def read_results():
    """Records and context of a results.json: what was written must come back."""

    def read(path):
        values = json.loads(path.read_text())
        found = [
            PoseRecord(**{**r, "per_joint_mm": tuple(r["per_joint_mm"])}) for r in values["records"]
        ]
        given = values["context"]
        typed = {
            "data": Data(**given["data"]),
            "machine": Machine(**given["machine"]),
            "seeds": tuple(given["seeds"]),
            "subjects": tuple(given["subjects"]),
            "histories": {int(seed): history for seed, history in given["histories"].items()},
        }
        return found, Context(**{**given, **typed})

    return read
