#!/usr/bin/env bash
# mistakes.sh PROGRAM WITH_HANDLERS LIBRARY: a program without handlers of its own ends at a bad argument, and where no context can
# be made.  The message has the caller's number of the argument.  The handlers of a program are
# called as Netlib calls them: a row-major call counts as its column-major equivalent.
set -eu
program=$1 with_handlers=$2

# ends STATUS TEXT COMMAND...
ends() {
  status=$1 text=$2
  shift 2
  ended=0
  output=$("$@" 2>&1) || ended=$?
  case $ended:$output in
    "$status:"*"$text"*) echo "$*: $text" ;;
    *) echo "$*: ended with $ended, expected $status and '$text': $output"; exit 1 ;;
  esac
}

ends 0 '' "$program" none
ends 1 'Parameter 9 to routine cblas_sgemm was incorrect' "$program" row-major
ends 1 'Parameter 9 to routine cblas_sgemm was incorrect' "$program" column-major
ends 1 'On entry to SGEMM parameter number 8 had an illegal value' "$program" fortran
ends 1 'Illegal layout setting, 7' "$program" layout
ends 0 'my cblas_xerbla: cblas_sgemm 11' "$with_handlers" row-major
ends 0 'my cblas_xerbla: cblas_sgemm 9' "$with_handlers" column-major
ends 0 'my cblas_xerbla: cblas_sgemm 1 Illegal layout' "$with_handlers" layout
ends 0 'my xerbla_: SGEMM  8' "$with_handlers" fortran
# Another copy of the library is not a BLAS behind this one.
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cp -L "$3" "$place/copy.so"
ends 1 'Parameter 9 to routine cblas_sgemm was incorrect' env LD_PRELOAD="$place/copy.so" "$program" row-major
ulimit -c 0
ends 134 "liblanefold_cblas: LANEFOLD_ISA is 'none', but no plugin has this name" env LANEFOLD_ISA=none "$program" none
