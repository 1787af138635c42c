#!/bin/sh
# symbols.sh LIBRARY: it exports exactly the products, and the handlers, which are weak.
set -eu
exported=$(nm -D --defined-only "$1" | awk '{ print $2, $3 }' | sort | tr '\n' ';')
[ "$exported" = 'T cblas_sgemm;T cblas_sgemv;T sgemm_;T sgemv_;W cblas_xerbla;W xerbla_;' ] ||
  { echo "$1 exports: $exported"; exit 1; }
