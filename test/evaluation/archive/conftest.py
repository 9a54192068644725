"""A small fleet: recordings of a second, made of a synthetic clip's two frames."""

import shutil
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("rosbags")

from pta_ros.bags.bag import BagWriter, header, message
from pta_ros.bags.messages import TRUE_POSE, beside, reading, true_pose
from pta_ros.datasets.mmfi import MmfiTree
from pta_ros.datasets.mmfi_files import FOLDERS
from pta_ros.sensors import SENSORS

T0 = 1_700_000_000 * 10**9
STEP = 10**8


@pytest.fixture(scope="session")
def write_recording(synthetic_tree):
    """Write 10 Hz of depth, LiDAR, CSI and truth; `skip(modality, n)` leaves a message out."""
    clip = MmfiTree(synthetic_tree).clips[0]
    sensors = {m: SENSORS[m]() for m in FOLDERS}
    read = [{m: clip.read(m, 1 + n) for m in FOLDERS} for n in range(2)]

    def arrays(n):
        found = dict(read[n % 2])
        found["depth"] = sensors["depth"].compact(found["depth"])
        found["csi"] = found["csi"] * (1.0 + 1e-3 * n)  # or it counts as frozen
        found["lidar"] = found["lidar"] + 1e-3 * n
        return found

    def write(path, count=12, namespace="", skip=lambda modality, n: False, storage="mcap"):
        path.parent.mkdir(parents=True, exist_ok=True)
        with BagWriter(path, storage) as bag:
            for n in range(count):
                at = T0 + n * STEP
                for modality, array in arrays(n).items():
                    sensor = sensors[modality]
                    if not skip(modality, n):
                        bag.write(f"{namespace}/{sensor.topic}", at, reading(sensor, array, at))
                for topic, msg in beside(sensors["depth"], at).items():
                    bag.write(namespace + topic, at, msg)
                truth = true_pose(clip.joints(1 + n % 2), at, "synthetic")
                bag.write(namespace + TRUE_POSE[0], at, truth)
        return path

    return write


@pytest.fixture(scope="session")
def fleet_once(write_recording, tmp_path_factory):
    root = tmp_path_factory.mktemp("fleet") / "fleet"
    write_recording(root / "ada/one")
    write_recording(root / "ada/two", storage="sqlite3")
    write_recording(root / "bob/x", namespace="/robo2")
    write_recording(
        root / "bob/y", namespace="/robo2", skip=lambda m, n: m == "csi" or (m == "lidar" and n > 3)
    )
    shutil.move(root / "bob/y/y.mcap", root / "bob/loose.mcap")
    shutil.rmtree(root / "bob/y")
    (root / "bob/broken.mcap").write_bytes(b"no recording")
    with BagWriter(root / "cid/talk") as bag:
        said = message("std_msgs/msg/Header", stamp=header(T0, "").stamp, frame_id="hello")
        bag.write("/chatter", T0, said)
    return root


@pytest.fixture
def fleet(fleet_once, tmp_path):
    """Two robots' four recordings, a broken one, and one without any sensor; a copy."""
    root = tmp_path / "fleet"
    shutil.copytree(fleet_once, root)
    return Path(root)
