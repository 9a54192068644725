"""The bridge from a Sample to the model and back: the only part of fusion/ that needs torch."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain, combinations
from time import perf_counter

import numpy as np
import torch

from pta_ros.errors import ConfigError
from pta_ros.frames import Frame, Sample
from pta_ros.fusion.pipeline import Prediction
from pta_ros.model.inference import fold_norms, trace_parts
from pta_ros.model.pta import PTA, PTAOutput


class Estimator:
    """Runs a PTA model on one sample at a time.

    Puts the model on `device` in evaluation mode. `refine` selects refined or plain features;
    None leaves it to the model's configuration. Raises ConfigError for a device that is not there.
    """

    def __init__(
        self, model: PTA, device: str | torch.device = "cpu", refine: bool | None = None
    ) -> None:
        try:
            self.device = torch.device(device)
            self.model = fold_norms(model).to(self.device)
        except (RuntimeError, AssertionError) as error:
            raise ConfigError(
                f"device {str(device)!r} cannot be used ({error}); expected cpu, or cuda on a "
                "machine with a working GPU and a torch build for it"
            ) from error
        self.refine = refine

    @torch.inference_mode()
    def __call__(self, sample: Sample) -> Prediction:
        """Estimate one instant from the frames that are there; std is exp(log_std) of the model.

        Raises ConfigError when the sample is empty or has a modality that the model lacks.
        """
        begin = perf_counter()
        inputs = {name: self._batch(frame) for name, frame in sample.frames.items()}
        moved = perf_counter()
        output = self.model(inputs, refine=self.refine)
        prediction = self._unpack(output, sample)  # waits for the device
        timings = {"to_device": 1e3 * (moved - begin), "model": 1e3 * (perf_counter() - moved)}
        prediction.timings_ms.update(timings)
        return prediction

    def _batch(self, frame: Frame) -> torch.Tensor:
        """(1, *shape) float32 on the device; frames may be read-only or of any memory layout."""
        array = np.require(frame.array, np.float32, ("C", "W"))
        return torch.from_numpy(array).unsqueeze(0).to(self.device)

    def _unpack(self, output: PTAOutput, sample: Sample) -> Prediction:
        shares = dict(zip(self.model.config.modalities, output.weights[0].tolist(), strict=True))
        return Prediction(
            joints_m=output.joints[0].float().cpu().numpy(),
            std_m=output.log_std[0].float().exp().cpu().numpy(),
            weights={name: shares[name] for name in sample.frames},
        )

    def warm_up(self, shapes: Mapping[str, tuple[int, ...]]) -> None:
        """Trace the model and run every subset of its modalities, so that no estimate is slow.

        `shapes`: the reduced shape of each modality (`Sensor.shape`). Call it once.
        """
        trace_parts(self.model, shapes)
        frames = {name: Frame(name, 0, np.zeros(s, np.float32)) for name, s in shapes.items()}
        sizes = range(1, len(frames) + 1)
        for subset in chain.from_iterable(combinations(frames, size) for size in sizes):
            for _ in range(3):  # traced graphs are specialised in their first two runs
                self(Sample(0, {name: frames[name] for name in subset}))
