import importlib.util
from pathlib import Path

import pytest

_SPEC = importlib.util.spec_from_file_location("writers", Path(__file__).with_name("writers.py"))
_WRITERS = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(_WRITERS)


@pytest.fixture(scope="session")
def write():
    """Writers of small capture files."""
    return _WRITERS


@pytest.fixture(scope="session")
def real():
    """The folder of real captures; skips where it is absent."""
    folder = Path(__file__).resolve().parents[3] / "shared/real/csi"
    if not folder.is_dir():
        pytest.skip("no real captures here")
    return folder
