"""Files that come with the package, in the repository and where it is installed."""

import sys
from pathlib import Path

import pytest

from pta_ros import home
from pta_ros.errors import ConfigError

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


def test_each_missing_package_has_its_command(monkeypatch):
    monkeypatch.setitem(sys.modules, "safetensors", None)
    lines = home.missing(ModuleNotFoundError("no", name="rosbags.highlevel"))
    assert lines == [
        "rosbags is not installed; in the repository: pip install '.[bag]'",
        "safetensors is not installed; in the repository: "
        "python3 -m pip install -r requirements.txt",
    ]
    assert home.missing(ModuleNotFoundError("no", name="pta_ros.nothing")) == []
    assert home.missing(ImportError("cannot import name x")) == []


def test_model_folder_is_the_one_asked_for(tmp_path):
    assert home.model_folder(str(tmp_path)) == tmp_path
    assert home.model_folder("~/model") == Path.home() / "model"


def test_a_shipped_model_is_known_by_its_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert home.model_folder("xrf55_lite") == ROOT / "models" / "xrf55_lite"
    assert home.model_folder("models/xrf55_lite") == Path("models/xrf55_lite")
    assert home.model_folder("nobody") == Path("nobody")
    (tmp_path / "xrf55_lite").mkdir()
    assert home.model_folder("xrf55_lite") == Path("xrf55_lite")


def test_default_model_is_the_shipped_one(monkeypatch):
    assert home.model_folder("") == ROOT / "models" / "mmfi_lite"
    assert home.model_folder("", "xrf55") == ROOT / "models" / "xrf55_lite"
    monkeypatch.setattr(home, "DEFAULT_MODELS", {"mmfi": "nobody"})
    with pytest.raises(ConfigError, match="no default model nobody"):
        home.model_folder("")
