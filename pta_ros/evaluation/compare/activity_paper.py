"""The paper's own accuracies on XRF55, real recordings, not this package's data.

Source: "Purify-then-Align: Towards Robust Human Sensing under Modality Missing with Knowledge
Distillation from Noisy Multimodal Teacher", tables 2 and 4.
"""

from __future__ import annotations

from pta_ros.metrics.subsets import subset_name, subsets

#: The paper's R, W, RF.
MODALITIES = ("radar", "wifi", "rfid")
SUBSETS = tuple(subset_name(subset) for subset in subsets(MODALITIES))

#: Percent; system -> one value per subset, in the order of SUBSETS.
ACCURACY: dict[str, tuple[float, ...]] = {
    "mutual": (82.1, 77.8, 42.2, 86.8, 71.4, 55.6, 70.6),
    "xfi": (83.9, 55.7, 42.5, 88.2, 86.5, 58.1, 89.8),
    "pta_no_diffusion": (89.17, 81.07, 54.49, 95.40, 91.60, 84.35, 95.59),
    "pta_no_meta": (89.04, 79.56, 54.79, 93.61, 92.87, 78.35, 95.07),
    "pta": (90.03, 82.34, 55.04, 95.23, 92.15, 83.14, 95.87),
}
