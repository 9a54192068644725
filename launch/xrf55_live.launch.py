"""Live activity recognition from radar, Wi-Fi and RFID (XRF55's sensors).

ros2 launch pta_ros xrf55_live.launch.py [argument:=value ...]; --show-args lists the arguments.
It starts the executables that `make demo TASK=activity` starts. An argument that is left
empty keeps the value of params_file.
"""

import runpy
from pathlib import Path


def generate_launch_description():
    shared = runpy.run_path(str(Path(__file__).resolve().with_name("live.py")))
    return shared["describe"]("xrf55")
