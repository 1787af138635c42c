#!/bin/sh
# onnx.sh PROGRAM FOLDER: makes ONNX files with NumPy, PyTorch and scikit-learn, as far as the system has them, and runs the
# test of cases on each.  If LANEFOLD_ONNXRUNTIME names ONNX Runtime's library, that also runs them, and what Lanefold
# writes of them.
set -eu
program=$(readlink -f "$1") folder=$2

python=
for found in /usr/bin/python3 python3; do
  if [ -z "$python" ] && "$found" -c 'import numpy, onnx' 2>/dev/null; then python=$found; fi
done
[ "$python" ] || { echo 'SKIPPED: no ONNX for Python (python3-onnx of Debian)'; exit 77; }

place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
# compare SCRIPT MODULE: skips what needs a module that the system lacks.
compare() {
  "$python" -c "import $2" 2>/dev/null || { echo "without $2"; return 0; }
  mkdir "$place/$2" "$place/$2.written"
  "$python" "$folder/$1" "$place/$2"
  LANEFOLD_ONNX_CASES=$place/$2 LANEFOLD_ONNX_WRITTEN=$place/$2.written "$program"
  [ -n "${LANEFOLD_ONNXRUNTIME:-}" ] || return 0
  "$python" "$folder/onnx_runtime.py" "$LANEFOLD_ONNXRUNTIME" "$place/$2"
  "$python" "$folder/onnx_runtime.py" "$LANEFOLD_ONNXRUNTIME" "$place/$2" "$place/$2.written"
}
compare make_onnx.py numpy
compare make_random_onnx.py onnx
compare make_torch_onnx.py torch
compare make_scikit_onnx.py sklearn
