#!/bin/sh
# beside.sh PROGRAM LIBRARY PLUGIN_FOLDER: plugins beside a copy of the library are used, whatever the path by which the
# library was opened, and whoever owns the copy.  They are not used if others can change them who cannot change the
# library.
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
expect() {
  what=$1 result=$2
  shift 2
  printed=$("$@") || { echo "$what: the program fails: $printed"; exit 1; }
  [ "$printed" = "$result" ] || { echo "$what: '$printed', but '$result' is right"; exit 1; }
}
# refused WHAT PART PROGRAM...: the best plugin is not used, and the reason has this part.
refused() {
  what=$1 part=$2
  shift 2
  reason=$("$@" "$best") || { echo "$what: the program fails: $reason"; exit 1; }
  case $reason in *"$part"*) ;; *) echo "$what: the reason is '$reason'; '$part' is right"; exit 1 ;; esac
  [ "$("$@")" != "$best" ] || { echo "$what: $best is used"; exit 1; }
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
