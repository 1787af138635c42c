#!/usr/bin/env bash
# flags.sh SOURCE: the build refuses flags of the environment that would change results or need a certain CPU, and says
# which.  Other flags are welcome.
set -eu
source=$1
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
number=0
# refused WORDS VARIABLE=VALUE...
refused() {
  local words=$1
  shift
  number=$((number + 1))
  if env "$@" meson setup "refused-$number" "$source" -Dtrainer=disabled -Dtests=disabled >log 2>&1; then
    echo "$*: the build is configured"; exit 1
  fi
  grep -q "ERROR: .*$words" log || { echo "$*: no message with '$words':"; tail -3 log; exit 1; }
}
refused 'contain -ffast-math' CXXFLAGS='-O2 -ffast-math'
refused 'contain -Ofast' CXXFLAGS=-Ofast
refused 'contain -Ofast' CFLAGS=-Ofast
refused 'contain -ffast-math' LDFLAGS=-ffast-math
refused 'contain -funsafe-math-optimizations' CXXFLAGS=-funsafe-math-optimizations
refused 'contain -ffp-contract=fast' CXXFLAGS=-ffp-contract=fast
if [ "$(uname -m)" = x86_64 ]; then
  # GCC 13 and newer.
  if cc -mdaz-ftz -E -x c /dev/null >/dev/null 2>&1; then refused 'contain -mdaz-ftz' LDFLAGS=-mdaz-ftz; fi
  refused 'a flag for a certain CPU' CXXFLAGS=-march=haswell
  refused 'a flag for a certain CPU' CFLAGS=-mavx
  if grep -q ' ssse3 ' /proc/cpuinfo; then refused 'a flag for a certain CPU' CXXFLAGS=-march=native; fi
fi
env CXXFLAGS='-O3 -g -fstack-protector-strong -D_FORTIFY_SOURCE=2' LDFLAGS='-Wl,-z,relro' \
  meson setup welcome "$source" -Dtrainer=disabled -Dtests=disabled >log 2>&1 || { tail -3 log; exit 1; }
