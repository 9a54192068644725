"""Values of the radio sensors (CSI, radar, RFID) that are noisy or were not measured."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pta_ros.evaluation.faults.messages import Message, csi_copy, phase_copy, power_copy
from pta_ros.evaluation.faults.plan import Fault

#: Gives a changed copy of a message in the fault's window; chances come from the generator.
Change = Callable[[Fault, Message, np.random.Generator], Message]


def csi_noise(fault: Fault, msg: Message, rng: np.random.Generator) -> Message:
    """Every amplitude is off by `strength` of their mean (one sigma) and stays positive."""
    other, amplitude = csi_copy(msg)
    finite = np.isfinite(amplitude)
    level = fault.strength * float(amplitude[finite].mean()) if finite.any() else 0.0
    noise = rng.standard_normal(amplitude.shape, np.float32) * np.float32(level)
    amplitude[...] = np.abs(amplitude + noise)
    return other


def radar_noise(fault: Fault, msg: Message, rng: np.random.Generator) -> Message:
    """Every power is off by `strength` of their mean size (one sigma)."""
    other, power = power_copy(msg)
    level = fault.strength * float(np.abs(power).mean()) if power.size else 0.0
    power += rng.standard_normal(power.shape, np.float32) * np.float32(level)
    return other


def rfid_noise(fault: Fault, msg: Message, rng: np.random.Generator) -> Message:
    """Every phase is off by `strength` radians (one sigma)."""
    other, phase = phase_copy(msg)
    phase += rng.standard_normal(phase.shape, np.float32) * np.float32(fault.strength)
    return other


def nan_of(copy: Callable[[Message], tuple[Message, NDArray[Any]]]) -> Change:
    """The change after which a share of the values that `copy` gives was not measured."""

    def lose(fault: Fault, msg: Message, rng: np.random.Generator) -> Message:
        other, values = copy(msg)
        values[rng.random(values.shape) < fault.strength] = np.nan
        return other

    return lose
