#!/bin/sh
# torch.sh LIBRARY FOLDER: runs the comparison with the Python that has PyTorch.
set -eu
library=$(readlink -f "$1")
for python in /usr/bin/python3 python3; do
  if "$python" -c 'import torch' 2>/dev/null; then exec "$python" "$2/training_steps.py" "$library"; fi
done
echo 'SKIPPED: no PyTorch (python3-torch of Debian)'
exit 77
