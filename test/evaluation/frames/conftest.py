"""Frames of the wide world, which knows the truth."""

import json

import cv2
import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("open3d")

from pta_ros.fusion.people import Person
from pta_ros.people.centred import trunk
from pta_ros.simulate.wide.scene import draw_scene
from pta_ros.skeleton import JOINT_NAMES

#: Marked joints: those of the limbs lie under the skin as the skin table has it.
MARKED = [n for n in JOINT_NAMES if n.endswith(("wrist", "elbow", "shoulder", "knee", "ankle"))]


class Rendered:
    """A scene of the test split: its first instant, with the camera's lens and mount."""

    def __init__(self, number):
        self.scene = draw_scene(5, "test", number)
        self.seen = self.scene.at(0.0, np.random.default_rng(number))

    @property
    def people(self):
        return len(self.seen.joints)

    def in_sight(self, who):
        return {n for n in MARKED if self.seen.sight[0, who, JOINT_NAMES.index(n)]}

    def marks(self, who):
        """Pixels of a person's joints in sight."""
        mount, lens = self.scene.mounting.camera, self.scene.lens
        local = (self.seen.joints[who] - np.asarray(mount.place)) @ mount.optical
        pixels = local[:, :2] / local[:, 2:] * (lens.fx, lens.fy) + (lens.cx, lens.cy)
        return {n: pixels[JOINT_NAMES.index(n)].tolist() for n in self.in_sight(who)}

    def write(self, folder, name, **changes):
        """NAME.png and NAME.json with the pose that is true."""
        lens, mount = self.scene.lens, self.scene.mounting.camera
        about = {n: getattr(lens, n) for n in ("width", "height", "fx", "fy", "cx", "cy")}
        about |= {"unit": "mm", "height_m": mount.place[2], "people": self.people}
        about |= {"roll_deg": mount.rpy_deg[0], "pitch_deg": mount.rpy_deg[1]}
        about |= changes
        file = folder / f"{name}.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        assert cv2.imwrite(str(file.with_suffix(".png")), self.seen.depth_mm)
        file.write_text(json.dumps({n: v for n, v in about.items() if v is not None}))
        return file

    def truth(self, who, deviation=0.05, moved=(0.0, 0.0, 0.0)):
        """What a perfect model would say of somebody, moved by metres."""
        joints = self.seen.joints[who] + np.array(moved)
        return Person(0.9, trunk(joints), joints, np.full(17, deviation), {"depth": 1.0})


@pytest.fixture(scope="session")
def rendered():
    """Scenes in whose picture, of a room with a floor, somebody shows at least six marks."""
    found = []
    for number in range(1, 60):
        scene = draw_scene(5, "test", number)
        if scene.people and not scene.bare:
            one = Rendered(number)
            if max(len(one.in_sight(who)) for who in range(one.people)) >= 6:
                found.append(one)
        if len(found) == 4:
            return found
    raise AssertionError("too few scenes with somebody in sight")
