"""Names of the activities of MM-Fi and XRF55, in the order of their numbers."""

from __future__ import annotations

from collections.abc import Collection

from pta_ros.datasets import xrf55

MMFI: tuple[str, ...] = (
    "stretching and relaxing", "chest expansion (horizontal)", "chest expansion (vertical)",
    "twist (left)", "twist (right)", "mark time", "limb extension (left)",
    "limb extension (right)", "lunge (left-front)", "lunge (right-front)",
    "limb extension (both)", "squat", "raising hand (left)", "raising hand (right)",
    "lunge (left side)", "lunge (right side)", "waving hand (left)", "waving hand (right)",
    "picking up things", "throwing (left side)", "throwing (right side)", "kicking (left side)",
    "kicking (right side)", "body extension (left)", "body extension (right)", "jumping up",
    "bowing",
)  # fmt: skip

#: In the five groups of the publication: objects, other people, fitness, body motion, gestures.
#: The number of a class is the data set's. Public lists agree but for the names of 3 to 15.
XRF55: tuple[str, ...] = (
    "carrying weight", "mopping the floor", "using a phone", "throwing something",
    "picking something up", "putting something on a table", "cutting something",
    "wearing a hat", "putting on clothing", "blow-drying hair", "combing hair",
    "brushing teeth", "drinking", "eating", "smoking",
    "shaking hands", "hugging", "handing something over", "kicking someone",
    "hitting someone with something", "choking someone's neck", "pushing someone",
    "body-weight squats", "tai chi", "boxing", "weightlifting", "hula hooping", "jumping rope",
    "jumping jack", "high leg lifting",
    "waving", "clapping hands", "falling on the floor", "jumping", "running", "sitting down",
    "standing up", "turning", "walking", "stretching oneself", "patting a shoulder",
    "playing erhu", "playing ukulele", "playing drums", "stomping", "shaking the head", "nodding",
    "drawing a circle", "drawing a cross", "pushing with the hand", "pulling with the hand",
    "swiping left", "swiping right", "swiping up", "swiping down",
)  # fmt: skip


def class_names(modalities: Collection[str]) -> tuple[str, ...]:
    """Names of the classes of the data set that has these modalities."""
    return XRF55 if set(modalities) <= set(xrf55.FOLDERS) else MMFI
