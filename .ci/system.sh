# Sourced by setup.sh: what must come from the system. Each check says the one command that helps.

say() { echo "setup: $*"; }

fail() {
  echo "setup: error: $*" >&2
  exit 1
}

check_choices() {
  case $ROS_WHEELS in
    jazzy | kilted) ;;
    *) fail "ROS_WHEELS=$ROS_WHEELS; expected jazzy or kilted" ;;
  esac
}

check_python() {
  local version
  command -v "$PYTHON" >/dev/null || fail "no $PYTHON; name another with PYTHON=..."
  version=$("$PYTHON" -c 'import sys; print("%d.%d" % sys.version_info[:2])') ||
    fail "$PYTHON does not run; name another with PYTHON=..."
  case $version in
    3.10 | 3.11 | 3.12 | 3.13) ;;
    *) fail "$PYTHON is Python $version; 3.10 to 3.13 is needed: name one with PYTHON=..." ;;
  esac
  [ "$PTA_ROS" = wheels ] || "$PYTHON" -c 'import rclpy' 2>/dev/null ||
    fail "ROS $ROS_DISTRO is sourced, but $PYTHON cannot import its rclpy: use the distribution's" \
      "Python (PYTHON=/usr/bin/python3), or start from a shell without ROS"
}

check_compiler() {
  command -v c++ >/dev/null || command -v g++ >/dev/null ||
    fail "no C++ compiler; on Debian or Ubuntu: apt-get install build-essential"
}

# Libraries that open3d loads: soname and Debian package.
SYSTEM_LIBRARIES=("libusb-1.0.so.0 libusb-1.0-0" "libGL.so.1 libgl1")

missing_packages() {
  local pair
  for pair in "${SYSTEM_LIBRARIES[@]}"; do
    "$PYTHON" -c 'import ctypes, sys; ctypes.CDLL(sys.argv[1])' "${pair% *}" 2>/dev/null ||
      printf '%s ' "${pair#* }"
  done
}

check_system_libraries() {
  local missing
  missing=$(missing_packages)
  [ -n "$missing" ] || return 0
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    say "installing the system libraries ${missing}with apt"
    # shellcheck disable=SC2086
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
      apt-get install -y -qq --no-install-recommends $missing; } >/dev/null ||
      fail "apt failed; try: apt-get install $missing"
    missing=$(missing_packages)
    [ -z "$missing" ] || fail "still missing after apt: $missing"
  else
    fail "system libraries are missing; type: sudo apt-get install $missing" \
      "(or your system's packages of libusb 1.0 and OpenGL)"
  fi
}

find_browser() {
  command -v chromium || command -v chromium-browser || command -v google-chrome
}

# Only tests look at reports in a browser, and they skip what they cannot look at: no failure here.
# Other distributions than Debian have Chromium as a snap, which does not run everywhere.
install_browser() {
  find_browser >/dev/null && return 0
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null && grep -qx ID=debian /etc/os-release; then
    say "installing Chromium with apt, for the tests of reports"
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
      apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core; } >/dev/null ||
      say "apt failed to install chromium"
  fi
  find_browser >/dev/null ||
    say "no Chromium: tests that look at reports in it will be skipped; install it, for example" \
      "with: sudo apt-get install chromium fonts-dejavu-core"
}
