#!/bin/sh
# beside.sh PROGRAM LIBRARY PLUGIN_FOLDER: plugins beside a copy of the library are used, whatever the path by which the
# library was opened, and whoever owns the copy.  They are not used if others can change them who cannot change the
# library.  Where the best plugin is missing or refused, there is one warning, which names the file and the cure.
set -eu
program=$1 library=$2 plugins=$3
unset LANEFOLD_ISA LANEFOLD_PLUGIN_PATH
best=$("$program" "$library")
[ "$best" != portable ] || { echo 'SKIPPED: this CPU has the portable plugin alone'; exit 77; }
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
mkdir -p "$place/lib/lanefold"
cp -L "$library" "$place/lib/liblanefold.so.0"
cp "$plugins"/lanefold-*.so "$plugins"/lanefold-*.manifest "$place/lib/lanefold"
cp "$program" "$place/beside"
chmod -R u=rwX,go=rX "$place"

# expect WHAT RESULT PROGRAM...: the program prints this.
errors=$place/errors
expect() {
  what=$1 result=$2
  shift 2
  printed=$("$@" 2>"$errors") || { echo "$what: the program fails: $printed"; exit 1; }
  [ "$printed" = "$result" ] || { echo "$what: '$printed', but '$result' is right"; exit 1; }
  [ ! -s "$errors" ] || { echo "$what: on standard error: $(cat "$errors")"; exit 1; }
}
# warned WHAT PART... : the two contexts of the program are not the best, and there is one warning, with these parts, on
# standard error, in the log, and in the reason.
warned() {
  what=$1
  shift
  used=$("$place/beside" "$copy" 2>"$errors")
  [ "$used" != "$best" ] || { echo "$what: $best is used"; exit 1; }
  [ "$(wc -l <"$errors")" = 1 ] || { echo "$what: not one warning: $(cat "$errors")"; exit 1; }
  log=$("$place/beside" "$copy" log 2>"$errors" | grep '^log:')
  [ "$(echo "$log" | wc -l)" = 1 ] || { echo "$what: not one warning in the log: $log"; exit 1; }
  why=$("$place/beside" "$copy" why 2>>"$errors")
  [ "$(wc -l <"$errors")" = 1 ] || { echo "$what: the program has a log, but there is also: $(cat "$errors")"; exit 1; }
  for part in "the plugin $best" "suits this CPU better than $used" "$@"; do
    for text in "$(cat "$errors")" "$log" "$why"; do
      case $text in *"$part"*) ;; *) echo "$what: '$text' lacks '$part'"; exit 1 ;; esac
    done
  done
  [ "$("$place/beside" "$copy" quiet 2>&1)" = "$used" ] || { echo "$what: not quiet"; exit 1; }
  [ "$(LANEFOLD_ISA=portable "$place/beside" "$copy" 2>&1)" = portable ] || { echo "$what: portable was asked for"; exit 1; }
}
# refused WHAT PART PROGRAM...: the best plugin is not used, and the reason has this part.
refused() {
  what=$1 part=$2
  shift 2
  reason=$("$@" "$best" 2>/dev/null) || { echo "$what: the program fails: $reason"; exit 1; }
  case $reason in *"$part"*) ;; *) echo "$what: the reason is '$reason'; '$part' is right"; exit 1 ;; esac
  [ "$("$@" 2>/dev/null)" != "$best" ] || { echo "$what: $best is used"; exit 1; }
}

copy=$place/lib/liblanefold.so.0 module=$place/lib/lanefold/lanefold-$best.so
expect 'absolute path' "$best" "$place/beside" "$copy"
cd "$place/lib"
expect 'relative path' "$best" ../beside ./liblanefold.so.0
LD_LIBRARY_PATH=. expect 'search in the current folder' "$best" ../beside liblanefold.so.0
ln -s lib "$place/link"
expect 'link' "$best" ../beside ../link/liblanefold.so.0
cd /

chmod 666 "$module"
refused 'everyone may write' 'is writable by everyone' "$place/beside" "$copy"
chmod 664 "$module"
refused 'a group may write' 'is writable by a group' "$place/beside" "$copy"
chmod 664 "$copy"
expect 'the group may write to the library, too' "$best" "$place/beside" "$copy"
chmod 644 "$copy" "$module"
expect 'the reason, if nothing is wrong' 'it is the best one that can run here' "$place/beside" "$copy" why

chmod 666 "$module"
warned 'a refused plugin' "$module is writable by everyone" 'chmod go-w'
chmod 644 "$module"
mv "$module" "$place/kept.so"
warned 'a plugin without its module' "$module" 'install it again'
head -c 5000 "$place/kept.so" >"$module"
warned 'a plugin that is cut short' "$module is cut short" 'install it again'
mkdir "$place/good"
cp "$place/kept.so" "$place/good/${module##*/}"
cp "${module%.so}.manifest" "$place/good"
LANEFOLD_PLUGIN_PATH=$place/good expect 'a good one elsewhere' "$best" "$place/beside" "$copy"
head -c -1 "$place/kept.so" >"$module"
warned 'a plugin that lacks its last byte' "$module is cut short"
mv "$place/kept.so" "$module"
mv "${module%.so}.manifest" "$place/kept.manifest"
warned 'a plugin without its manifest' "${module%.so}.manifest does not exist" 'copy it from'
sed 's/^priority .*/priority 77/' "$place/kept.manifest" >"${module%.so}.manifest"
warned 'a plugin that makes false claims' 'its priority differs from that in its manifest' 'install it again'
mv "$place/kept.manifest" "${module%.so}.manifest"
mv "$place/lib/lanefold" "$place/lib/elsewhere"
warned 'no plugins' "$module does not exist" 'LANEFOLD_PLUGIN_PATH'
LANEFOLD_PLUGIN_PATH=$place/lib/elsewhere expect 'their folder in the variable' "$best" "$place/beside" "$copy"
mv "$place/lib/elsewhere" "$place/lib/lanefold"
expect 'all is well again' "$best" "$place/beside" "$copy"

# What a name of a file says cannot pass for a line of the library.
mkdir "$place/forged"
printf 'x' >"$place/forged/$(printf 'a\nlanefold: warning: b').manifest"
chmod 777 "$place/forged"
LANEFOLD_PLUGIN_PATH=$place/forged "$place/beside" "$copy" log >"$errors" 2>&1
[ "$(grep -c '^lanefold' "$errors")" = 0 ] || { echo "a forged line: $(cat "$errors")"; exit 1; }

if [ "$(id -u)" != 0 ] || ! command -v setpriv >/dev/null; then
  echo 'SKIPPED in part: only root can give files away'
  exit 0
fi
chown -R 12345:12345 "$place/lib"
set -- setpriv --reuid=12346 --regid=12346 --clear-groups "$place/beside" "$copy"
chmod 755 "$place"
expect "another user's copy" "$best" "$@"
expect "root with another user's copy" "$best" "$place/beside" "$copy"
chown 12347 "$module"
refused 'a third owner' 'belongs to another user' "$@"
chown 12345 "$module"
# Files that this user may not read are there, and the warning says so.
as_other() { setpriv --reuid=12346 --regid=12346 --clear-groups "$place/beside" "$copy" why 2>/dev/null; }
unreadable() {
  case $(as_other) in *"$2"*'let this user read it'*) ;; *) echo "$1: $(as_other)"; exit 1 ;; esac
}
chmod 700 "$place/lib/lanefold"
unreadable 'a folder that others may not read' "$place/lib/lanefold"
chmod 711 "$place/lib/lanefold"
unreadable 'a folder that others may not list' "$place/lib/lanefold"
chmod 755 "$place/lib/lanefold"
chmod 600 "$module"
unreadable 'a module that others may not read' "$module"
