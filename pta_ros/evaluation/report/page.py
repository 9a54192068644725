"""The report's page: what happened at a glance, all numbers, then every replay.

The template has the markup and the script, this file what goes in: the figures and plotly itself,
compressed, and where the replays come from.
"""

from __future__ import annotations

import gzip
import json
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from plotly.offline import get_plotlyjs  # type: ignore[import-untyped]

from pta_ros.evaluation.report import bars, charts, numerals, pictures, words, words_faults
from pta_ros.evaluation.report.charts import Part
from pta_ros.evaluation.report.measure import COUNTS
from pta_ros.evaluation.report.people import PeopleFigures
from pta_ros.evaluation.report.scores import Errors, Judged
from pta_ros.evaluation.report.timeline import figure
from pta_ros.evaluation.report.words_over_time import over_time
from pta_ros.frames import FloatArray
from pta_ros.sensors.depth import DepthSensor

#: With more replays than these, all but the first show only their time line unasked.
_UNFOLDED = 4


@dataclass(frozen=True, eq=False)
class Context:
    """Where the replays come from.

    `topics` by modality (and "ground truth", when there is one). `data_synthetic` None: not known.
    `settings` are plain values (texts, numbers, lists, mappings). `camera` gives the intrinsics
    that project skeletons; `lidar_to_camera` (4, 4) moves points from the frame in which the model
    takes clouds to that of its skeletons, None: only the axes are turned, and the report says so.
    `plans` is how many fault plans were asked for, when the run was interrupted before the last.
    """

    bags: tuple[str, ...]
    topics: dict[str, str]
    model: str
    command: str
    model_synthetic: bool
    data_synthetic: bool | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    camera: DepthSensor = field(default_factory=DepthSensor)
    lidar_to_camera: FloatArray | None = None
    plans: int | None = None


def page(parts: Sequence[Part], context: Context) -> str:
    """The whole page; the first part is the fault-free replay."""
    figures = {part.anchor: figure(part) for part in parts}
    return (
        _environment()
        .get_template("page.html.j2")
        .render(
            parts=parts,
            context=context,
            bags=", ".join(bag.rstrip("/").rpartition("/")[2] for bag in context.bags),
            replays=[part.seen for part in parts],
            about=_about(context),
            unfolded=len(parts) <= _UNFOLDED,
            heights={anchor: made["layout"]["height"] for anchor, made in figures.items()},
            figures=_packed(json.dumps(figures, separators=(",", ":"), allow_nan=False)),
        )
    )


@cache
def _environment() -> Environment:
    """The template's surroundings, with all that is the same in every page."""
    made = environment()
    made.filters |= {"judged": words.judged_text, "second": _second, "zip": zip}
    code = get_plotlyjs()
    made.globals |= {
        "counts": COUNTS, "pictures": pictures, "words": words, "words_faults": words_faults,
        "plotly": _packed(code), "plotly_digest": _digest(code), "digest": _digest,
        "over_time": over_time,
    }  # fmt: skip
    return made


def environment(*packages: str) -> Environment:
    """What all pages in the report's style share: its templates, those of `packages`, figures."""
    loaders = [PackageLoader(package, "") for package in (*packages, "pta_ros.evaluation.report")]
    made = Environment(
        loader=ChoiceLoader(loaders),
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined,
    )  # fmt: skip
    made.filters |= {
        "percent": numerals.percent, "number": numerals.number, "figure": numerals.figure,
    }  # fmt: skip
    made.globals |= {"bar_charts": bars.bar_charts, "charts": charts, "numerals": numerals}
    return made


def _packed(text: str) -> str:
    """Text compressed for the page's script, the same for the same text."""
    return b64encode(gzip.compress(text.encode("utf-8"), mtime=0)).decode("ascii")


def _digest(script: str) -> str:
    """The name under which the page's policy lets this one script run."""
    return "sha256-" + b64encode(sha256(script.encode("utf-8")).digest()).decode("ascii")


def _second(judged: Judged | None) -> str:
    """The figure beside that which is judged: PA-MPJPE, or the MPJPE of the people found."""
    if isinstance(judged, PeopleFigures):
        return numerals.figure(judged.mpjpe_mm)
    return numerals.figure(judged.pa_mpjpe_mm if isinstance(judged, Errors) else None)


def _about(context: Context) -> list[tuple[str, list[str], str]]:
    """Bag, topics, model, command and settings: name, texts as code, plain text behind them."""
    synthetic = ", trained on synthetic data" if context.model_synthetic else ""
    data = {True: "synthetic", False: "recorded", None: "not known whether synthetic"}
    place = "given" if context.lidar_to_camera is not None else "not known: axes turned, not moved"
    settings = [
        (name, [value if isinstance(value, str) else json.dumps(value)], "")
        for name, value in context.settings.items()
    ]
    return [
        ("bag", list(context.bags), ""),
        ("topics", [f"{name}: {topic}" for name, topic in context.topics.items()], ""),
        ("model", [context.model], synthetic),
        ("data", [], data[context.data_synthetic]),
        ("command", [context.command], ""),
        ("LiDAR's place in pictures", [], place),
        *settings,
    ]
