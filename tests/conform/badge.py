#!/usr/bin/env python3
"""badge.py COMMAND PLUGIN: `COMMAND conform PLUGIN` says that the plugin keeps all promises, and gives it the badge."""
import subprocess
import sys

done = subprocess.run([sys.argv[1], 'conform', sys.argv[2]], stdout=subprocess.PIPE, text=True)
print(done.stdout, end='')
sys.exit(done.returncode or '\none chain   yes' not in done.stdout)
