"""MM-Fi's files, one reader per kind; each returns its sensor's physical array.

Any damage raises DecodeError (frames) or DatasetError (ground truth) with the file's path.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import scipy.io

from pta_ros.errors import DatasetError, DecodeError
from pta_ros.frames import FloatArray
from pta_ros.sensors.depth import to_metres
from pta_ros.skeleton import NUM_JOINTS

DEPTH_SHAPE = (480, 640)
CSI_SHAPE = (3, 114, 10)

#: The chunk that ends every complete PNG; some versions of OpenCV pad a cut image, silently.
_PNG_END = b"IEND\xaeB`\x82"


def read_depth(path: Path) -> FloatArray:
    """Read a 16-bit PNG of millimetres as float32 (480, 640) metres, 0 where nothing returned."""
    data = _bytes(path)
    if not data.rstrip(b"\0").endswith(_PNG_END):
        raise DecodeError(str(path), f"{len(data)} bytes without a PNG's end", "a complete PNG")
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error as error:
        raise DecodeError(str(path), f"OpenCV: {error}", "a readable PNG") from error
    if pixels is None:
        raise DecodeError(str(path), "OpenCV cannot read it", "a readable PNG")
    if pixels.shape != DEPTH_SHAPE or pixels.dtype != np.uint16:
        reason = f"{pixels.dtype} image of shape {pixels.shape}"
        raise DecodeError(str(path), reason, f"uint16 {DEPTH_SHAPE}, millimetres")
    return to_metres(pixels)


def read_lidar(path: Path) -> FloatArray:
    """Read float64 x, y, z triples as float32 (N, 3) metres; non-finite rows are dropped."""
    data = _bytes(path)
    if not data or len(data) % 24:
        raise DecodeError(str(path), f"{len(data)} bytes", "float64 triples, 24 bytes per point")
    with np.errstate(over="ignore", invalid="ignore"):
        points = np.frombuffer(data, "<f8").astype(np.float32).reshape(-1, 3)
    finite = np.isfinite(points).all(axis=1)
    if not finite.any():
        raise DecodeError(str(path), f"none of {len(points)} points is finite", "points in metres")
    kept: FloatArray = points[finite]
    return kept


def read_csi(path: Path) -> FloatArray:
    """Read a MATLAB file's CSIamp as float32 (3, 114, 10); NaN and inf are kept for the repair."""
    try:
        content = scipy.io.loadmat(path, variable_names=["CSIamp"])
    except Exception as error:  # a damaged file takes scipy's parser anywhere
        reason = f"{type(error).__name__}: {error}"
        raise DecodeError(str(path), reason, "a MATLAB 5 file") from error
    if "CSIamp" not in content:
        raise DecodeError(str(path), "has no CSIamp", "the variable CSIamp")
    amplitude = content["CSIamp"]
    if amplitude.shape != CSI_SHAPE or amplitude.dtype.kind not in "fiu":
        reason = f"CSIamp is {amplitude.dtype} of shape {amplitude.shape}"
        raise DecodeError(str(path), reason, f"real numbers {CSI_SHAPE}")
    with np.errstate(over="ignore", invalid="ignore"):
        return np.ascontiguousarray(amplitude, dtype=np.float32)


def read_ground_truth(path: Path) -> FloatArray:
    """Read the joints of all frames as float32 (frames, 17, 3) metres in the camera frame."""
    try:
        joints = np.load(path, allow_pickle=False)
    except Exception as error:  # zip, header and memory errors, by what the damage looks like
        raise DatasetError(f"{path}: {error}; expected joints in .npy format") from error
    if getattr(joints, "dtype", np.dtype("O")).kind != "f":
        raise DatasetError(f"{path}: not an array of floats; expected joints in metres")
    if joints.ndim != 3 or joints.shape[1:] != (NUM_JOINTS, 3) or not np.isfinite(joints).all():
        raise DatasetError(
            f"{path}: {joints.dtype} of shape {joints.shape}; expected finite (N, {NUM_JOINTS}, 3)"
        )
    metres: FloatArray = joints.astype(np.float32)
    return metres


READERS: dict[str, Callable[[Path], FloatArray]] = {
    "depth": read_depth,
    "lidar": read_lidar,
    "csi": read_csi,
}


def _bytes(path: Path) -> bytes:
    """Read a whole file, or raise DecodeError with the reason."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise DecodeError(str(path), error.strerror or str(error), "a readable file") from error
