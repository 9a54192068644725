#!/usr/bin/env bash
# Makes .venv and builds the workspace; called by `make setup` (and `make build`, with "build").
# Safe to run again at any time, after an interruption, and twice at once.
# In: PTA_ROOT, PYTHON, ROS_WHEELS (jazzy or kilted), TORCH (a pip requirement).
set -euo pipefail
cd "$PTA_ROOT"
exec 9<"$PTA_ROOT/.ci/setup.sh"
# The interpreter itself, not an environment's link to it: .venv may be active, and may be remade.
base='import sys; print(getattr(sys, "_base_executable", sys.executable))'
PYTHON=$("$PYTHON" -c "$base" 2>/dev/null || echo "$PYTHON")
flock -n 9 || { echo "setup: another setup runs here; waiting for it"; flock 9; }
. .ci/env.sh
. .ci/system.sh
. .ci/python.sh
. .ci/workspace.sh

check_choices
check_python
check_compiler
check_system_libraries
install_python
build_workspace "${1:-}"
