"""Further outputs of a live node, heard by another process that has the packages of messages.

Where they are not installed they are built here, from the fields that are used.
"""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

pytestmark = [pytest.mark.ros, pytest.mark.slow]
HERE = Path(__file__).resolve().parent
NEVER_S = 120  # far more than it takes, even on a busy machine
#: What hri_msgs, people_msgs and tf2_msgs have of what is published, message by message.
PACKAGES = {
    "hri_msgs": {"IdsList": "std_msgs/Header header\nstring[] ids\n"},
    "people_msgs": {
        "People": "std_msgs/Header header\npeople_msgs/Person[] people\n",
        "Person": "string name\ngeometry_msgs/Point position\ngeometry_msgs/Point velocity\n"
        "float64 reliability\nstring[] tagnames\nstring[] tags\n",
    },
    "tf2_msgs": {"TFMessage": "geometry_msgs/TransformStamped[] transforms\n"},
}
_CMAKE = """\
cmake_minimum_required(VERSION 3.16)
project({name})
find_package(ament_cmake REQUIRED)
find_package(rosidl_default_generators REQUIRED)
find_package(geometry_msgs REQUIRED)
find_package(std_msgs REQUIRED)
rosidl_generate_interfaces({name} {files} DEPENDENCIES geometry_msgs std_msgs)
ament_package()
"""
_MANIFEST = """\
<package format="3"><name>{name}</name><version>0.0.0</version><description>for tests</description>
<maintainer email="maintainers@pta-ros.invalid">pta_ros</maintainer><license>BSD</license>
<buildtool_depend>ament_cmake</buildtool_depend>
<buildtool_depend>rosidl_default_generators</buildtool_depend>
<depend>geometry_msgs</depend><depend>std_msgs</depend>
<member_of_group>rosidl_interface_packages</member_of_group></package>
"""


def write_package(folder, name, messages):
    (folder / "msg").mkdir(parents=True)
    for message, text in messages.items():
        (folder / "msg" / f"{message}.msg").write_text(text, encoding="utf-8")
    files = " ".join(f"msg/{message}.msg" for message in messages)
    (folder / "CMakeLists.txt").write_text(_CMAKE.format(name=name, files=files), encoding="utf-8")
    (folder / "package.xml").write_text(_MANIFEST.format(name=name), encoding="utf-8")


def build(folder, names):
    """Build packages; gives the environment in which they are there. Skips where that fails."""
    colcon = shutil.which("colcon")
    if colcon is None or shutil.which("cmake") is None:
        pytest.skip(f"{', '.join(names)} not installed, and no colcon or cmake to build them")
    for name in names:
        write_package(folder / "src" / name, name, PACKAGES[name])
    hook = HERE.parents[1] / "pta_msgs" / "cmake" / "drop_missing_includes.cmake"
    command = [
        sys.executable, colcon, "--log-base", "log", "build", "--base-paths", "src",
        "--merge-install", "--cmake-args", "-DBUILD_TESTING=OFF",
        f"-DPython3_EXECUTABLE={sys.executable}", f"-DCMAKE_PROJECT_INCLUDE={hook}",
    ]  # fmt: skip
    built = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if built.returncode:
        pytest.skip(f"{', '.join(names)} not installed, and not built: {built.stderr[-300:]}")
    sourced = subprocess.run(
        ["bash", "-c", ". install/local_setup.bash; env -0"],
        cwd=folder, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return dict(line.split("=", 1) for line in sourced.stdout.split("\0") if "=" in line)


@pytest.fixture(scope="module")
def with_messages(tmp_path_factory):
    """An environment in which the packages are there."""
    missing = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
    return build(tmp_path_factory.mktemp("messages"), missing) if missing else dict(os.environ)


@pytest.fixture
def ear(bench, with_messages, monkeypatch, tmp_path):
    """What was heard so far, by topic, of a process that listens."""
    for name in ("PYTHONPATH", "LD_LIBRARY_PATH", "AMENT_PREFIX_PATH"):
        monkeypatch.setenv(name, with_messages.get(name, ""))
    file, log = tmp_path / "heard.jsonl", tmp_path / "ear.log"
    env = dict(os.environ, ROS_DOMAIN_ID=str(bench.domain))
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, str(HERE / "hear_interfaces.py"), str(file)],
            env=env, stdout=out, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def heard(topic):
        assert process.poll() is None, log.read_text(errors="replace")
        lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
        said = []
        for line in lines:
            if line.endswith("]"):  # a last line may be half written
                name, what = json.loads(line)
                said += [what] if name == topic else []
        return said

    yield heard
    process.kill()
    process.wait(10)


def test_everything_is_heard_of_a_person_who_comes_and_goes(
    bench, ear, people_model, hall_readings
):
    from lifecycle_msgs.srv import ChangeState

    from pta_ros.nodes.interfaces.body import JOINT_FRAMES

    process = bench.start(
        "fusion_node", "-p", f"model:={people_model}", "-p", "device:=cpu",
        "-p", "lidar.extrinsic:=0 0 1.3 0 0 0",
        "-p", "depth.stale_after_s:=5.0", "-p", "lidar.stale_after_s:=5.0",
        "-p", "publish.tf:=true", "-p", "publish.humans:=true", "-p", "publish.people_msgs:=true",
    )  # fmt: skip
    scene = {"now": hall_readings((2.5, 0.4))}

    def send():
        bench.show(scene["now"])

    def until(done, sending=send):
        looked = [0.0]

        def seldom():  # the file is read as a whole
            if time.monotonic() - looked[0] < 0.3:
                return False
            looked[0] = time.monotonic()
            return done()

        bench.until(seldom, NEVER_S, sending, process)

    tracked, own = "/humans/bodies/tracked", "/humans/bodies/p0001/position"
    until(lambda: ear(own) and ear("/tf") and ear("moving_people")[-1:] not in ([], [[]]))
    assert ear(tracked)[-1] == ["p0001"]
    frames = ear("/tf")[-1]
    assert frames.keys() == {f"{name}_p0001" for name in ("body", *JOINT_FRAMES)}
    parent, place = frames.pop("body_p0001")
    assert parent == "base_link"
    assert {above for above, _ in frames.values()} == {"body_p0001"}
    assert np.hypot(place[0] - 2.5, place[1] - 0.4) < 0.6  # the poses' weights are untrained
    assert np.linalg.norm(np.subtract(place, ear(own)[-1])) < 0.2
    ((name, where, speed, presence),) = ear("moving_people")[-1]
    assert (name, where[2]) == ("p0001", 0.0)
    assert np.linalg.norm(speed) < 1.0
    assert presence > 0.5
    until(lambda: [0.0] in [[p[2] for p in poses] for poses in ear("obstacles")])
    until(lambda: 25 in ear("obstacle_points"))
    until(lambda: ear(own.replace("position", "velocity")))

    scene["now"] = hall_readings()
    until(lambda: ear(tracked)[-1] == [] and ear("topics")[-1] == [tracked])
    until(lambda: ear("obstacles")[-1] == [] and ear("moving_people")[-1] == [])
    until(lambda: ear("obstacle_points")[-1] == 0)

    scene["now"] = hall_readings((2.5, 0.4))
    until(lambda: len(ear(tracked)[-1]) == 1 and len(ear("topics")[-1]) == 3)
    until(lambda: ear(tracked)[-1] == [], sending=())  # the sensors are silent: all is forgotten
    assert ear("obstacles")[-1] != [], "silence is no empty floor"

    until(lambda: len(ear(tracked)[-1]) == 1)
    request = ChangeState.Request()
    request.transition.label = "deactivate"
    assert bench.call(ChangeState, "/fusion/change_state", request).success
    until(lambda: ear(tracked)[-1] == [] and ear("topics")[-1] == [tracked], sending=())
