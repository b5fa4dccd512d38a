# shellcheck shell=sh
# Sourced. Installs the Debian packages that are missing, and says so.

# stacks: where systemd runs, their Redis and nginx are started too, as Debian does.
packages_of() {
  case $1 in
  build) echo gcc libc6-dev cmake ninja-build pkg-config libev-dev libinih-dev libsystemd-dev libjansson-dev libmd-dev ;;
  test) echo libcmocka-dev python3 procps util-linux ;;
  systemd) echo systemd dbus passwd ;;
  example) echo python3-fastapi python3-uvicorn python3-websockets ;;
  stacks) echo python3-django python3-django-channels python3-channels-redis python3-daphne python3-gunicorn redis-server nginx-light ;;
  gate) echo clang clang-format clang-tidy cppcheck shellcheck mandoc ;;
  esac
}

# install_packages build [test] [systemd] [example] [stacks] [gate]
install_packages() {
  missing=
  for group; do
    for name in $(packages_of "$group"); do
      [ "$(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null)" = installed ] || missing="$missing $name"
    done
  done
  [ -z "$missing" ] || install_missing || return 1
  # Its own message, that it cannot read CMakePresets.json, helps nobody.
  found=$(cmake --version | sed -n '1s/.* //p')
  dpkg --compare-versions "$found" ge 3.25 || {
    echo "cmake 3.25 or later is needed (Debian 12, Ubuntu 24.04); here it is $found" >&2
    return 1
  }
}

install_missing() {
  as_root=
  [ "$(id -u)" = 0 ] || as_root=sudo
  for tool in apt-get $as_root; do
    command -v "$tool" >/dev/null || {
      echo "These packages are needed, and there is no $tool to install them:$missing" >&2
      return 1
    }
  done
  echo "Installing what is missing${as_root:+ (with sudo)}:$missing" >&2
  # shellcheck disable=SC2086  # a list of words
  if ! { $as_root apt-get update -qq &&
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null; }; then
    echo "apt-get could not install what is needed:$missing" >&2
    return 1
  fi
}
