#!/usr/bin/env bash
# install.sh BUILD SOURCE LIBDIR PLUGINDIR: installs the build into a folder, moves the installed tree, and checks that the
# command starts and that the README's program links and starts by pkg-config, CMake and make.  Then it takes files away,
# and each message names what is missing.
set -eu
build=$1 source=$2 libdir=$3 plugindir=$4
unset LANEFOLD_ISA LANEFOLD_PLUGIN_PATH LD_LIBRARY_PATH
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
wrong() { echo "$1"; exit 1; }
# says TEXT COMMAND...: whatever its status, the command says this.
says() {
  local text=$1 said
  shift
  said=$("$@" 2>&1) || true
  case $said in *"$text"*) ;; *) wrong "$*: '$said' lacks '$text'" ;; esac
}

DESTDIR=$place/staged meson install -C "$build" --no-rebuild >install.log
prefix=$(dirname "$(dirname "$(find staged -name lanefold -path '*/bin/*')")")
mkdir elsewhere
mv "$prefix" elsewhere/moved
prefix=$place/elsewhere/moved
chmod -R go-w "$prefix"
lib=$prefix/$libdir plugins=$prefix/$plugindir

# The documents link each other, and the headers, where they are installed.
python3 "$source/tests/docs/links.py" "$prefix/share/doc/lanefold" || wrong 'the above links of the documents are dead'
for file in include/lanefold/plugin.h include/lanefold/cpp/calls.hpp share/doc/lanefold/LICENSE \
  share/doc/lanefold/docs/guide/link.md share/doc/lanefold/examples/training_step.c \
  share/doc/lanefold/docs/golden_vectors.json share/doc/lanefold/examples/minimal.c \
  share/doc/lanefold/examples/plugin/template.manifest "$libdir/liblanefold.so" "$libdir/liblanefold_cblas.so.0" \
  "$libdir/liblanefold_model.so.0" include/lanefold/model.h include/lanefold/model.hpp; do
  [ -e "$prefix/$file" ] || wrong "$file is not installed"
done
if find "$prefix" -name '*portable*' -o -name 'any-order*' -o -name 'recorder*' -o -name 'microkernels*' | grep .; then
  wrong 'the above are of no use where Lanefold is installed'
fi

"$prefix/bin/lanefold" info >about
grep -q "$plugins" about || wrong "the command does not use the plugins beside its library: $(cat about)"

package=$(find "$prefix" -path '*/lanefold/__init__.py')
if [ "$package" ]; then
  # The name of the extension says which interpreter it is for.
  version=$(find "$prefix" -name '_lanefold.cpython-*.so' | sed 's/.*cpython-3\([0-9]*\)-.*/3.\1/')
  PYTHONPATH=$(dirname "$(dirname "$package")") PYTHONDONTWRITEBYTECODE=1 "/usr/bin/python$version" -c \
    'import lanefold; print(lanefold.plugins()[0].path)' >about || wrong 'the Python package does not start'
  grep -q "$plugins" about || wrong "the Python package does not use the plugins of the installed library: $(cat about)"
fi

# The program of the README.
# shellcheck disable=SC2016 # the backquotes are Markdown's
sed -n '/^```c$/,/^```$/{/^```/d;p}' "$source/README.md" >hello.c
grep -q lf_context_create hello.c || wrong 'the README has no program'
right='ELU(x w) = 7 1'
export PKG_CONFIG_PATH=$lib/pkgconfig
version=$(pkg-config --modversion lanefold)
[ "$(realpath "$(pkg-config --variable=plugindir lanefold)")" = "$plugins" ] || wrong 'plugindir is wrong'
# shellcheck disable=SC2046 # flags
cc hello.c $(pkg-config --cflags --libs lanefold) "-Wl,-rpath,$lib" -o by-pkg-config
says "$right" ./by-pkg-config
if [ -e "$lib/liblanefold.a" ]; then
  # shellcheck disable=SC2046 # flags
  cc hello.c $(pkg-config --cflags lanefold) "$lib/liblanefold.a" \
    $(pkg-config --static --libs-only-l lanefold | sed 's/-llanefold//') -o by-archive
  says "$right" ./by-archive
fi

cp -r "$prefix/share/doc/lanefold/examples" examples
make -s -C examples CPPFLAGS="-I$prefix/include" LDFLAGS="-L$lib -Wl,-rpath,$lib"
for example in minimal gemm training_step parts latency training contexts own_executor; do
  "examples/$example" >/dev/null || wrong "examples/$example fails"
done
# Networks in files, by pkg-config; only this library has parsers.
onnx=$source/tests/fuzz/inputs/onnx.own
says 'one prediction in' examples/predict "$onnx"
# shellcheck disable=SC2046 # flags
cc examples/predict.c $(pkg-config --cflags --libs lanefold-model) "-Wl,-rpath,$lib" -o predict
says 'one prediction in' ./predict "$onnx"
"$prefix/bin/lanefold" import "$onnx" -o imported.safetensors >/dev/null || wrong 'the installed command does not import'
if nm -DC "$lib/liblanefold.so.0" | grep -qi 'onnx\|safetensors\|json'; then wrong 'liblanefold has a parser'; fi
# The plugins, as the guide says: its program is the example, and its commands lead to a plugin that conforms.
guide=$prefix/share/doc/lanefold/docs/guide/plugins.md
mkdir -m 755 mine
# shellcheck disable=SC2016 # the backquotes are Markdown's
sed -n '/^```c mine.c$/,/^```$/{/^```/d;p}' "$guide" >mine/mine.c
cmp mine/mine.c examples/plugin/mine.c || wrong "the program of $guide is not examples/plugin/mine.c"
cp examples/plugin/mine.manifest mine
# shellcheck disable=SC2016
sed -n '/^cc .*mine.so$/,/^```$/{/^```/d;p}' "$guide" >steps
[ "$(wc -l <steps)" = 4 ] || wrong "$guide has other steps than this test knows: $(cat steps)"
sed -i "s|^cc |cc -I$prefix/include |" steps
chmod go-w mine/*
(cd mine && PATH=$prefix/bin:$PATH sh -e ../steps) >about || wrong "the steps of the guide fail: $(cat about)"
grep -q ' 0 fail, 0 not run' about || wrong "the plugin of the guide does not conform: $(cat about)"
grep -q '^. mine (me)' about || wrong "the plugin of the guide is not found: $(cat about)"
if pkg-config --exists openblas; then
  make -s -C examples/plugin CPPFLAGS="-I$prefix/include" openblas.so
  chmod go-w examples examples/plugin examples/plugin/*
  "$prefix/bin/lanefold" conform examples/plugin/openblas.so >about || wrong "$(cat about)"
  grep -q '^one chain   no' about || wrong "OpenBLAS has the badge: $(cat about)"
else
  echo 'SKIPPED in part: no OpenBLAS to link'
fi

if command -v cmake >/dev/null; then
  mkdir cmake-project
  cp hello.c cmake-project
  echo 'void sgemm_(void); int main(int n, char **v) { (void)v; if (n > 5) sgemm_(); return 0; }' >cmake-project/blas.c
  cat >cmake-project/CMakeLists.txt <<'CMAKE'
cmake_minimum_required(VERSION 3.18)
project(hello C CXX)
find_package(Lanefold REQUIRED COMPONENTS model)
add_executable(hello hello.c)
target_link_libraries(hello Lanefold::lanefold)
add_executable(blas blas.c)
target_link_libraries(blas Lanefold::cblas)
add_executable(predict ../examples/predict.c)
target_link_libraries(predict Lanefold::model)
if(TARGET Lanefold::static)
  add_executable(hello-static hello.c)
  set_target_properties(hello-static PROPERTIES LINKER_LANGUAGE CXX)
  target_link_libraries(hello-static Lanefold::static)
endif()
CMAKE
  cmake -S cmake-project -B by-cmake -DCMAKE_PREFIX_PATH="$prefix" >cmake.log 2>&1 || wrong "$(cat cmake.log)"
  cmake --build by-cmake >cmake.log 2>&1 || wrong "$(cat cmake.log)"
  says "$right" by-cmake/hello
  says 'one prediction in' by-cmake/predict "$onnx"
  by-cmake/blas || wrong 'the program of Lanefold::cblas does not start'
  if [ -e "$lib/liblanefold.a" ]; then says "$right" by-cmake/hello-static; fi
  sed -i "s/Lanefold REQUIRED/Lanefold ${version%.*} REQUIRED/" cmake-project/CMakeLists.txt
  cmake -S cmake-project -B this-series -DCMAKE_PREFIX_PATH="$prefix" >cmake.log 2>&1 || wrong "$(cat cmake.log)"
  sed -i "s/Lanefold ${version%.*} REQUIRED/Lanefold 999.1 REQUIRED/" cmake-project/CMakeLists.txt
  says "$version" cmake -S cmake-project -B newer -DCMAKE_PREFIX_PATH="$prefix"
  sed -i 's/Lanefold 999.1/Lanefold/' cmake-project/CMakeLists.txt
  sed -i 's/COMPONENTS model/COMPONENTS teapot/' cmake-project/CMakeLists.txt
  says 'without the component teapot' cmake -S cmake-project -B teapot -DCMAKE_PREFIX_PATH="$prefix"
  sed -i 's/COMPONENTS teapot/COMPONENTS model/' cmake-project/CMakeLists.txt
  mv "$lib/liblanefold_cblas.so.0" kept
  says 'install Lanefold again' cmake -S cmake-project -B broken -DCMAKE_PREFIX_PATH="$prefix"
  mv kept "$lib/liblanefold_cblas.so.0"
else
  echo 'SKIPPED in part: no cmake'
fi

# Half of the files are gone.
best=$(./by-pkg-config | sed 's/:.*//')
if [ "$best" != portable ]; then
  rm "$plugins/lanefold-$best.so"
  says "$plugins/lanefold-$best.so cannot be opened" ./by-pkg-config
  says 'install it again' ./by-pkg-config
  rm -r "$plugins"
  says "$plugins/lanefold-$best.so does not exist" ./by-pkg-config
  says "$right" ./by-pkg-config
fi
rm "$lib"/liblanefold.so.*
says 'liblanefold.so.0' "$prefix/bin/lanefold" info
