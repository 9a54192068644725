# Sourced by setup.sh: builds pta_msgs and pta_ros with colcon into build/ and install/.

workspace_key() { # changes when a rebuild is needed; sources of pta_ros are linked, not copied
  {
    cat "$STAMPS/venv"
    find pta_msgs setup.py setup.cfg package.xml resource -type f -print0 | sort -z | xargs -0 sha256sum
    find launch config models -type f -not -path '*/__pycache__/*' 2>/dev/null | sort || true
  } | sha256sum
}

build_workspace() { # $1: "build" builds even when nothing has changed
  local key start=$SECONDS arguments=()
  key=$(workspace_key)
  [ "${1:-}" = build ] || [ "$(cat install/.key 2>/dev/null)" != "$key" ] || return 0
  say "building pta_msgs and pta_ros with colcon"
  if [ -f build/.venv ] && ! cmp -s build/.venv "$STAMPS/venv"; then
    rm -rf build install # CMake's cache names another Python
  fi
  rm -f install/.key
  [ "$PTA_ROS" = sourced ] ||
    arguments+=("-DCMAKE_PROJECT_INCLUDE=$PTA_ROOT/pta_msgs/cmake/drop_missing_includes.cmake")
  mkdir -p build log
  cp "$STAMPS/venv" build/.venv
  export PATH="$PTA_VENV/bin:$PATH"
  # colcon (the distribution's, perhaps) runs on our Python, so that what it writes does too.
  python "$(command -v colcon)" --log-base log build --base-paths . pta_msgs \
    --symlink-install --cmake-args -DBUILD_TESTING=OFF \
    "-DPython3_EXECUTABLE=$PTA_VENV/bin/python" "${arguments[@]}" >log/build.txt 2>&1 || {
    tail -n 40 log/build.txt >&2
    fail "colcon build failed; all of its output is in log/build.txt"
  }
  printf '%s\n' "$key" >install/.key
  say "  took $((SECONDS - start)) s"
}
