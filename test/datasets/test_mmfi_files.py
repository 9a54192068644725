import io

import cv2
import numpy as np
import pytest
import scipy.io

from pta_ros.datasets.mmfi_files import read_csi, read_depth, read_ground_truth, read_lidar
from pta_ros.errors import DatasetError, DecodeError
from pta_ros.sensors import CsiSensor


def png(pixels):
    return cv2.imencode(".png", pixels)[1].tobytes()


@pytest.fixture
def depth_mm():
    return np.random.default_rng(0).integers(0, 65536, (480, 640)).astype(np.uint16)


def test_depth_is_the_16_bit_value_in_metres(tmp_path, depth_mm):
    path = tmp_path / "frame001.png"
    path.write_bytes(png(depth_mm))
    np.testing.assert_allclose(read_depth(path), depth_mm / 1000, rtol=1e-6)


def test_a_truncated_png_is_an_error(tmp_path, depth_mm):
    whole, path = png(depth_mm), tmp_path / "frame001.png"
    for length in (0, 7, 100, len(whole) // 2, len(whole) - 13, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(DecodeError, match=r"frame001\.png"):
            read_depth(path)


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((480, 640), np.uint8),
        np.zeros((480, 640, 3), np.uint16),
        np.zeros((240, 320), np.uint16),
    ],
)
def test_an_image_of_another_kind_is_an_error(tmp_path, pixels):
    path = tmp_path / "frame001.png"
    path.write_bytes(png(pixels))
    with pytest.raises(DecodeError, match=r"expected uint16 \(480, 640\)"):
        read_depth(path)


def test_no_image_at_all_is_an_error(tmp_path):
    path = tmp_path / "frame001.png"
    path.write_bytes(b"not a picture" * 9 + b"IEND\xaeB`\x82")
    with pytest.raises(DecodeError, match="OpenCV"):
        read_depth(path)


def test_lidar_drops_rows_that_are_not_finite(tmp_path):
    path = tmp_path / "frame001.bin"
    np.array([[1, 2, 3], [np.nan, 0, 0], [4, 5, 6], [1e300, 0, 0]], "<f8").tofile(path)
    np.testing.assert_array_equal(read_lidar(path), [[1, 2, 3], [4, 5, 6]])


@pytest.mark.parametrize("size", [0, 1, 23, 8 * 4])
def test_a_lidar_file_of_another_length_is_an_error(tmp_path, size):
    path = tmp_path / "frame001.bin"
    path.write_bytes(b"\0" * size)
    with pytest.raises(DecodeError, match=f"frame001.bin: {size} bytes"):
        read_lidar(path)


def test_a_lidar_file_without_a_finite_point_is_an_error(tmp_path):
    path = tmp_path / "frame001.bin"
    np.full((4, 3), np.nan).tofile(path)
    with pytest.raises(DecodeError, match="none of 4"):
        read_lidar(path)


def test_a_file_that_vanished_is_an_error(tmp_path):
    for read in (read_depth, read_lidar, read_csi):
        with pytest.raises(DecodeError, match="frame009"):
            read(tmp_path / "frame009")


def test_csi_keeps_inf_for_the_sensors_repair(tmp_path):
    path = tmp_path / "frame001.mat"
    ripple = 30 + 5 * np.sin(np.arange(114) / 9)[None, :, None] + np.zeros((3, 114, 10))
    ripple[0, 5, 3], ripple[1, 7, 0] = -np.inf, np.nan
    scipy.io.savemat(path, {"CSIamp": ripple, "CSIphase": np.zeros((3, 114, 10))})
    amplitude = read_csi(path)
    assert amplitude.dtype == np.float32
    counts = np.where(np.isfinite(ripple), 10 ** (ripple / 20), ripple)  # the files hold dB
    np.testing.assert_array_equal(amplitude, counts.astype(np.float32))
    assert np.isfinite(CsiSensor().prepare(amplitude, str(path))).all()


@pytest.mark.parametrize(
    "content",
    [
        {"CSIphase": np.zeros((3, 114, 10))},
        {"CSIamp": np.zeros((3, 114))},
        {"CSIamp": np.zeros((3, 114, 10), np.complex128)},
        {"CSIamp": "text"},
    ],
)
def test_another_csi_content_is_an_error(tmp_path, content):
    path = tmp_path / "frame001.mat"
    scipy.io.savemat(path, content)
    with pytest.raises(DecodeError, match="CSIamp"):
        read_csi(path)


def test_a_damaged_mat_file_is_right_or_a_decode_error(tmp_path):
    path, buffer = tmp_path / "frame001.mat", io.BytesIO()
    scipy.io.savemat(buffer, {"CSIamp": np.ones((3, 114, 10))}, do_compression=True)
    whole = buffer.getvalue()
    rng = np.random.default_rng(0)
    for length in (0, 1, 60, 127, 128, 130, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(DecodeError, match=r"frame001\.mat"):
            read_csi(path)
    refused = 0
    for position in rng.integers(124, len(whole), 60):
        damaged = bytearray(whole)
        damaged[position] ^= 0xFF
        path.write_bytes(damaged)
        try:
            assert read_csi(path).shape == (3, 114, 10)
        except DecodeError:
            refused += 1
    assert refused > 0


def test_ground_truth_of_any_float_type(tmp_path):
    path = tmp_path / "ground_truth.npy"
    joints = np.random.default_rng(0).normal(0, 1, (4, 17, 3))
    for dtype in (np.float64, np.float32, ">f8"):
        np.save(path, joints.astype(dtype))
        np.testing.assert_allclose(read_ground_truth(path), joints, atol=1e-6)


@pytest.mark.parametrize(
    "content",
    [
        np.zeros((4, 16, 3)),
        np.zeros((17, 3)),
        np.full((4, 17, 3), np.nan),
        np.zeros((4, 17, 3), np.int64),
        np.array([{"joints": 1}], dtype=object),
    ],
)
def test_another_ground_truth_is_an_error(tmp_path, content):
    path = tmp_path / "ground_truth.npy"
    np.save(path, content, allow_pickle=True)
    with pytest.raises(DatasetError, match=r"ground_truth\.npy"):
        read_ground_truth(path)


def test_a_truncated_or_missing_ground_truth_is_an_error(tmp_path):
    path = tmp_path / "ground_truth.npy"
    with pytest.raises(DatasetError, match=r"ground_truth\.npy"):
        read_ground_truth(path)
    np.save(path, np.zeros((4, 17, 3)))
    whole = path.read_bytes()
    for length in (0, 5, 40, 200, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(DatasetError, match=r"ground_truth\.npy"):
            read_ground_truth(path)


def test_a_broken_archive_in_place_of_the_ground_truth_is_an_error(tmp_path):
    path = tmp_path / "ground_truth.npy"
    path.write_bytes(b"PK\x03\x04 and no more")
    with pytest.raises(DatasetError, match=r"ground_truth\.npy"):
        read_ground_truth(path)


def test_an_archive_in_place_of_the_ground_truth_is_an_error(tmp_path):
    path = tmp_path / "ground_truth.npy"
    with path.open("wb") as file:
        np.savez(file, joints=np.zeros((4, 17, 3)))
    with pytest.raises(DatasetError, match="not an array"):
        read_ground_truth(path)
