#!/usr/bin/env bash
# subproject.sh SOURCE: a Meson project that has Lanefold as a subproject gets its library by dependency('lanefold').
# Building only that project's program also builds the plugins, in the folder where the library looks for them.  If flags
# that the project adds for all its subprojects change results, they are refused or have no effect.  ./dev package builds
# and runs such a program; here ninja only says what it would do.
set -eu
source=$1
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
mkdir -p project/subprojects/lanefold
for part in CHANGELOG.md LICENSE README.md bench cli docs examples include kernels meson.build meson_options.txt model packaging plugins python runtime tests trainer; do
  cp -r "$source/$part" project/subprojects/lanefold
done
cp -r "$source/subprojects" project/subprojects/lanefold
cp "$source/examples/minimal.c" project
cat >project/meson.build <<'MESON'
project('minimal', 'c')
lanefold = dependency('lanefold', fallback: 'lanefold')
dependency('lanefold-cblas', fallback: 'lanefold')
executable('minimal', 'minimal.c', dependencies: lanefold)
MESON
meson setup build project >log || { cat log; exit 1; }
ninja -C build -n minimal >steps
for plugin in build/subprojects/lanefold/plugins/*.manifest.in; do
  name=${plugin##*/}
  name=${name%.manifest.in}
  grep -q "subprojects/lanefold/plugins/$name.so" steps || { echo "$name is not built with the program"; exit 1; }
done
[ "$(readlink -f build/subprojects/lanefold/runtime/lanefold)" = "$place/build/subprojects/lanefold/plugins" ] ||
  { echo 'the library would not find its plugins'; exit 1; }

sed -i "1a add_global_arguments('-ffast-math', language: ['c'])" project/meson.build
sed -i "1s/'c')/'c', 'cpp')/; 2s/\['c'\]/['c', 'cpp']/" project/meson.build
meson setup fast project >log || { cat log; exit 1; }
if ninja -C fast -k 1 minimal >log 2>&1; then
  echo 'a flag of the project changes results'; exit 1
fi
grep -q 'a flag of fast mathematics changes the results' log || { tail -n 20 log; exit 1; }

# The compiler does not say whether it contracts products and sums, but the last flag decides.
sed -i 's/-ffast-math/-ffp-contract=fast/' project/meson.build
meson setup contracted project >log || { cat log; exit 1; }
ninja -C contracted -t commands minimal | grep -E 'kernels-|lanefold-runtime' | grep -- '-ffp-contract=fast' >compiled
[ "$(sed 's/.*-ffp-contract=\([a-z]*\).*/\1/' compiled | sort -u)" = off ] ||
  { echo 'a flag of the project contracts products and sums'; exit 1; }
