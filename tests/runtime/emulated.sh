#!/bin/sh
# emulated.sh LANEFOLD FAKE_PLUGIN.so VECTORS_TESTS SOFTWARE_FMA_TESTS: on emulated CPUs that this machine may not have,
# the right plugin is taken, no plugin that the CPU cannot run executes a single instruction, forcing one is an error,
# and the bits are the promised ones, even without FMA instructions.
set -eu
lanefold=$1 fake=$2 vectors=$3 software_fma=$4

emulator=$(command -v qemu-x86_64-static || command -v qemu-x86_64) ||
  { echo 'SKIPPED: no qemu-x86_64 (qemu-user-static of Debian)'; exit 77; }
unset LANEFOLD_ISA
"$emulator" -cpu max "$lanefold" info | grep -q '^CPU .* avx2' ||
  { echo 'SKIPPED: this qemu emulates no AVX2 (it is older than 7.2)'; exit 77; }
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
fail() { echo "$*"; cat "$place/output"; exit 1; }

# A plugin that aborts as soon as it is opened, for a CPU with AVX-512, which the emulator has never.
cp "$fake" "$place/aborts.so"
printf 'name aborts\nvendor tests\npriority 99\nneeds avx512f\n' >"$place/aborts.manifest"
chmod 755 "$place"
chmod 644 "$place"/aborts.*

# cpu taken [forced...]: the plugin that is taken, and those that must be refused.
check() {
  cpu=$1 taken=$2
  shift 2
  run="$emulator -cpu $cpu"
  LANEFOLD_PLUGIN_PATH=$place $run "$lanefold" info >"$place/output" 2>&1 || fail "$cpu: lanefold info failed"
  grep -q "^\* $taken " "$place/output" || fail "$cpu: $taken is not taken"
  grep -A2 '^- aborts' "$place/output" | grep -q 'needs avx512f, which this CPU lacks' ||
    fail "$cpu: aborts is not passed over"
  for forced in "$@"; do
    status=0
    LANEFOLD_ISA=$forced $run "$lanefold" train --epochs 1 >"$place/output" 2>&1 || status=$?
    [ "$status" = 2 ] || fail "$cpu: forcing $forced ended with $status"
    grep -q "$forced.*which this CPU lacks" "$place/output" || fail "$cpu: forcing $forced does not say why not"
  done
  for isa in $taken portable; do
    LANEFOLD_ISA=$isa $run "$vectors" >"$place/output" 2>&1 ||
      fail "$cpu: $isa gives other bits than the golden vectors"
  done
  echo "$cpu: $taken"
}

check Nehalem portable avx2 avx512
check Haswell avx2 avx512
check Skylake-Client avx2 avx512
check max avx2 avx512

# The fused multiply-add in software, where the C library has no instruction for it either.
"$emulator" -cpu Nehalem "$software_fma" >"$place/output" 2>&1 || fail 'Nehalem: the software fma is wrong'

# The same plugin, where nothing keeps it away: it does abort.
printf 'name aborts\nvendor tests\npriority 99\nneeds\n' >"$place/aborts.manifest"
if LANEFOLD_PLUGIN_PATH=$place $emulator "$lanefold" info >"$place/output" 2>&1; then
  fail 'the plugin that aborts does not, so that the test sees nothing'
fi
