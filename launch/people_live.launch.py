"""Everybody in sight of a depth camera and a LiDAR, of any kind and anywhere.

ros2 launch pta_ros people_live.launch.py params_file:=robot.yaml [argument:=value ...]; --show-args
lists the arguments. params_file says where the sensors stand, as config/people_live.yaml does.
"""

import runpy
from pathlib import Path


def generate_launch_description():
    shared = runpy.run_path(str(Path(__file__).resolve().with_name("live.py")))
    return shared["describe"]("people")
