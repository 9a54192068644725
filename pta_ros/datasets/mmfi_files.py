"""MM-Fi's files as physical arrays, and back: depth PNGs, LiDAR points, CSI in dB, joints."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pta_ros.errors import DatasetError, DecodeError
from pta_ros.frames import FloatArray
from pta_ros.sensors.channel import from_db, to_db
from pta_ros.sensors.depth_map import to_metres
from pta_ros.skeleton import NUM_JOINTS

#: Beside the truth of recordings, where that is an estimate.
DEVIATION = "deviation.npy"
#: Folder and file ending of each modality.
FOLDERS = {"depth": ("depth", "png"), "lidar": ("lidar", "bin"), "csi": ("wifi-csi", "mat")}
DEPTH_SHAPE = (480, 640)
CSI_SHAPE = (3, 114, 10)
#: Ten to the power of a twentieth of it is 0.
_ZERO_DB = -1e4
#: The chunk that ends every complete PNG; some versions of OpenCV pad a cut image, silently.
_PNG_END = b"IEND\xaeB`\x82"


def read_depth(path: Path) -> FloatArray:
    """Read a 16-bit PNG of millimetres as float32 (480, 640) metres, 0 where nothing returned."""
    return to_metres(read_millimetres(path, DEPTH_SHAPE))


def read_millimetres(path: Path, shape: tuple[int, int]) -> NDArray[np.uint16]:
    """Read a 16-bit PNG of millimetres of this (height, width); raises DecodeError."""
    import cv2  # late: names and classes are known without it

    data = _bytes(path)
    if not data.rstrip(b"\0").endswith(_PNG_END):
        raise DecodeError(str(path), f"{len(data)} bytes without a PNG's end", "a complete PNG")
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error as error:
        raise DecodeError(str(path), f"OpenCV: {error}", "a readable PNG") from error
    if pixels is None:
        raise DecodeError(str(path), "OpenCV cannot read it", "a readable PNG")
    if pixels.shape != shape or pixels.dtype != np.uint16:
        reason = f"{pixels.dtype} image of shape {pixels.shape}"
        raise DecodeError(str(path), reason, f"uint16 {shape}, millimetres")
    return np.asarray(pixels, np.uint16)


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


def csi_db(linear: FloatArray) -> NDArray[np.float64]:
    """Linear amplitudes in the dB of MM-Fi's files, so that `read_csi` gives the very same.

    -inf is a reading that was lost; an amplitude of 0 is a number of dB so low that it is 0.
    """
    return np.where(linear == 0, _ZERO_DB, to_db(linear))


def read_csi(path: Path, shape: tuple[int, ...] = CSI_SHAPE) -> FloatArray:
    """Read a MATLAB file's CSIamp, which is in dB, as linear float32 (3, 114, 10), or of `shape`.

    10^(v/10) of its values is a whole number: the card counts real and imaginary parts. NaN and inf
    (-inf is 0 counts) are kept for the repair.
    """
    from scipy.io import loadmat  # late: names and classes are known without it

    try:
        content = loadmat(path, variable_names=["CSIamp"])
    except Exception as error:  # a damaged file takes scipy's parser anywhere
        reason = f"{type(error).__name__}: {error}"
        raise DecodeError(str(path), reason, "a MATLAB 5 file") from error
    if "CSIamp" not in content:
        raise DecodeError(str(path), "has no CSIamp", "the variable CSIamp")
    amplitude = content["CSIamp"]
    if amplitude.shape != shape or amplitude.dtype.kind not in "fiu":
        reason = f"CSIamp is {amplitude.dtype} of shape {amplitude.shape}"
        raise DecodeError(str(path), reason, f"real numbers {shape}")
    return np.ascontiguousarray(from_db(amplitude))


def read_ground_truth(path: Path, gaps: bool = False) -> FloatArray:
    """Read the joints of all frames as float32 (frames, 17, 3) metres in the camera frame.

    With `gaps` the joints of a frame may all be NaN: nobody is there.
    """
    try:
        joints = np.load(path, allow_pickle=False)
    except Exception as error:  # zip, header and memory errors, by what the damage looks like
        raise DatasetError(f"{path}: {error}; expected joints in .npy format") from error
    if getattr(joints, "dtype", np.dtype("O")).kind != "f":
        raise DatasetError(f"{path}: not an array of floats; expected joints in metres")
    there = joints if joints.ndim != 3 or not gaps else joints[~np.isnan(joints).all(axis=(1, 2))]
    if joints.ndim != 3 or joints.shape[1:] != (NUM_JOINTS, 3) or not np.isfinite(there).all():
        raise DatasetError(
            f"{path}: {joints.dtype} of shape {joints.shape}; expected finite (N, {NUM_JOINTS}, 3)"
        )
    metres: FloatArray = joints.astype(np.float32)
    return metres


def read_deviations(path: Path) -> FloatArray:
    """Read the deviations of a truth that is an estimate: one sigma, float32 (T, P, 17) metres.

    They are NaN where nobody is. Raises DatasetError for other sizes, and for negative numbers.
    """
    try:
        sigma = np.load(path, allow_pickle=False)
    except Exception as error:  # zip, header and memory errors, by what the damage looks like
        raise DatasetError(f"{path}: {error}; expected deviations in .npy format") from error
    floats = getattr(sigma, "dtype", np.dtype("O")).kind == "f"
    if not floats or sigma.ndim != 3 or sigma.shape[2] != NUM_JOINTS or (sigma < 0).any():
        raise DatasetError(
            f"{path}: {getattr(sigma, 'dtype', '')} {getattr(sigma, 'shape', '')}, or negative; "
            f"expected metres, floats of (frames, people, {NUM_JOINTS})"
        )
    return np.asarray(sigma, np.float32)


def _bytes(path: Path) -> bytes:
    """Read a whole file, or raise DecodeError with the reason."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise DecodeError(str(path), error.strerror or str(error), "a readable file") from error


READERS: dict[str, Callable[[Path], FloatArray]] = {
    "depth": read_depth,
    "lidar": read_lidar,
    "csi": read_csi,
}
