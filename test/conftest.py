"""Shared: a small synthetic tree in MM-Fi's layout, written once per run."""

import pytest

from pta_ros.cli import make_mmfi


@pytest.fixture(scope="session")
def synthetic_tree(tmp_path_factory):
    """Five people in one scene, two actions, two frames each. Read only: copy it to damage it."""
    pytest.importorskip("open3d")
    root = tmp_path_factory.mktemp("synthetic") / "tree"
    options = ["--subjects", "1-5", "--actions", "2,12", "--frames", "2", "--jobs", "1"]
    assert make_mmfi.main([str(root), "--preset", "tiny", "--seed", "3", *options]) == 0
    return root
