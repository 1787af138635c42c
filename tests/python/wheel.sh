#!/usr/bin/env bash
# wheel.sh SOURCE BUILD PYTHON: makes a wheel, installs it into a fresh environment, and uses it from another folder.  All of
# Lanefold and oneTBB then come from the wheel.  Uninstalling it leaves nothing.
set -eu
source=$1 build=$2 python=$3
unset PYTHONPATH LD_LIBRARY_PATH LANEFOLD_ISA LANEFOLD_PLUGIN_PATH
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
wrong() { echo "$1"; exit 1; }
command -v patchelf >/dev/null || { echo 'SKIPPED: no patchelf'; exit 77; }
"$python" -m venv --system-site-packages "$place/environment" >"$place/log" 2>&1 ||
  { cat "$place/log"; echo 'SKIPPED: no venv (python3-venv of Debian)'; exit 77; }

wheel=$("$source/tools/wheel" "$build" "$place/wheels")
again=$("$source/tools/wheel" "$build" "$place/again")
cmp "$wheel" "$again" || wrong 'two wheels of the same build differ'
cd "$place"
"$place/environment/bin/pip" install --no-index --no-deps "$wheel" >log 2>&1 || wrong "$(cat log)"
LANEFOLD_BUILD=$build "$place/environment/bin/python" - "$place/environment" "$build" <<'PYTHON'
import importlib.metadata
import sys
import lanefold
import numpy
place, build = sys.argv[1:]
a = numpy.arange(6, dtype=numpy.float32).reshape(2, 3)
assert lanefold.sgemm(a, a.T).tolist() == [[5, 14], [14, 50]]
best = lanefold.plugins()[0]
assert best.name == 'portable' or best.path.startswith(place), best
assert not best.usable or lanefold.default_context().isa == best.name, lanefold.default_context().isa_reason
big = numpy.ones((700, 700), numpy.float32)
assert (lanefold.sgemm(big, big) == 700).all()
lanefold.Model(lanefold.dense_layers([3, 2])).save('model.onnx')
assert lanefold.Model.open('model.onnx').describe()['outputs'] == 2
with open('/proc/self/maps', encoding='utf-8') as maps:
    loaded = {line.split()[-1] for line in maps if 'lanefold' in line or 'libtbb.' in line}
assert loaded and all(path.startswith(place) for path in loaded), loaded
# The wheel has the whole licence of everything inside it.
distribution = importlib.metadata.distribution('lanefold')
texts = {path.name: path.read_text() for path in distribution.files if path.name.startswith('LICENSE')}
parts = {'LICENSE': 'Permission is hereby granted', 'LICENSE.pybind11': 'Redistribution and use in source and binary forms',
         'LICENSE.xsimd': 'Redistribution and use in source and binary forms',
         'LICENSE.nlohmann-json': 'Permission is hereby granted',
         'LICENSE.protozero': 'Redistribution and use in source and binary forms'}
if any('libtbb.' in path for path in loaded):
    parts['LICENSE.oneTBB'] = '4. Redistribution. You may reproduce and distribute copies'
assert sorted(texts) == sorted(parts), sorted(texts)
for name, part in parts.items():
    assert part in texts[name], name
assert sorted(distribution.metadata.get_all('License-File')) == sorted(parts)
assert distribution.requires == ['numpy>=1.21'], distribution.requires
PYTHON
"$place/environment/bin/pip" check 2>&1 | grep -i lanefold && wrong 'the wheel needs what is missing'
"$place/environment/bin/pip" uninstall -y lanefold >log 2>&1 || wrong "$(cat log)"
if find "$place/environment" -name '*lanefold*' | grep .; then wrong 'the above is left after uninstalling'; fi
