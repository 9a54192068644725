"""Every encoder of a run: trained, frozen or imported; and what it makes of corrupted frames."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path

from torch import nn

from pta_ros.datasets.encoding import encode_sent
from pta_ros.datasets.feature_set import FeatureSet
from pta_ros.datasets.features import cache_features
from pta_ros.imported.xfi import load_encoder
from pta_ros.training.config import TrainConfig
from pta_ros.training.corrupt import corrupted_view, kinds
from pta_ros.training.distributed import ALONE, Ranks
from pta_ros.training.losses import CROSS_ENTROPY
from pta_ros.training.mixed import Corrupted
from pta_ros.training.prepare import Prepared, Watcher, identity_of, imported_folder
from pta_ros.training.pretrain import pretrain_stage
from pta_ros.training.resume import read_stage, run_stage, seed_everything
from pta_ros.training.single import SingleModality, begun_single
from pta_ros.workers.workforce import EVERY_CORE, Hired, Workforce


def train_encoders(
    config: TrainConfig,
    ready: Prepared,
    folder: Path,
    watcher: Watcher,
    train: bool = True,
    ranks: Ranks = ALONE,
) -> dict[str, SingleModality]:
    """Every encoder as a single-modality model, trained or read from `folder`, in eval mode.

    Imported encoders are taken as they are, behind a projection and a head that are not trained;
    of a start that gives encoders alone they are trained later, by single_heads.py.
    """
    if config.imported:
        return {m: imported_encoder(config, m) for m in config.model.modalities}
    if ready.start and ready.given:
        theirs = ready.start.source.loaded.model.encoders
        return {m: _around(config, m, theirs[m], "given") for m in config.model.modalities}
    return {
        m: kept_encoder(config, ready, m)
        if m in config.freeze
        else train_encoder(config, ready, m, folder, watcher, train, ranks)
        for m in config.model.modalities
    }


def train_encoder(
    config: TrainConfig,
    ready: Prepared,
    modality: str,
    folder: Path,
    watcher: Watcher,
    train: bool = True,
    ranks: Ranks = ALONE,
) -> SingleModality:
    """One encoder as a single-modality model, trained or read from `folder`, in eval mode.

    It is trained by this process, on the device of `ranks`.
    """
    stage = pretrain_stage(
        config, modality, ready.data, ready.rows["train"], ready.rows["val"],
        watcher.progress(f"encoder {modality}"), ready.start, ranks.alone(),
    )  # fmt: skip
    identity = _encoder_identity(config, ready, modality)
    if train:
        run_stage(stage, folder, identity, watcher.epoch)
    else:
        read_stage(stage, folder, identity)
    assert isinstance(stage.module, SingleModality)
    return stage.module.eval()


def kept_encoder(config: TrainConfig, ready: Prepared, modality: str) -> SingleModality:
    """A frozen encoder as a single-modality model, of the model that the run starts from."""
    assert ready.start is not None, "only what comes from a model is frozen"
    return begun_single(config, modality, ready.start).eval()


def imported_encoder(config: TrainConfig, modality: str) -> SingleModality:
    """A single-modality model around an encoder that import_xfi converted."""
    encoder = load_encoder(imported_folder(config), modality)
    return _around(config, modality, encoder, "imported")


def _around(config: TrainConfig, modality: str, encoder: nn.Module, seed: str) -> SingleModality:
    """A copy of an encoder as it is, behind it a projection and a head that are not trained."""
    seed_everything(config.seed, seed, modality)
    model = SingleModality(config.sized("single"), modality)
    model.encoder.load_state_dict(encoder.state_dict())
    return model.eval()


def _encoder_identity(config: TrainConfig, ready: Prepared, modality: str) -> str:
    """What one encoder's stage depends on: not the settings of later stages."""
    values, sized = config.to_dict(), config.sized("single")
    sizes = {n: getattr(sized, n) for n in ("encoders", "channels", "tokens", "dim", "joints")}
    settings = [values[n].get(modality) for n in ("pretrain", "sensors")]
    settings += ["projectors"] if "projectors" in config.freeze else []
    named = [] if config.task_loss != CROSS_ENTROPY else [list(config.model.classes)]
    return identity_of(ready, [config.seed, config.task_loss, sizes, settings, *named])


def features_of(
    config: TrainConfig,
    ready: Prepared,
    encoders: Mapping[str, nn.Module],
    folder: Path,
    watcher: Watcher,
    corrupt: bool,
    ranks: Ranks = ALONE,
    workforce: Workforce = EVERY_CORE,
) -> tuple[FeatureSet, Corrupted]:
    """Features of every frame as it is, and with `corrupt` with every kind of corruption.

    The first lie on the device of `ranks` where they fit. This process encodes on that device,
    unless it is a CPU and somebody asked for the `workforce`: then that one does.
    """
    by_others = workforce.asked and ranks.device.type == "cpu"
    with Hired(workforce, encode_sent) as hired:
        encode = partial(
            cache_features, channels=config.model.channels, data=ready.data,
            folder=folder / "features", position_points=config.model.tokens, device=ranks.device,
            hired=hired if by_others else None,
        )  # fmt: skip
        clean = encode(encoders, progress=watcher.progress("encode frames"))

        def corrupted(modality: str, kind: str) -> FeatureSet:
            shown = watcher.progress(f"encode {modality}, {kind}")
            view = corrupted_view(kind, ready.data)
            return encode({modality: encoders[modality]}, view=view, progress=shown)

        views = {m: {k: corrupted(m, k) for k in kinds(m)} for m in encoders} if corrupt else {}
    return clean.kept_on(ranks.device, ranks.free_bytes()), views
