#!/bin/sh
# handlers.sh LIBRARY FOLDER: with the library preloaded, NumPy and SciPy meet bad arguments of LAPACK and of the products
# as they do without it.  Their handlers lie in modules whose names are not global.
set -eu
library=$(readlink -f "$1") program=$2/handlers.py
python=/usr/bin/python3
"$python" -c 'import numpy' 2>/dev/null || { echo 'SKIPPED: no NumPy (python3-numpy of Debian)'; exit 77; }
without=$("$python" "$program" 2>&1) || { echo "without the library: $without"; exit 1; }
with=$(LD_PRELOAD=$library "$python" "$program" 2>&1) || { echo "with the library: $with"; exit 1; }
printf 'without:\n%s\nwith:\n%s\n' "$without" "$with"
[ "$with" = "$without" ]
