"""Live fusion of depth, LiDAR and Wi-Fi CSI (MM-Fi's sensors) into a skeleton.

ros2 launch pta_ros mmfi_live.launch.py [argument:=value ...]; --show-args lists the arguments.
It starts the executables that `make demo` starts. An argument that is left empty keeps the
value of params_file.
"""

import runpy
from pathlib import Path


def generate_launch_description():
    shared = runpy.run_path(str(Path(__file__).resolve().with_name("live.py")))
    return shared["describe"]("mmfi")
