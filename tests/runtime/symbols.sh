#!/bin/sh
# symbols.sh LIBRARY PLUGIN.so...: the library exports only the functions of the headers, with the version LANEFOLD_1, and
# is never unloaded.  In particular it does not export the entry of portable, whose place another plugin could take.
# Each plugin exports exactly one symbol; none is GNU_UNIQUE, and there is no RPATH.
set -eu
if nm -D --defined-only "$1" | awk '{ print $2, $3 }' | grep -Ev '^T lf_[a-z_]+@@LANEFOLD_1$|^A LANEFOLD_1$'; then
  echo "$1: the above must not leave it"; exit 1
fi
if nm -D --defined-only "$1" | grep lf_plugin_entry; then
  echo "$1: the above must not leave it"; exit 1
fi
readelf -d "$1" | grep -q 'Flags:.*NODELETE' || { echo "$1: it must never be unloaded"; exit 1; }
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
