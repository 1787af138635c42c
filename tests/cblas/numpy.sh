#!/bin/sh
# numpy.sh LIBRARY FOLDER: with the library preloaded, NumPy's products are chains of fused multiply-adds to the last
# bit, made by this library.  Without it not all are, at least on x86-64: elsewhere the other BLAS may be compiled with
# fused multiply-adds throughout.
set -eu
library=$(readlink -f "$1") program=$2/numpy_products.py

# The system's Python first: one from elsewhere has a NumPy that brings its own BLAS.
python=
for found in /usr/bin/python3 python3; do
  if [ -z "$python" ] && "$found" -c 'import numpy' 2>/dev/null; then python=$found; fi
done
[ "$python" ] || { echo 'SKIPPED: no NumPy (python3-numpy of Debian)'; exit 77; }

place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
LD_DEBUG=bindings LD_DEBUG_OUTPUT=$place/plain "$python" "$program" >"$place/without"
grep -q "symbol .cblas_sgemm'" "$place"/plain.* ||
  { echo 'SKIPPED: this NumPy takes no cblas_sgemm from a shared library'; exit 77; }
LD_PRELOAD=$library LD_DEBUG=bindings LD_DEBUG_OUTPUT=$place/preloaded "$python" "$program" >"$place/with"

echo 'without:'; cat "$place/without"
echo 'with:'; cat "$place/with"
if grep -q 'not the chain' "$place/with"; then exit 1; fi
grep -q 'the chain' "$place/with"
if [ "$(uname -m)" = x86_64 ] && ! grep -q 'not the chain' "$place/without"; then
  echo 'the test sees no difference between this library and the other'; exit 1
fi
for routine in cblas_sgemm cblas_sgemv; do
  grep -hE "binding file [^ ]*numpy.*/liblanefold_cblas\.so[^ ]* .*symbol .$routine'" "$place"/preloaded.* ||
    { echo "NumPy did not call $routine of $library"; exit 1; }
done
