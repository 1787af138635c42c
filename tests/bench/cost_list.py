"""cost_list.py [--accept] LANEFOLD, or COSTS.json: what calls cost, compared with the list of this compiler in
tests/bench/costs/.  The file is what `./dev bench cost-neon` printed.

A cost that changed by more than 0.5% fails, until the same commit accepts it: `./dev bench accept-costs` counts again and
rewrites the list.  Cache lines may change by four more: where code is added, what lies behind it moves, and a function
that begins elsewhere in a line takes one line more or less.  It exits with 77, which Meson counts as skipped, if this compiler lacks a list or the
program cannot count."""
import json
import pathlib
import re
import subprocess
import sys

MOST_CHANGE, MOST_LINES = 0.005, 4
COLUMNS = ('instructions', 'multiply_adds', 'loads', 'stores', 'shuffles', 'divisions', 'branches', 'rest', 'flops',
           'bytes_read', 'bytes_written', 'lines')
FOLDER = pathlib.Path(__file__).with_name('costs')
HEAD = '# What one warm call costs; ./dev bench accept-costs writes this file.'
# Portable has ten times as many instructions, so a few calls stand for it.
PORTABLE = r'm:16/n:16|norm|loss|n:4096'


def skip(reason):
    print('SKIPPED:', reason)
    sys.exit(77)


def count(command, words):
    run = subprocess.run([command, 'bench', 'cost', '--json', *words], capture_output=True, text=True)
    if 'cannot count instructions' in run.stderr:
        skip(run.stderr.strip())
    if run.returncode != 0:
        sys.exit(run.stderr)
    return json.loads(run.stdout)


def usable(command):
    info = json.loads(subprocess.run([command, 'info', '--json'], check=True, capture_output=True).stdout)
    return [plugin['name'] for plugin in info['plugins'] if plugin['usable']]


def counted(source):
    """Costs by name, the instruction sets, and the compiler and flags of the program."""
    if source.endswith('.json'):
        runs = {'neon': json.loads(pathlib.Path(source).read_text())}
    else:
        runs = {isa: count(source, ['--isa', isa, *([PORTABLE] if isa == 'portable' else [])]) for isa in usable(source)}
    costs = {cost['name']: [cost[column] for column in COLUMNS] for found in runs.values() for cost in found['costs']}
    return costs, list(runs), next(iter(runs.values()))['program']


def read(path):
    lines = path.read_text().splitlines()
    flags = lines[1].removeprefix('# ')
    rows = (line.split() for line in lines if not line.startswith('#'))
    return {row[-1]: [int(number) for number in row[:-1]] for row in rows}, flags


def write(path, costs, flags):
    lines = [HEAD, '# ' + flags, '#' + ' '.join(COLUMNS)]
    lines += [' '.join('%d' % number for number in costs[name]) + ' ' + name for name in sorted(costs)]
    FOLDER.mkdir(exist_ok=True)
    path.write_text('\n'.join(lines) + '\n')


def changes(before, after):
    """What changed too much, as text."""
    return ', '.join('%s %d -> %d (%+.2f%%)' % (column, old, new, 100 * (new - old) / max(old, 1))
                     for column, old, new in zip(COLUMNS, before, after)
                     if abs(new - old) > MOST_CHANGE * old + (MOST_LINES if column == 'lines' else 0))


def compare(known, costs, isas):
    wrong = []
    for name in sorted(known.keys() | costs.keys()):
        if re.search('/isa:([^/]*)', name)[1] not in isas:
            continue  # this CPU cannot run it
        if name not in costs or name not in known:
            wrong.append('%s: %s' % (name, 'was counted before, but not now' if name in known else 'is missing from the list'))
        elif changed := changes(known[name], costs[name]):
            wrong.append('%s: %s' % (name, changed))
    return wrong


def main(arguments):
    costs, isas, program = counted(arguments[-1])
    compiler, version = re.match(r'(\w+) (\d+)', program['compiler']).groups()
    neon = '-neon' if isas == ['neon'] else ''
    flags = program['flags']
    # Functions of different sources are not inlined into each other, unless these are compiled together.
    apart = '-separate' if 'separate sources' in flags else ''
    path = FOLDER / ('%s-%s%s%s.txt' % (compiler, version, neon, apart))
    if arguments[0] == '--accept':
        known = read(path)[0] if path.exists() else {}
        kept = {name: cost for name, cost in known.items() if re.search('/isa:([^/]*)', name)[1] not in isas}
        write(path, {**kept, **costs}, flags)
        return print('%s: %d costs' % (path, len(costs)))
    if not path.exists():
        skip('tests/bench/costs lacks a list for %s; ./dev bench accept-costs makes it' % program['compiler'])
    known, flags_of_list = read(path)
    if flags != flags_of_list:
        skip('the list of %s is for the flags "%s", but this build has "%s"' % (compiler, flags_of_list, flags))
    wrong = compare(known, costs, isas)
    if wrong:
        sys.exit('\n'.join(wrong) + '\n%d of %d costs changed by more than %.1f%%; ./dev bench accept-costs accepts them'
                 % (len(wrong), len(costs), 100 * MOST_CHANGE))
    print('%d costs are within %.1f%% of %s' % (len(costs), 100 * MOST_CHANGE, path.name))
    others = {re.search('/isa:([^/]*)', name)[1] for name in known} - set(isas)
    if others:
        print('not checked, because this CPU lacks it:', ', '.join(sorted(others)))


if __name__ == '__main__':
    main(sys.argv[1:])
