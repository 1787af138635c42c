#!/bin/sh
# one_object.sh COMPILER... -- OBJCOPY ARCHIVE ENTRY OUTPUT: links the objects of a plugin's archive into one object, which
# exports the plugin's entry under the name ENTRY and nothing else.
set -eu
compiler=''
while [ "$1" != -- ]; do
  compiler="$compiler $1"
  shift
done
objcopy=$2 archive=$3 entry=$4 output=$5
# Groups of inline functions become ordinary sections; otherwise the linker would keep one group for all plugins.
$compiler -nostdlib -r -Wl,--force-group-allocation -Wl,--whole-archive "$archive" -o "$output.all"
"$objcopy" --redefine-sym "lf_plugin_entry_v1=$entry" "$output.all"
"$objcopy" --keep-global-symbol "$entry" "$output.all" "$output"
rm "$output.all"
