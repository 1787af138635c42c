#!/usr/bin/env python3
"""report_types.py: the Python packages of the reports, the costs and the peers, and what they import, have type hints that
`mypy --strict` accepts.
Exits with code 77, which Meson counts as skipped, where mypy is not installed."""
import os
import subprocess
import sys
import tempfile

MYPY = '/usr/bin/mypy'
HERE = os.path.dirname(os.path.abspath(__file__))

if not os.path.exists(MYPY):
    print('SKIPPED: mypy is not installed (mypy of Debian)')
    sys.exit(77)
with tempfile.TemporaryDirectory() as cache:
    sys.exit(subprocess.run([MYPY, '--config-file', HERE + '/mypy.ini', '--cache-dir', cache, '-p', 'bench.report',
                             '-p', 'bench.cost', '-p', 'bench.peers', '-p', 'trainer.study', '-p', 'cli'],
                            cwd=os.path.dirname(os.path.dirname(HERE))).returncode)
