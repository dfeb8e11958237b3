#!/bin/sh
# Installs what the build and the tests need and do not find: system packages (Debian and Ubuntu, as root or with sudo)
# and a virtual environment in .venv. Run it as often as you like: with nothing missing it says nothing and is done at once.
#   tools/setup.sh [system|python]        without an argument: both
#   tools/setup.sh bench                  the peers of make bench that the tests do not need; without them it says so
#   tools/setup.sh cross                  a compiler for AArch64 and an emulator, for make integration
#   tools/setup.sh wall                   clang with libFuzzer, gcovr and libfiu, for make fuzz, coverage and integration
#   PYTHON=/path/to/python3 tools/setup.sh      makes .venv, if there is none, with that interpreter
set -eu
cd "$(dirname "$0")/.."

say() { echo "setup: $*"; }
fail() { echo "setup: $*" >&2; exit 1; }

# ---- System packages ------------------------------------------------------------------------------------------------
# Each need is probed by what it gives, not by the package's name, so that a tool from elsewhere is as good as apt's.
has_command() { command -v "$1" >/dev/null 2>&1; }
has_library() { has_command pkg-config && pkg-config --exists "$1"; }

# A Python that can make a virtual environment and has the headers: $PYTHON, the first python3 on the PATH, the system's.
find_python() {
  for candidate in ${PYTHON:-} python3 /usr/bin/python3 /usr/local/bin/python3; do
    "$candidate" - 2>/dev/null <<'END' && return 0
import os, sys, sysconfig, venv, ensurepip
header = os.path.join(sysconfig.get_paths()["include"], "Python.h")
if sys.version_info < (3, 9) or not os.path.exists(header):
    sys.exit(1)
print(sys.executable)
END
  done
  return 1
}

missing_packages() {
  has_command g++ || has_command clang++ || echo g++
  has_command cmake || echo cmake
  has_command ninja || echo ninja-build
  has_command git || echo git
  has_command pkg-config || echo pkg-config
  has_library absl_status || echo libabsl-dev
  has_library re2 || echo libre2-dev
  has_library simdjson || echo libsimdjson-dev
  has_library zlib || echo zlib1g-dev
  has_library gtest || echo libgtest-dev
  has_library gmock || echo libgmock-dev
  has_library benchmark || echo libbenchmark-dev
  if [ ! -x .venv/bin/python ] && ! find_python >/dev/null; then echo "python3 python3-venv python3-dev"; fi
}

# Makes the build or the reading faster; nobody has to have them.
useful_packages() {
  has_library libisal || echo libisal-dev
  has_library libzstd || echo libzstd-dev
  has_library libmaxminddb || echo libmaxminddb-dev  # .mmdb tables; without it reading one is an error
  has_command ccache || echo ccache
  has_library libfiu || echo libfiu-dev  # tests/faults; without it they are skipped
}

# For tests/cross: what runs the kernel of a CPU that this machine is not.
cross_packages() {
  has_command aarch64-linux-gnu-g++ || echo g++-aarch64-linux-gnu
  has_command qemu-aarch64-static || has_command qemu-aarch64 || echo qemu-user-static
}
# For make fuzz and make coverage. The presets name clang++-19.
wall_packages() {
  has_command clang++-19 || echo clang-19
  [ -n "$(find /usr/lib/llvm-19/lib/clang -name 'libclang_rt.fuzzer-*.a' 2>/dev/null)" ] || echo libclang-rt-19-dev
  has_command gcovr || echo gcovr
}
no_packages() { :; }

# install_packages MISSING USEFUL: two functions that print Debian's names; nobody has to have those of USEFUL.
install_packages() {
  missing=$("$1" | tr '\n' ' ')
  useful=$("$2" | tr '\n' ' ')
  [ -n "$missing$useful" ] || return 0

  as_root=
  if [ "$(id -u)" != 0 ]; then
    as_root="sudo"
    [ -t 0 ] || as_root="sudo -n"  # nobody is there to type a password
    has_command sudo || as_root=none
  fi
  like=$(. /etc/os-release 2>/dev/null && echo "${ID:-} ${ID_LIKE:-}" || true)
  case " $like " in *\ debian\ * | *\ ubuntu\ *) ;; *) like= ;; esac

  if [ -z "$like" ] || ! has_command apt-get; then
    [ -n "$missing" ] || return 0
    [ "$1" = missing_packages ] || fail "this system is neither Debian nor Ubuntu; please install with its own package
  manager (Debian's names): $missing"
    fail "this system is neither Debian nor Ubuntu; please install with its own package manager:
  a C++20 compiler, CMake 3.25, Ninja, git, pkg-config, Abseil, RE2, simdjson, zlib, GoogleTest with GoogleMock, Google Benchmark,
  Python 3.9 with its headers; if you like: ISA-L, zstd, libmaxminddb, ccache.
  Not found here (Debian's names): $missing"
  fi
  if [ "$as_root" = none ] || { [ -n "$as_root" ] && [ -z "$missing" ]; }; then
    [ -n "$missing" ] || return 0  # not worth a password
    fail "neither root nor sudo; please run as root:
  apt-get install $missing$useful"
  fi

  say "installing with apt-get: $missing$useful"
  log=$(mktemp)
  export DEBIAN_FRONTEND=noninteractive
  apt="$as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=600 -o Acquire::Retries=3"
  # Package lists may be old: update first. An archive that does not answer is no reason to give up when others do.
  $apt update >"$log" 2>&1 || say "apt-get update had errors; trying to install all the same"
  # shellcheck disable=SC2086
  if ! $apt install --no-install-recommends $missing $useful >>"$log" 2>&1; then
    tail -n 30 "$log" >&2
    fail "apt-get install failed (all of its output: $log)"
  fi
  rm -f "$log"
  still=$("$1" | tr '\n' ' ')
  [ -z "$still" ] || fail "installed, but still not found: $still"
}

setup_system() {
  install_packages missing_packages useful_packages
  check_cmake
}
setup_cross() { install_packages cross_packages no_packages; }
setup_wall() { install_packages wall_packages no_packages; }

check_cmake() {
  version=$(cmake --version | sed -n '1s/^cmake version //p')
  oldest=$(printf '%s\n3.25\n' "$version" | sort -V | head -n 1)
  [ "$oldest" = 3.25 ] || fail "CMake 3.25 or newer is needed (presets, version 6); this is $version.
  Debian 12 and Ubuntu 24.04 have it; elsewhere: python3 -m pip install cmake"
}

# ---- Virtual environment --------------------------------------------------------------------------------------------
# The stamp holds what .venv was filled from; with the same text there is nothing to do. A moved checkout changes it too,
# since scripts in .venv/bin name their interpreter by its full path.
setup_python() {
  stamp=.venv/flowlogs-setup
  want="$(cat pyproject.toml tools/setup.sh | cksum) $(pwd)"
  have=$(cat $stamp 2>/dev/null || true)
  if [ -x .venv/bin/flowlogs ] && [ -x .venv/bin/python ] && [ "$have" = "$want" ]; then return 0; fi

  if [ -n "$have" ] && [ "${have#* * }" != "$(pwd)" ]; then
    say "this checkout was moved: .venv is made anew"
    rm -rf .venv
  fi
  if ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
    python=$(find_python) || fail "no Python 3.9 or newer with venv and headers (Debian: python3-venv python3-dev)"
    say "making the virtual environment .venv with $python ($("$python" -V))"
    "$python" -m venv --clear .venv
  fi
  say "installing into .venv: what pyproject.toml names for the build, the command and the tests"
  pip=".venv/bin/python -m pip --disable-pip-version-check -q"
  requires=$(sed -n 's/^requires = \[\(.*\)\]$/\1/p' pyproject.toml | tr -d '",')
  # shellcheck disable=SC2086
  $pip install $requires
  # Editable and in place: Python files are used where they lie, and CMake puts _core beside them (preset dev).
  $pip install --no-build-isolation -e '.[all,test]' \
    --config-settings=editable.mode=inplace --config-settings=wheel.cmake=false
  # A plain path instead of an import hook: PYTHONPATH then can name another build, as the benchmarks do.
  for hook in .venv/lib/python*/site-packages/_editable_skbc_flowlogs.pth; do
    [ ! -f "$hook" ] || echo "$(pwd)/bindings/python" >"$hook"
  done
  echo "$want" >$stamp
}

# ---- Peers -----------------------------------------------------------------------------------------------------------
setup_bench() {
  .venv/bin/python -c "import flowlogs_reader" 2>/dev/null && return 0
  peers=$(sed -n 's/^bench = \[\(.*\)\].*$/\1/p' pyproject.toml | tr -d '",' | sed 's/flowlogs\[frames\]//')
  say "installing into .venv, to measure beside:$peers"
  # shellcheck disable=SC2086
  .venv/bin/python -m pip --disable-pip-version-check -q install $peers || say "could not install$peers: make bench goes without"
}

case "${1:-all}" in
  system) setup_system ;;
  python) setup_python ;;
  bench) setup_bench ;;
  cross) setup_cross ;;
  wall) setup_wall ;;
  all) setup_system; setup_python ;;
  *) sed -n '2,8s/^# //p' "$0"; exit 2 ;;
esac
