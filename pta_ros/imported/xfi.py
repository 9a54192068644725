"""X-Fi's published encoders, converted once to folders of safetensors, and read from there.

One folder per modality: `model.safetensors` and `config.json`, which says what it is and from
which file it came.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from pta_ros import __version__
from pta_ros.checkpoint import CONFIG, FORMAT, WEIGHTS, read_config
from pta_ros.errors import CheckpointError
from pta_ros.imported.archive import read_state
from pta_ros.model.encoders import ENCODERS, make_encoder
from pta_ros.model.encoders.xfi_blocks import CHANNELS, XfiEncoder
from pta_ros.tensors import load_into, load_tensors, save_tensors, write_atomically

FAMILY = "xfi"
ENDINGS = (".pt", ".pth", ".pkl")
_WRAPPED = "module."


@dataclass(frozen=True)
class Imported:
    """One file that was converted: its modality, number of tensors, and those left out."""

    source: Path
    folder: Path
    modality: str
    tensors: int
    unused: int


def sources(given: Path) -> list[Path]:
    """The files to convert: `given` itself, or those of a folder; CheckpointError for none."""
    if not given.is_dir():
        return [given]
    found = sorted(p for p in given.iterdir() if p.suffix in ENDINGS and p.is_file())
    if not found:
        raise CheckpointError(f"{given}: no file ends with {', '.join(ENDINGS)}; name X-Fi's files")
    return found


def import_file(source: Path, out: Path) -> Imported:
    """Convert one published file to `out`/<modality>; its tensors show which modality it is.

    Raises CheckpointError, and writes nothing, when it is not exactly one of X-Fi's networks, or
    when another one lies there already.
    """
    state = read_state(source)
    modality, names = recognise(state, source)
    folder, digest = out / modality, _sha256(source)
    _refuse_another(folder, digest, source)
    about = {
        "format": FORMAT,
        "encoder": {"family": FAMILY, "modality": modality, "channels": CHANNELS},
        "provenance": {
            "pta_ros": __version__,
            "file": source.name,
            "sha256": digest,
            "unused": sorted(set(state) - set(names)),
        },
    }
    save_tensors(folder / WEIGHTS, {name: state[name].clone() for name in names})
    write_atomically(folder / CONFIG, (json.dumps(about, indent=1) + "\n").encode())
    return Imported(source, folder, modality, len(names), len(state) - len(names))


def _refuse_another(folder: Path, digest: str, source: Path) -> None:
    """Raise CheckpointError when `folder` holds what another file than `source` was made into."""
    try:
        there = read_config(folder / CONFIG, "")["provenance"]
        same, name = there["sha256"] == digest, there["file"]
    except (CheckpointError, LookupError, TypeError):
        return  # nothing, or nothing whole
    if not same:
        raise CheckpointError(
            f"{folder}: made from another file, {name!r:.80}; {source} would replace it: "
            "remove the folder or choose another one"
        )


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def recognise(state: dict[str, Tensor], source: Path) -> tuple[str, list[str]]:
    """The modality of a published state dict, and the names of the tensors that are used.

    Every tensor must be one that the network has, of its shape, and none may be missing.
    """
    if all(name.startswith(_WRAPPED) for name in state):
        raise CheckpointError(
            f"{source}: every name begins with {_WRAPPED!r}, as of a network within "
            "DataParallel; expected that of the network itself: save its .module"
        )
    differences = {modality: _differences(state, modality) for modality in ENCODERS[FAMILY]}
    best = min(differences, key=lambda m: len(differences[m]))
    if differences[best]:
        raise CheckpointError(
            f"{source}: none of X-Fi's networks; nearest is {best}, but "
            f"{'; '.join(differences[best][:3])} ({len(differences[best])} differences)"
        )
    expected = _expected(best).state_dict()
    for name, tensor in expected.items():
        if state[name].is_floating_point() != tensor.is_floating_point():
            raise CheckpointError(
                f"{source}: {name} is {state[name].dtype}; expected {tensor.dtype}"
            )
        if not bool(state[name].isfinite().all()):
            raise CheckpointError(f"{source}: {name} holds NaN or infinity; expected finite values")
    return best, list(expected)


def _differences(state: dict[str, Tensor], modality: str) -> list[str]:
    encoder = _expected(modality)
    expected = {name: tuple(t.shape) for name, t in encoder.state_dict().items()}
    known = {n: tuple(t.shape) for n, t in state.items() if not n.startswith(encoder.unused)}
    missing = [f"{name} is missing" for name in expected if name not in state]
    other = [f"{name} is no tensor of it" for name in known if name not in expected]
    shapes = [
        f"{name} is {known[name]} instead of {shape}"
        for name, shape in expected.items()
        if name in known and known[name] != shape
    ]
    return missing + other + shapes


def _expected(modality: str) -> XfiEncoder:
    """The encoder without memory for its weights."""
    with torch.device("meta"):
        encoder = make_encoder(FAMILY, modality, CHANNELS)
    assert isinstance(encoder, XfiEncoder)
    return encoder


def load_encoder(folder: Path, modality: str) -> nn.Module:
    """The encoder of one modality in eval mode, from what import_file wrote to `folder`.

    Raises CheckpointError when it is not there, or not whole.
    """
    weights = _weights(folder, modality)
    module = make_encoder(FAMILY, modality, CHANNELS)
    load_into(module, load_tensors(weights), weights)
    return module.eval()


def weights_sha256(folder: Path, modality: str) -> str:
    """SHA-256 of the weights that load_encoder reads; raises CheckpointError as it does."""
    weights = _weights(folder, modality)
    try:
        return _sha256(weights)
    except OSError as error:
        raise CheckpointError(f"{weights}: {error.strerror}; import the file again") from error


def _weights(folder: Path, modality: str) -> Path:
    """Where the weights of one modality lie; raises CheckpointError when it was not imported."""
    path = folder / modality / CONFIG
    about = read_config(path, f"convert X-Fi's files first: import_xfi FILES {folder}")
    encoder = about.get("encoder")
    expected = {"family": FAMILY, "modality": modality, "channels": CHANNELS}
    if encoder != expected:
        raise CheckpointError(f"{path}: describes {encoder}; expected {expected}")
    return folder / modality / WEIGHTS
