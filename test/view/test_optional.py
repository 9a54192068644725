"""rerun is optional: only what shows something needs it."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2] / "pta_ros"
#: Parts of view/ that are plain Python, and the one module that needs the others at its start.
PLAIN = {"pta_ros.view.page", "pta_ros.view.pairs"}
NEEDS = {"nodes/view_node.py"}


def at_start(path):
    """Modules of the view that a file imports when it is itself imported."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ImportFrom) and node.module.startswith("pta_ros.view"):
            yield node.module
        elif isinstance(node, ast.Import):
            yield from (a.name for a in node.names if a.name.startswith("pta_ros.view"))


def test_nothing_else_needs_it():
    files = {p.relative_to(ROOT).as_posix(): p for p in ROOT.glob("*/**/*.py")}
    needing = {
        name
        for name, path in files.items()
        if not name.startswith("view/") and set(at_start(path)) - PLAIN
    }
    assert needing == NEEDS


@pytest.mark.parametrize("module", sorted(PLAIN))
def test_plain_parts_load_without_it(module):
    code = f"import sys; sys.modules['rerun'] = None; import {module}"
    env = dict(os.environ, PYTHONPATH=str(ROOT.parent))
    subprocess.run([sys.executable, "-c", code], env=env, check=True, timeout=60)
