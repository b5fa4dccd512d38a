# Sourced. Installs the Debian packages that are missing, and says so.

build_packages="gcc libc6-dev cmake ninja-build pkg-config libev-dev libinih-dev libsystemd-dev libjansson-dev"
test_packages="libcmocka-dev python3 procps util-linux"
systemd_packages="systemd dbus passwd"
example_packages="python3-fastapi python3-uvicorn python3-websockets"
gate_packages="clang clang-format clang-tidy cppcheck binutils"

# install_packages build [test] [systemd] [example] [gate]
install_packages() {
  missing=
  for group; do
    eval "names=\$${group}_packages"
    for name in $names; do
      [ "$(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null)" = installed ] || missing="$missing $name"
    done
  done
  [ -n "$missing" ] || return 0
  command -v apt-get >/dev/null || {
    echo "These packages are needed and there is no apt-get to install them:$missing" >&2
    return 1
  }
  as_root=
  [ "$(id -u)" = 0 ] || as_root=sudo
  echo "Installing what is missing:$missing" >&2
  $as_root apt-get update -qq
  # shellcheck disable=SC2086  # a list of words
  DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y -qq --no-install-recommends $missing >/dev/null
}
