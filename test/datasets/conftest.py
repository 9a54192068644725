"""A small MM-Fi tree, written by the test itself in the published layout."""

import shutil

import cv2
import numpy as np
import pytest
import scipy.io
from hypothesis import HealthCheck, settings

# A busy machine must not fail a property.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")

FRAMES = 3


def write_clip(folder, seed=0, frames=FRAMES):
    """Write one clip with every modality and the clutter that the real archives contain."""
    rng = np.random.default_rng(seed)
    for name in ("depth", "lidar", "mmwave", "wifi-csi", "rgb", "infra1", "infra2"):
        (folder / name).mkdir(parents=True)
        (folder / name / ".DS_Store").write_bytes(b"\0\0\0\1Bud1")
    for n in range(1, frames + 1):
        wall = np.linspace(2000, 4000, 640) + rng.integers(0, 20, (480, 640))  # millimetres
        cv2.imwrite(str(folder / f"depth/frame{n:03d}.png"), wall.astype(np.uint16))
        rng.normal((3, 0, 0), 0.3, (100 + n, 3)).tofile(folder / f"lidar/frame{n:03d}.bin")
        rng.normal(0, 1, (5, 5)).tofile(folder / f"mmwave/frame{n:03d}.bin")
        fading = 30 + 8 * np.sin(np.arange(114) / 12 + rng.uniform(0, 6, (3, 1)))
        amplitude = fading[:, :, None] + rng.normal(0, 0.5, (3, 114, 10))
        csi = {"CSIamp": amplitude, "CSIphase": np.zeros((3, 114, 10))}
        scipy.io.savemat(folder / f"wifi-csi/frame{n:03d}.mat", csi)
        np.save(folder / f"rgb/frame{n:03d}.npy", np.zeros((17, 2)))
    np.save(folder / "ground_truth.npy", rng.normal(0, 1, (frames, 17, 3)))


@pytest.fixture(scope="session")
def _template(tmp_path_factory):
    """Two subjects in two scenes, two actions each, with hidden and foreign entries between."""
    tree = tmp_path_factory.mktemp("mmfi")
    for i, place in enumerate(("E01/S01/A02", "E01/S01/A10", "E04/S31/A02", "E04/S31/A10")):
        write_clip(tree / place, seed=i)
    (tree / ".DS_Store").write_bytes(b"x")
    (tree / "E01/S01/._A03").write_bytes(b"x")
    (tree / "E01/S01/A05").write_bytes(b"a file, not a folder")
    (tree / "E01/readme").mkdir()
    return tree


@pytest.fixture
def root(_template, tmp_path):
    """A copy of the tree that the test may damage."""
    return shutil.copytree(_template, tmp_path / "mmfi")
