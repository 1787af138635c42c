#!/bin/sh
# static_symbols.sh ARCHIVE PROGRAM OBJECT...: each object of an instruction set has one global name, no object has a weak
# one, which the linker could replace by that of another instruction set, and the library opens no modules.  A statically
# linked program needs no other file.
set -eu
archive=$1 program=$2
shift 2
for object in "$@"; do
  names=$(nm --defined-only "$object" | awk '$2 ~ /[A-Zuvw]/ { print $2, $3 }')
  case $names in
    'D lf_plugin_entry_'* | 'R lf_plugin_entry_'*) ;;
    *) echo "$object defines: $names"; exit 1 ;;
  esac
  [ "$(echo "$names" | wc -l)" = 1 ] || { echo "$object defines: $names"; exit 1; }
  if readelf -gW "$object" 2>/dev/null | grep COMDAT; then echo "$object has groups"; exit 1; fi
done
if nm "$archive" 2>/dev/null | grep -E ' U (dlopen|dlsym|dladdr|realpath|opendir)'; then
  echo "$archive: the above must not be needed"; exit 1
fi
if readelf -lW "$program" | grep -q INTERP || readelf -dW "$program" | grep -q NEEDED; then
  echo "$program is not static"; exit 1
fi
readelf -hW "$program" | grep -q 'DYN' || { echo "$program is not position-independent"; exit 1; }
