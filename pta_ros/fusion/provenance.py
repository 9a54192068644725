"""A model's provenance in one line, as diagnostics and logs tell it.

The mapping is that of `config.json`. Whoever made the folder wrote it: what is not there, or is not
of the expected form, is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def trained(provenance: Mapping[str, Any], statistics: Mapping[str, Any]) -> str:
    """On what the model was trained: synthetic or not, frames, seeds, version; empty: not said."""
    data, training = provenance.get("synthetic"), _part(provenance, "training")
    synthetic = bool(data)
    source = "with the encoders of {}" if training.get("take") == "encoders" else "begun from {}"
    parts = [
        "synthetic data" if synthetic else "",
        _said(_part(provenance, "synthetic"), "seed", "of seed {}"),
        _said(statistics, "frames", "{} frames"),
        _said(_part(provenance, "from"), "model", source),
        _said(training, "seed", "training seed {}"),
        _said(provenance, "pta_ros", "pta_ros {}"),
        _said(provenance, "note", "{}"),
    ]
    return ", ".join(filter(None, parts))


def taught(provenance: Mapping[str, Any]) -> str:
    """Of which model, by which recordings and for how long it was taught, and with what figures.

    Empty for a model that was not taught.
    """
    told = _part(provenance, "taught")
    if not told:
        return ""
    names = told.get("recordings")
    recordings = ", ".join(map(str, names)) if isinstance(names, list) else ""
    before, after = (_part(_part(told, when), "csi") for when in ("before", "after"))
    errors = [_number(part.get("mpjpe_mm")) for part in (before, after)]
    parts = [
        _said(told, "from", "of {}"),
        f"by {recordings}{' (synthetic)' if told.get('synthetic') else ''}" if recordings else "",
        _said(told, "seconds", "{} s"),
        f"CSI alone {errors[0]} -> {errors[1]} mm in the last fifth" if all(errors) else "",
    ]
    return ", ".join(filter(None, parts))


def _part(values: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = values.get(name)
    return part if isinstance(part, Mapping) else {}


def _said(values: Mapping[str, Any], name: str, form: str) -> str:
    """`form` with a text or number of `values`, empty without it."""
    value = values.get(name)
    known = isinstance(value, (str, int, float)) and not isinstance(value, bool)
    return form.format(f"{value:.200}" if isinstance(value, str) else value) if known else ""


def _number(value: Any) -> str:
    known = isinstance(value, (int, float)) and not isinstance(value, bool)
    return f"{value:.0f}" if known else ""
