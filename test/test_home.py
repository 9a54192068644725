"""Files that come with the package, in the repository and where it is installed."""

from pathlib import Path

from pta_ros import home

ROOT = Path(__file__).resolve().parents[1]


def test_the_repository_comes_first():
    assert home.shipped("models/mmfi_lite") == ROOT / "models/mmfi_lite"
    assert home.shipped("pta_msgs/msg/Skeleton.msg") == ROOT / "pta_msgs/msg/Skeleton.msg"
    assert home.shipped("models/nobody") is None


def test_an_installed_package_finds_its_share_folder(tmp_path, monkeypatch):
    package = tmp_path / "lib/python3/site-packages/pta_ros/home.py"
    monkeypatch.setattr(home, "__file__", str(package))
    wanted = tmp_path / "share/pta_ros/config/faults"
    assert home.shipped("config/faults") is None
    wanted.mkdir(parents=True)
    assert home.shipped("config/faults") == wanted
