#!/bin/sh
# run.sh BUILD_DIR COMPILER [FLAGS]: installs the build into a folder that it throws away, and uses what came there.
set -eu
source=$(cd "$(dirname "$0")/../.." && pwd)
build=$1
compiler=$2
flags=${3-}
prefix="$(mktemp -d)/a prefix"
trap 'rm -rf "${prefix%/*}"' EXIT

is() { # is WHAT EXPECTED ACTUAL
  [ "$2" = "$3" ] || {
    echo "$1: expected: $2, but it is: $3" >&2
    exit 1
  }
}

cmake --install "$build" --prefix "$prefix" >/dev/null
cd "$prefix"

version=$(sed -n 's/^project(upkeep VERSION \([^ ]*\).*/\1/p' "$source/CMakeLists.txt")
is "upkeep version" "upkeep $version" "$(bin/upkeep version)"

pc=$(find . -name upkeep.pc)
PKG_CONFIG_PATH=$prefix/$(dirname "$pc")
export PKG_CONFIG_PATH
is "version of upkeep.pc" "$version" "$(pkg-config --modversion upkeep)"
libraries=$prefix/$(dirname "$(dirname "$pc")")

compile() { # compile FLAG..., in words that are quoted for a shell, as pkg-config gives them
  eval "set -- $*"
  # shellcheck disable=SC2086  # a list of words
  "$compiler" $flags "$source/tests/install/client.c" "$@"
}
compile "-o shared $(pkg-config --cflags --libs upkeep)"
is "a client of libupkeep.so" "No such file or directory" "$(LD_LIBRARY_PATH=$libraries ./shared)"
LD_LIBRARY_PATH=$libraries ldd ./shared | grep -q libupkeep.so
compile "-o static $(pkg-config --cflags --libs-only-L upkeep) -l:libupkeep.a $(pkg-config --libs jansson)"
is "a client of libupkeep.a" "No such file or directory" "$(./static)"

for file in share/man/man1/upkeep.1 share/man/man5/upkeep.ini.5 share/varlink/io.upkeep.Supervisor.varlink \
  share/bash-completion/completions/upkeep share/zsh/site-functions/_upkeep share/doc/upkeep/README.md; do
  [ -s "$file" ] || {
    echo "not installed: $file" >&2
    exit 1
  }
done
if command -v mandoc >/dev/null; then
  # They have no date: they are written by the program, which does not know one.
  if mandoc -T lint -W warning share/man/man*/* | grep -v 'missing date'; then
    exit 1
  fi
fi
