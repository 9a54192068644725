"""The bridge from a Sample to the model and back: the only part of fusion/ that needs torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import chain, combinations, cycle
from time import perf_counter

import numpy as np
import torch

from pta_ros.errors import ConfigError
from pta_ros.frames import Frame, Person, Sample
from pta_ros.fusion.prediction import Prediction, one_person
from pta_ros.model.freeze import Frozen
from pta_ros.model.graphs import Graphs
from pta_ros.model.heads import PTAOutput
from pta_ros.model.inference import fold_norms, trace_parts
from pta_ros.model.pta import PTA
from pta_ros.model.replayed import ReplayedPTA


class Estimator:
    """Runs a PTA model on one sample at a time.

    Puts the model on `device` in evaluation mode. `refine` selects refined or plain features;
    None leaves it to the model's configuration. Without `gate` the meta-learned weights alone
    count, whatever the model has. `precision` is that of encoders `xfi` once it is warmed up (see
    model.inference). Raises ConfigError for a device that is not there.
    """

    def __init__(
        self,
        model: PTA,
        device: str | torch.device = "cpu",
        refine: bool | None = None,
        gate: bool = True,
        precision: str = "float32",
    ) -> None:
        try:
            self.device = torch.device(device)
            self.model: PTA | ReplayedPTA = fold_norms(model).to(self.device)
        except (RuntimeError, AssertionError) as error:
            raise ConfigError(
                f"device {str(device)!r} cannot be used ({error}); expected cpu, or cuda on a "
                "machine with a working GPU and a torch build for it"
            ) from error
        self.refine, self.precision = refine, precision
        #: Whether predictions say what each modality shows alone.
        self.alone = False
        #: What the model runs by on a GPU, once it is warmed up.
        self.graphs: Graphs | None = None
        self._inputs = self.device  # where the model takes frames and masks
        if not gate:
            self.model.gate = None
        self._shape = (model.config.feature_tokens, model.config.dim)
        self._encoded: dict[str, tuple[Frame, torch.Tensor]] = {}

    @torch.inference_mode()
    def encode(self, frame: Frame) -> bool:
        """Encode a frame that is likely to be in the next sample; False when it is already done.

        A frame is encoded once, however many samples it is in. Raises ConfigError for a modality
        that the model lacks.
        """
        if self.has(frame):
            return False
        if frame.modality not in self.model.config.modalities:
            known = list(self.model.config.modalities)
            raise ConfigError(f"no encoder for {frame.modality!r}; this model has {known}")
        features = self.model.encode_one(frame.modality, self._batch(frame))
        self._encoded[frame.modality] = (frame, features)
        return True

    def has(self, frame: Frame) -> bool:
        """Whether this very frame is the last of its modality that was encoded."""
        last = self._encoded.get(frame.modality)
        return last is not None and last[0] is frame

    @torch.inference_mode()
    def __call__(self, sample: Sample) -> Prediction:
        """Estimate one instant from the frames that are there; std is exp(log_std) of the model.

        Raises ConfigError when the sample is empty or has a modality that the model lacks.
        """
        if not sample.frames:
            raise ConfigError("a sample without a frame; expected one modality at least")
        begin = perf_counter()
        for frame in sample.frames.values():
            self.encode(frame)
        encoded = perf_counter()
        prediction = self._predict(sample)  # waits for the device
        timings = {"encode": 1e3 * (encoded - begin), "model": 1e3 * (perf_counter() - encoded)}
        prediction.timings_ms.update(timings)
        return prediction

    def _predict(self, sample: Sample) -> Prediction:
        absent = torch.zeros(1, *self._shape, device=self.device)
        given = [m in sample.frames for m in self.model.config.modalities]
        columns = [
            self._encoded[m][1] if there else absent
            for m, there in zip(self.model.config.modalities, given, strict=True)
        ]
        return self.predict(torch.stack(columns, dim=1), given, sample.judged)[0]

    @torch.inference_mode()
    def predict(
        self, features: torch.Tensor, given: Sequence[bool], judged: bool = False
    ) -> list[Prediction]:
        """Estimate B instants at once from features (B, M, L, D) of the modalities in `given` (M).

        All have the same modalities, in the order of the model's. `judged` as in Sample.
        """
        mask = torch.tensor([given] * len(features), device=self._inputs)
        names = [m for m, there in zip(self.model.config.modalities, given, strict=True) if there]
        wanted = self.alone and not judged
        if not wanted or len(names) == 1:
            whole = self._unpack(self.model.complete(features, mask, self.refine), names)
            if not wanted:
                return whole
            return [replace(p, alone={m: p.everybody() for m in names}) for p in whole]
        output, each, _ = self.model.complete_each(features, mask, self.refine)
        alone = self._each(each, names)
        return [
            replace(p, alone=a) for p, a in zip(self._unpack(output, names), alone, strict=True)
        ]

    def _each(self, output: PTAOutput, names: list[str]) -> list[dict[str, tuple[Person, ...]]]:
        """What each modality shows alone at every instant, from a row for each of them in turn."""
        if not output.joints.shape[1]:
            return [{} for _ in range(len(output.joints) // len(names))]
        joints, deviation = output.joints.float().cpu(), output.log_std.float().exp().cpu()
        rows = zip(cycle(names), joints.numpy(), deviation.numpy(), strict=False)
        people = [(name, (one_person(pose, sigma, {name: 1.0}),)) for name, pose, sigma in rows]
        return [dict(people[at : at + len(names)]) for at in range(0, len(people), len(names))]

    def _batch(self, frame: Frame) -> torch.Tensor:
        """(1, *shape) float32; frames may be read-only or of any memory layout."""
        array = np.require(frame.array, np.float32, ("C", "W"))
        return torch.from_numpy(array).unsqueeze(0).to(self._inputs)

    def _unpack(self, output: PTAOutput, names: list[str]) -> list[Prediction]:
        """One prediction of each row, with the weights of the modalities that are there."""
        joints = output.joints.float().cpu().numpy()
        deviation = output.log_std.float().exp().cpu().numpy()
        probabilities = output.logits.float().softmax(dim=1).cpu().numpy()
        shares = [
            dict(zip(self.model.config.modalities, w, strict=True)) for w in output.weights.tolist()
        ]
        rows = zip(joints, deviation, shares, probabilities, strict=True)
        return [
            Prediction(pose, sigma, {m: share[m] for m in names}, probabilities=told)
            for pose, sigma, share, told in rows
        ]

    def warm_up(self, shapes: Mapping[str, tuple[int, ...]], graphs: Frozen | None = None) -> None:
        """Trace the model and run every subset of its modalities, so that no estimate is slow.

        `shapes`: the reduced shape of each modality (`Sensor.shape`); `graphs`: see `trace_parts`.
        On a GPU it is `replay`ed instead. Call it once.
        """
        if self.device.type == "cuda":
            self.replay(shapes)
        elif isinstance(self.model, PTA):
            trace_parts(self.model, shapes, self.precision, graphs=graphs)
        frames = {name: Frame(name, 0, np.zeros(s, np.float32)) for name, s in shapes.items()}
        sizes = range(1, len(frames) + 1)
        for subset in chain.from_iterable(combinations(frames, size) for size in sizes):
            self._encoded.clear()
            self(Sample(0, {name: frames[name] for name in subset}))
        self._encoded.clear()

    def replay(self, shapes: Mapping[str, tuple[int, ...]]) -> None:
        """Run the model by CUDA graphs from now on; on a CPU by the same steps without them."""
        assert isinstance(self.model, PTA), "call it once"
        self.graphs = Graphs(self.device)
        self.model = ReplayedPTA(self.model, shapes, self.graphs, precision=self.precision)
        self._inputs = torch.device("cpu")
