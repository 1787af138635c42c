#!/bin/sh
# netlib.sh LIBRARY TESTER INPUT ROUTINE TESTS: Netlib's tester passes all of these tests of the routine, error exits
# included, with the library loaded before the reference library, and the routine that it called was the library's.
set -eu
library=$(readlink -f "$1") tester=$2 input=$3 routine=$4 tests=$5

folder=
for found in /usr/lib/*/blas; do
  if [ -x "$found/$tester" ] && [ -e "$found/libblas.so.3" ]; then folder=$found; fi
done
[ "$folder" ] ||
  { echo "SKIPPED: no $tester beside the reference library (libblas-test and libblas3 of Debian)"; exit 77; }

place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place" # the Fortran testers write their report to the working directory
status=0
LD_PRELOAD=$library LD_LIBRARY_PATH=$folder LD_DEBUG=bindings LD_DEBUG_OUTPUT=$place/bindings \
  "$folder/$tester" <"$folder/$input" >report.out 2>&1 || status=$?
cat ./*.out
[ "$status" = 0 ] || { echo "$tester ended with $status"; exit 1; }
if grep -hE 'FAIL|\*\*\*|ABANDONED' ./*.out; then echo 'the above must not be there'; exit 1; fi
passed=$(cat ./*.out | grep -cE "^ *$routine +PASSED THE .*TESTS")
[ "$passed" = "$tests" ] || { echo "$routine passed $passed tests, expected $tests"; exit 1; }
grep -hiE "binding file [^ ]*$tester .*/liblanefold_cblas\.so[^ ]* .*symbol .${routine}_?'" bindings.* ||
  { echo "$tester did not call $routine of $library"; exit 1; }
