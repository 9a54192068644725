"""pta_ros for pip (the offline tools) and for colcon (the same, and the nodes)."""

from pathlib import Path

from setuptools import find_packages, setup

PACKAGE = "pta_ros"
NODES = (
    "fusion_node",
    "sensor_node",
    "sim_node",
    "people_sim_node",
    "rf_sim_node",
    "csi_node",
    "monitor_node",
    "player_node",
    "recorder_node",
    "view_node",
    "doctor",
)
TOOLS = (
    "make_mmfi",
    "make_xrf55",
    "train_pta",
    "bench_train",
    "bench_pta",
    "import_xfi",
    "evaluate_pta",
    "evaluate_bag",
    "evaluate_frames",
    "evaluate_geometry",
    "fit_weights",
    "bench_bag",
    "bench_archive",
    "bench_heads",
    "bench_cameras",
    "bench_clouds",
    "bench_clocks",
    "bench_over_time",
    "bench_people",
    "bench_start",
    "bench_conversion",
    "bench_activities",
    "bench_teach",
    "mmfi_to_bag",
    "bag_to_dataset",
    "teach_pta",
    "csi_to_bag",
    "make_xrf55_bag",
    "pta_demo",
    "pta_soak",
)

REQUIRES = [
    # 0.3.3 is the last release that comes as wheels (Python 3.10 to 3.12); newer ones are compiled.
    "fpsample>=0.3.3,<1; python_version < '3.13'",
    "fpsample>=1.0,<2; python_version >= '3.13'",
    "matplotlib>=3.7",
    "numpy>=1.24",
    "opencv-python-headless>=4.7",
    "psutil>=5.9",
    "pyyaml>=6",
    "rich>=13",
    "safetensors>=0.4",
    "scipy>=1.10",
    "tqdm>=4.65",
]
TRAIN = ["torch>=2.2", "lightning-fabric>=2.2,<3", "tensorboard>=2.14"]
SIM = [
    "open3d-cpu>=0.18; platform_system == 'Linux' and platform_machine == 'x86_64'",
    "open3d>=0.18; platform_system != 'Linux' or platform_machine != 'x86_64'",
]
BAG = [
    "apsw>=3.40",
    "backports.zstd>=1,<2",
    "jinja2>=3.0",
    "lz4>=4",
    "mcap>=1.1,<2",
    "plotly>=5.24,<8",
    "rosbags>=0.11,<0.12",
]
CLUSTER = ["distributed>=2024.1"]
VIEW = ["rerun-sdk>=0.38,<1"]
TEST = [
    # Captures of Wi-Fi cards are compared with what it reads; its wheels are for this platform.
    "csiread>=1.4,<2; platform_system == 'Linux' and platform_machine == 'x86_64'",
    "hypothesis>=6.90",
    "pytest>=8,<10",
    "pytest-xdist>=3.5,<4",
]
LINT = ["mypy>=1.11,<3", "ruff>=0.8,<1", "types-PyYAML", "types-psutil"]


def data_files():
    """Everything that goes to share/: the index marker, package.xml, launch/, config/, models/."""
    share = f"share/{PACKAGE}"
    found = [
        ("share/ament_index/resource_index/packages", [f"resource/{PACKAGE}"]),
        (share, ["package.xml"]),
    ]
    for top in ("launch", "config", "models"):
        files = [
            p for p in sorted(Path(top).rglob("*")) if p.is_file() and "__pycache__" not in p.parts
        ]
        for folder in sorted({p.parent for p in files}):
            here = [p.as_posix() for p in files if p.parent == folder]
            found.append((f"{share}/{folder.as_posix()}", here))
    messages = sorted(path.as_posix() for path in Path("pta_msgs/msg").glob("*.msg"))
    found.append((f"{share}/pta_msgs/msg", messages))  # to write bags, and to read old ones
    return found


setup(
    name=PACKAGE,
    version="0.1.0",
    description="Live sensor fusion for human sensing that survives missing sensors",
    license="Apache-2.0",
    maintainer="pta_ros maintainers",
    maintainer_email="maintainers@pta-ros.invalid",
    python_requires=">=3.10,<3.14",
    packages=find_packages(include=[PACKAGE, f"{PACKAGE}.*"]),
    package_data={
        f"{PACKAGE}.evaluation.report": ["page.*"],
        f"{PACKAGE}.evaluation.archive": ["archive.html.j2"],
    },
    data_files=data_files(),
    install_requires=REQUIRES,
    extras_require={
        "train": TRAIN,
        "sim": SIM,
        "bag": BAG,
        "view": VIEW,
        "cluster": CLUSTER,
        "all": TRAIN + SIM + BAG + VIEW,
        "test": TEST,
        "lint": LINT,
    },
    # The tools start through pta_ros.cli, which turns a missing extra into one line.
    entry_points={
        "console_scripts": [
            *(f"{name} = {PACKAGE}.cli:run_{name}" for name in TOOLS),
            *(f"{name} = {PACKAGE}.nodes.entry:{name}" for name in NODES),
        ]
    },
    zip_safe=True,
)
