#!/usr/bin/env python3
"""badge.py COMMAND PLUGIN: `COMMAND conform PLUGIN` says that the plugin keeps all promises, and gives it the badge.  A
CPU that lacks what the plugin needs can test only the file, so Meson counts the test as skipped."""
import json
import os
import shlex
import subprocess
import sys

SKIPPED = 77  # as Meson expects
emulator = shlex.split(os.environ.get('MESON_EXE_WRAPPER', ''))
done = subprocess.run([*emulator, sys.argv[1], 'conform', sys.argv[2], '--json'], stdout=subprocess.PIPE, text=True)
report = json.loads(done.stdout)
lacking = report['one_chain_reason'] if report['one_chain_reason'].startswith('this CPU lacks ') else ''
for check in report['checks']:
    if check['state'] in ('fails', 'not run') and check['findings'] != [lacking]:
        print('%-7s %-15s %s' % (check['state'], check['name'], check['findings'][0]))
if lacking and not any(check['state'] == 'fails' for check in report['checks']):
    print('SKIPPED: ' + lacking)
    sys.exit(SKIPPED)
print('one chain: %s %s' % (report['one_chain'], report['one_chain_reason']))
sys.exit(done.returncode or report['one_chain'] is not True)
