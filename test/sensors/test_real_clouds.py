"""Real scans of a Hesai QT64 and a Velodyne VLP-16, where they lie beside the repository."""

import os
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from pta_ros.errors import NobodySeen
from pta_ros.sensors import LidarSensor
from pta_ros.sensors.lidar_setup import LidarInstallation

REAL = Path(os.environ.get("PTA_REAL", Path(__file__).resolve().parents[2] / "../shared/real"))
FILES = sorted((REAL / "lidar").glob("*.pcd"))
TYPES = {("I", 1): 1, ("U", 1): 2, ("I", 2): 3, ("U", 2): 4, ("I", 4): 5, ("U", 4): 6} | {
    ("F", 4): 7, ("F", 8): 8
}  # fmt: skip
pytestmark = pytest.mark.skipif(not FILES, reason="needs ../shared/real")


def read_pcd(path):
    """A binary PCD as the PointCloud2 that its driver sent."""
    content = path.read_bytes()
    end = content.index(b"DATA binary\n")
    head = {
        line.split()[0]: line.split()[1:]
        for line in content[:end].decode().splitlines()
        if not line.startswith("#")
    }
    fields, offset = [], 0
    for name, size, kind, count in zip(
        *(head[key] for key in ("FIELDS", "SIZE", "TYPE", "COUNT")), strict=True
    ):
        datatype = TYPES[kind, int(size)]
        fields.append(SimpleNamespace(name=name, offset=offset, datatype=datatype, count=1))
        offset += int(size) * int(count)
    height, width = int(head["HEIGHT"][0]), int(head["WIDTH"][0])
    data = content[end + len(b"DATA binary\n") :]
    return SimpleNamespace(
        height=height, width=width, fields=fields, is_bigendian=False, point_step=offset,
        row_step=offset * width, data=data[: offset * width * height], is_dense=False,
    )  # fmt: skip


def by_hand(msg):
    """x, y, z of every point, (N, 3), by a record type."""
    names = [f.name for f in msg.fields]
    types = [["", "i1", "u1", "i2", "u2", "i4", "u4", "f4", "f8"][f.datatype] for f in msg.fields]
    kind = np.dtype({"names": names, "formats": types, "offsets": [f.offset for f in msg.fields],
                     "itemsize": msg.point_step})  # fmt: skip
    points = np.frombuffer(msg.data, kind)
    return np.stack([points[n] for n in "xyz"], axis=1)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_real_scan_is_read_whole(path):
    msg = read_pcd(path)
    points = by_hand(msg)
    seen = np.isfinite(points).all(axis=1) & points.any(axis=1)
    np.testing.assert_array_equal(LidarSensor().decode(msg, "t"), points[seen])


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_real_scan_gives_the_model_its_points_or_nobody(path):
    msg, sensor = read_pcd(path), LidarSensor()
    inside = int(np.count_nonzero(sensor._inside(sensor.decode(msg, "t"))))
    if inside < sensor.min_points:
        with pytest.raises(NobodySeen, match=f"{inside} of"):
            sensor.process(msg, "t")
    wide = sensor.installed(LidarInstallation(region="-30 30 -30 30 -3 3"))
    assert len(np.unique(wide.process(msg, "t"), axis=0)) == wide.points
