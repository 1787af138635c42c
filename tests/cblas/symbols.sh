#!/bin/sh
# symbols.sh LIBRARY: it exports exactly the products, and no handler, which would hide those of other libraries.
set -eu
exported=$(nm -D --defined-only "$1" | awk '{ print $2, $3 }' | sort | tr '\n' ';')
[ "$exported" = 'A LANEFOLD_CBLAS_1;T cblas_sgemm@@LANEFOLD_CBLAS_1;T cblas_sgemv@@LANEFOLD_CBLAS_1;T sgemm_@@LANEFOLD_CBLAS_1;T sgemv_@@LANEFOLD_CBLAS_1;' ] ||
  { echo "$1 exports: $exported"; exit 1; }
