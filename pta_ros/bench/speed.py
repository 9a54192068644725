"""How fast the models are, plain against fast, stage by stage, on inputs taken in turn."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from pta_ros.bench.inputs import MODALITIES, fit_head, model_of, rooms
from pta_ros.bench.step import spread
from pta_ros.metrics.bound import Bound, at_least, at_most
from pta_ros.model.inference import fold_norms, trace_parts
from pta_ros.model.pta import PTA

#: Frames that the head is fitted to, and that joints are compared on.
FITTED, COMPARED = 16, 6
STAGES = ("depth", "lidar", "csi", "refine", "head", "end to end")
Call = Callable[[], Any]


@dataclass(frozen=True)
class Series:
    """Milliseconds of one stage of one variant, repeat by repeat."""

    family: str
    variant: str
    device: str
    batch: int
    stage: str
    ms: tuple[float, ...]

    @property
    def median(self) -> float:
        """Of all repeats."""
        return spread(self.ms)["median"]

    def to_dict(self) -> dict[str, Any]:
        """Plain containers, for JSON."""
        return {**vars(self), "ms": spread(self.ms)}


@dataclass(frozen=True)
class Speed:
    """All series, and for each fast variant of xfi the largest change of a joint in mm."""

    series: tuple[Series, ...]
    change_mm: dict[str, float]
    head_error_mm: float

    def find(self, family: str, variant: str, stage: str, batch: int = 1) -> Series | None:
        """One series on the CPU; None when it was not measured."""
        key = (family, variant, "cpu", batch, stage)
        for s in self.series:
            if (s.family, s.variant, s.device, s.batch, s.stage) == key:
                return s
        return None

    def ratio(self, slow: tuple[str, str], fast: tuple[str, str]) -> float | None:
        """Median over the repeats of how many times as fast, end to end at batch 1."""
        a, b = (self.find(*which, "end to end") for which in (slow, fast))
        if a is None or b is None:
            return None
        return spread(tuple(x / y for x, y in zip(a.ms, b.ms, strict=True)))["median"]

    def bounds(self) -> list[Bound]:
        """What must hold on the CPU."""
        plain, lite = ("xfi", "plain"), self.find("lite", "fast", "end to end")
        return [
            at_least("xfi, fast float32 / plain", self.ratio(plain, ("xfi", "fast")), 3.0, "x"),
            at_least("xfi, fast bfloat16 / plain", self.ratio(plain, ("xfi", "bf16")), 6.0, "x"),
            at_most("xfi, bfloat16: change of a joint", self.change_mm["bf16"], 2.0, "mm"),
            at_most("lite, end to end", lite.median if lite else None, 15.0, "ms"),
            at_least("lite, fast / plain xfi", self.ratio(plain, ("lite", "fast")), 20.0, "x"),
        ]


def measure(
    device: str, repeats: int, batches: Sequence[int], note: Callable[[str], None]
) -> Speed:
    """Both families, plain and fast, on one device; batches beyond 1 have a seventh of `repeats`.

    Variants run in turn within every repeat, so that what disturbs one disturbs all.
    """
    series: list[Series] = []
    frames, joints = rooms("xfi", FITTED)
    reference = model_of("xfi")
    error = fit_head(reference, frames, joints)
    note(f"{device}: head fitted, {error:.1f} mm")
    plain = {"xfi": reference.to(device), "lite": model_of("lite").to(device)}
    change, expected = {}, _joints(reference, device)
    for batch in batches:
        calls: dict[tuple[str, str, str], Call] = {}
        for family, variants in (("xfi", ("plain", "fast", "bf16")), ("lite", ("plain", "fast"))):
            inputs = {m: x.to(device) for m, x in rooms(family, batch, seed=1)[0].items()}
            for variant in variants:
                model = _variant(plain[family], variant, inputs, batch)
                if batch == 1 and family == "xfi" and variant != "plain":
                    change[variant] = _change_mm(expected, _joints(model, device))
                calls |= {(family, variant, s): c for s, c in _stages(model, inputs).items()}
        note(f"{device}, batch {batch}: {len(calls)} stages")
        warm_up, count = (3, repeats) if batch == 1 else (1, max(1, repeats // 7))
        times = _in_turn(calls, warm_up, count, device)
        series += [Series(f, v, device, batch, s, ms) for (f, v, s), ms in times.items()]
    return Speed(tuple(series), change, error)


def _variant(model: PTA, variant: str, inputs: Mapping[str, Tensor], batch: int) -> PTA:
    if variant == "plain":
        return model
    fast = fold_norms(model)
    shapes = {m: tuple(x.shape[1:]) for m, x in inputs.items()}
    trace_parts(fast, shapes, "bfloat16" if variant == "bf16" else "float32", batch)
    return fast


@torch.inference_mode()
def _joints(model: PTA, device: str) -> Tensor:
    """Joints (frames, 17, 3) of frames that the head was not fitted to, one by one."""
    frames, _ = rooms("xfi", COMPARED, seed=2)
    rows = [{m: x[i : i + 1].to(device) for m, x in frames.items()} for i in range(COMPARED)]
    return torch.cat([model(row, refine=True).joints for row in rows])


def _change_mm(expected: Tensor, found: Tensor) -> float:
    """Largest distance of a joint between both, in mm."""
    return 1000 * float((found - expected).norm(dim=-1).max())


@torch.inference_mode()
def _stages(model: PTA, inputs: dict[str, Tensor]) -> dict[str, Call]:
    """Functions that run one stage each; encoders with their projection."""
    mask = model.mask(inputs, None)
    parts = {m: model.encode_one(m, inputs[m]) for m in MODALITIES}
    features = torch.stack(list(parts.values()), dim=1)
    calls: dict[str, Call] = {m: partial(model.encode_one, m, inputs[m]) for m in MODALITIES}
    calls["refine"] = lambda: model.align(features, mask)
    calls["head"] = lambda: model.predict(features, mask)
    calls["end to end"] = lambda: model(inputs, refine=True)
    return calls


@torch.inference_mode()
def _in_turn(
    calls: Mapping[tuple[str, str, str], Call], warm_up: int, repeats: int, device: str
) -> dict[tuple[str, str, str], tuple[float, ...]]:
    times: dict[tuple[str, str, str], list[float]] = {key: [] for key in calls}
    for number in range(warm_up + repeats):
        for key, call in calls.items():
            _wait(device)
            begun = time.perf_counter()
            call()
            _wait(device)
            if number >= warm_up:
                times[key].append(1000 * (time.perf_counter() - begun))
    return {key: tuple(ms) for key, ms in times.items()}


def _wait(device: str) -> None:
    if device != "cpu":
        torch.cuda.synchronize()
