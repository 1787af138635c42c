#!/bin/sh
# symbols.sh LIBRARY PLUGIN.so...: each plugin exports exactly one symbol, and the library does not export that of
# portable; none is GNU_UNIQUE, and there is no RPATH.
set -eu
if nm -D --defined-only "$1" | grep lf_plugin_entry; then
  echo "$1: the above must not leave it: another plugin could take the place of portable"; exit 1
fi
shift
for plugin in "$@"; do
  exported=$(nm -D --defined-only "$plugin" | awk '{ print $2, $3 }')
  [ "$exported" = "R lf_plugin_entry_v1" ] || [ "$exported" = "D lf_plugin_entry_v1" ] ||
    { echo "$plugin exports: $exported"; exit 1; }
  if readelf -d "$plugin" | grep -E 'RPATH|RUNPATH|libtbb|libstdc'; then
    echo "$plugin: the above must not be there"; exit 1
  fi
  echo "$plugin: one symbol"
done
