# Sourced by the Makefile's recipes and .ci/setup.sh: one environment for setup, demo and tests.
# In: PTA_ROOT (the repository), PYTHON. Out: PTA_VENV, PTA_ROS (wheels or sourced), and the
# variables of ROS 2. Touches nothing on disk but log/.

PTA_VENV=$PTA_ROOT/.venv

# A Python of another environment of ROS wheels may have started us: its start-up guard and library
# path would make our Python skip its own.
if [ -n "${_ROS_WHEELS_BOOTSTRAP_COMPLETE:-}" ]; then
  unset _ROS_WHEELS_BOOTSTRAP_COMPLETE LD_LIBRARY_PATH
fi
unset PYTHONHOME MAKEFLAGS MFLAGS MAKELEVEL

if [ -n "${ROS_DISTRO:-}" ] && [ -n "${AMENT_PREFIX_PATH:-}" ]; then
  PTA_ROS=sourced
else
  # Nothing sourced: the virtual environment is the ROS prefix. Paths left over from other
  # environments would mix two of them.
  PTA_ROS=wheels
  unset PYTHONPATH COLCON_PREFIX_PATH
  export AMENT_PREFIX_PATH=$PTA_VENV CMAKE_PREFIX_PATH=$PTA_VENV
fi

# Parallel runs on one machine, or other robots on the network, must not hear each other.
export ROS_DOMAIN_ID=${ROS_DOMAIN_ID:-$((1 + $$ % 100))}
export ROS_AUTOMATIC_DISCOVERY_RANGE=${ROS_AUTOMATIC_DISCOVERY_RANGE:-LOCALHOST}
# Without it most depth images are lost between processes (see the file).
export FASTDDS_DEFAULT_PROFILES_FILE=${FASTDDS_DEFAULT_PROFILES_FILE:-$PTA_ROOT/config/fastdds.xml}
export FASTRTPS_DEFAULT_PROFILES_FILE=${FASTRTPS_DEFAULT_PROFILES_FILE:-$FASTDDS_DEFAULT_PROFILES_FILE}
export ROS_LOG_DIR=${ROS_LOG_DIR:-$PTA_ROOT/log/ros}
mkdir -p "$ROS_LOG_DIR"

# What setup made, when it has: the virtual environment first on PATH, then the built workspace.
if [ -x "$PTA_VENV/bin/python" ]; then
  export VIRTUAL_ENV=$PTA_VENV PATH="$PTA_VENV/bin:$PATH"
fi
if [ -f "$PTA_ROOT/install/local_setup.bash" ]; then
  set +u # colcon's scripts read variables that may be unset
  . "$PTA_ROOT/install/local_setup.bash"
  set -u
fi
