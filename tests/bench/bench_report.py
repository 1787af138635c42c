#!/usr/bin/env python3
"""bench_report.py: tests the page of `lanefold bench` and the tables of README.md with made-up results.
Exits with code 77, which Meson counts as skipped, if no Python on this machine has matplotlib."""
import json
import os
import re
import subprocess
import sys
import tempfile
from html.parser import HTMLParser

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
VOID = {'meta', 'path', 'use', 'rect', 'circle', 'br', 'wbr', 'line', 'image'}


def python_with_matplotlib():
    for python in 'python3', '/usr/bin/python3':
        try:
            if subprocess.run([python, '-c', 'import matplotlib'], stderr=subprocess.DEVNULL).returncode == 0:
                return python
        except FileNotFoundError:
            pass
    print('SKIPPED: matplotlib is not installed')
    sys.exit(77)


# ------------------------------------------------------------------------------------------------------ made-up results

def name_of(fields):
    return '/'.join('%s:%s' % item for item in sorted(fields.items()))


def described(family, op='', **fields):
    """The name and the fields of a subject."""
    own = {'family': family, 'op': op or family, **fields, 'isa': 'avx2', 'threads': fields.get('threads', 1)}
    own = {'pass' if key == 'pass_' else key: value for key, value in own.items()}
    return {'name': name_of(own), **own}


def with_peer(subject, peer):
    own = {key: value for key, value in subject.items() if key != 'name'}
    return {'name': name_of(dict(own, peer=peer)), **own, 'peer': peer}


def variant(subject, seconds, flops=0, elements=0, moved=0):
    return {**subject, 'label': 'label', 'seconds': [seconds, 0.98 * seconds, 1.03 * seconds], 'flops': flops,
            'bytes': moved or 4 * elements, 'elements': elements}


def case(variants):
    main = {key: value for key, value in variants[0].items() if key not in ('label', 'seconds', 'flops', 'bytes',
                                                                            'elements')}
    shared = {'shared_core': 0.25} if main['threads'] == 1 else {}
    return {**main, 'variants': variants, 'rounds': 2, 'samples': 20, **shared}


def case_of(subject, seconds, flops=0, elements=0, peers=('onednn', 'pytorch')):
    """A case of Lanefold and peers, each slower than the one before."""
    variants = [variant(subject, seconds, flops, elements, 1e5)]
    variants += [variant(with_peer(subject, peer), seconds * (1.1 + 0.5 * at), flops, elements, 1e5)
                 for at, peer in enumerate(peers)]
    return case(variants)


BN_ELU = {'bn': True, 'activation': 'elu'}
LAYER = {'m': 200, 'n': 300, 'k': 784}


def some_cases():
    cases = [case([variant(described('limit', 'peak'), 1e-6, 1e5)])]
    for at, level in enumerate(('L1', 'L2', 'L3', 'memory')):
        cases.append(case([variant(described('limit', 'read', n=64, level=level), 1e-7 * 2**at, 0, 0, 2e4)]))
        for pass_ in 'forward', 'backward':
            elu = described('activation', pass_=pass_, activation='elu', n=4096, level=level)
            cases.append(case_of(elu, 1.2e-6 * 2**at, 0, 4096))
    cases.append(case_of(described('activation', pass_='forward', activation='elu', n=4096), 1.2e-6, 0, 4096))
    for pass_ in 'training', 'inference', 'backward':
        cases.append(case_of(described('norm', 'batch_norm', pass_=pass_, m=200, n=300), 1e-5, 0, 60000))
    for threads in 1, 2:
        for sizes, seconds, flops in (LAYER, 1e-3, 9.4e7), ({'m': 16, 'n': 16, 'k': 16}, 1.2e-7, 8192):
            gemm = {'transpose': 'nn', **sizes, 'threads': threads}
            product = case_of(described('gemm', **gemm), seconds / threads, flops, 60000)
            product['variants'].append(variant(described('gemm', form='packed', **gemm), seconds, flops))
            cases.append(product)
        cases.append(case_of(described('trainer', 'step', **BN_ELU, m=200, threads=threads), 3e-3 / threads, 2e8, 200))
        for samples in 1, 200:
            cases.append(case_of(described('network', 'infer', form='folded', m=samples, threads=threads),
                                 1e-5 * samples / threads, 5e5 * samples, samples,
                                 ('onednn', 'pytorch', 'onnxruntime')))
    return cases


def ratio(quantity, subject, value, **target):
    return {**subject, 'name': quantity + '/' + subject['name'], 'quantity': quantity, 'value': value,
            'low': 0.99 * value, 'high': 1.02 * value, **target}


EXTRAS = ({'activation': 'relu'}, {'activation': 'elu'}, {'bn': True}, BN_ELU)


def layers(sizes):
    """A dense layer with each extra, in each pass and form."""
    return [described('dense', pass_=pass_, form=form, **extra, **sizes)
            for pass_ in ('training', 'backward', 'inference') for extra in EXTRAS
            for form in (('unfused', 'fused') if pass_ != 'inference' else ('unfused', 'fused', 'folded'))]


def some_ratios():
    ratios = [ratio('over-alone', layer, 1.05 + 0.01 * EXTRAS.index({key: layer[key] for key in ('bn', 'activation')
                                                                    if key in layer})) for layer in layers(LAYER)]
    product = described('gemm', transpose='nn', **LAYER)
    small = described('gemm', transpose='nn', m=16, n=16, k=16)
    step = described('trainer', 'step', **BN_ELU, m=200)
    against = [ratio('against-peers', step, 1.1, numerator=with_peer(step, 'onednn')['name']),
               ratio('of-peak', product, 0.9), ratio('excess-ns', small, -0.5),
               ratio('against-peers', described('gemm', set='share'), 0)]
    at_least = {'sense': '>=', 'target': 0.95}
    return ratios + against + [
                     ratio('against-peers', small, 0.8, **at_least, verdict='fails'),
                     ratio('of-peak', small, 0.951, **at_least, verdict='undecided'),
                     ratio('against-peers', product, 1.2, **at_least, verdict='holds',
                           numerator=with_peer(product, 'onednn')['name']),
                     ratio('over-relu', step, 1.03, sense='<=', target=1.04, verdict='undecided')]


def cost(subject, instructions):
    return {**subject, 'label': 'label', 'instructions': instructions, 'multiply_adds': 3072}


def some_costs(m, n, k):
    sizes = {'m': m, 'n': n, 'k': k}
    alone = [described('dense', 'gemm', pass_=pass_, form='alone', **sizes)
             for pass_ in ('training', 'backward', 'inference')]
    packed = described('dense', 'gemm', pass_='inference', form='packed', **sizes)
    return [cost(one, 6000) for one in alone] + [cost(packed, 5000)] + [cost(layer, 6768) for layer in layers(sizes)]


def some_scaling():
    points = [{'cores': n, 'seconds': 1e-3 / n + 1e-5, 'speedup': 1.01e-3 / (1e-3 / n + 1e-5), 'work': 0.9e-3 / n,
               'imbalance': 0.1e-3 / n, 'overhead': 0, 'transfer': 0, 'serial': 1e-5, 'bandwidth': 0}
              for n in (1, 2, 4, 8)]
    return {'isa': 'avx2', 'assumptions': ['free cores take tasks <in> their order', 'no NUMA'],
            'operations': [{'name': 'step', 'points': points, 'measured': [{'threads': 2, 'seconds': 6e-4}]}]}


def some_results():
    own = {'format': 'lanefold-bench-3', 'command': 'lanefold bench --quick',
           'environment': {'cpu': 'A <b>CPU</b>: avx2', 'lanefold': '1.2.3', 'revision': 'abc1234',
                           'level_bytes': {'L1': 24576}},
           'warnings': ['the machine is not idle: load 3.03'], 'isas': ['avx2'], 'threads': [1, 2], 'filter': '',
           'processes': [{'isa': 'avx2', 'threads': threads,
                          'peers': [{'name': 'onednn', 'version': '2.6.3', 'how': 'matmul <with> post-ops'},
                                    {'name': 'pytorch', 'version': '1.13'}],
                          'missing': [{'name': 'eigen', 'reason': 'eigen.so is not installed'},
                                      {'name': 'numpy', 'reason': 'python3: No module named numpy'}]}
                         for threads in (1, 2)],
           'cases': some_cases(), 'ratios': some_ratios(), 'costs': some_costs(16, 48, 64),
           'failures': [{'failed': 'gemm/xx', 'reason': 'wrong result'}],
           'interrupted': False, 'confidence': 0.999, 'scaling': some_scaling(), 'seconds': 100.0}
    return {'context': {'date': '2026-01-02T03:04:05+00:00'}, 'benchmarks': [], 'lanefold': own}


# ------------------------------------------------------------------------------------------------------------ the page

class Page(HTMLParser):
    """Checks that elements are closed in order, and that the page has no scripts and loads nothing."""

    def __init__(self, text):
        super().__init__()
        self.open, self.ids, self.text = [], set(), ''
        self.feed(text)
        self.close()
        assert not self.open, self.open
        assert not re.search(r'<script|<link|<iframe|@import|javascript:|src=|url\(\s*.?(https?:|//)', text)

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        if tag == 'svg':
            assert 'aria-hidden' in values or (values.get('role') == 'img' and values.get('aria-label')), values
        assert not any(name.startswith('on') for name in values), values
        assert values.get('href', '#').startswith('#'), values
        if 'id' in values:
            assert values['id'] not in self.ids, values
            self.ids.add(values['id'])
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open and self.open[-1] == tag, (tag, self.open)
            self.open.pop()

    def handle_data(self, data):
        self.text += data.replace('\u00a0', ' ')


def run_module(name, *arguments, code=0, python=sys.executable, **variables):
    done = subprocess.run([python, '-m', name, *arguments], capture_output=True, text=True, encoding='utf-8', cwd=ROOT,
                          env=dict(os.environ, PYTHONDONTWRITEBYTECODE='1', **variables), timeout=100)
    assert done.returncode == code, (name, arguments, done.returncode, done.stderr)
    return done.stderr


class Drawer:
    def __init__(self, python, folder):
        self.python, self.folder = python, folder

    def run(self, *arguments, code=0, **variables):
        return run_module('bench.report', *arguments, code=code, python=self.python, **variables)

    def page(self, results):
        source, target = self.folder + '/results.json', self.folder + '/report.html'
        with open(source, 'w') as file:
            json.dump(results, file)
        assert self.run('bench', source, target) == ''
        with open(target, encoding='utf-8') as file:
            self.source = file.read()
        return Page(self.source).text


HEADINGS = ('Do the gates hold?', 'Can this run be trusted?', 'What batch normalization and activations cost',
            'The limits of this machine', 'Matrix products compared with other libraries',
            'Activations and batch normalization alone', 'The whole network', 'Scaling', 'Gates', 'All results')


def check_whole(drawer):
    text = drawer.page(some_results())
    for wanted in HEADINGS + ('A <b>CPU</b>', 'abc1234', '2026-01-02 03:04', 'The machine is not idle',
                              '27 cases were measured with 540 samples in 54 rounds',
                              'In at least 25% of the repetitions on one thread, another program used',
                              'Half of the ratios have intervals of at most 3.0%', 'intervals of 99.9%',
                              'Compared with oneDNN, PyTorch.', '2.6.3',
                              'matmul <with> post-ops', 'Eigen is missing on avx2: eigen.so is not installed',
                              'gemm/xx: wrong result', 'free cores take tasks <in> their order', 'no NUMA',
                              'Of 4 gates, 1 holds, 2 are undecided, 1 fails',
                              '1 thread in 2 of 2 shapes'):
        assert wanted in text, wanted
    assert len(re.findall('<svg viewBox="0 0 356', drawer.source)) >= 15
    assert 'prefers-color-scheme' in drawer.source and '@media print' in drawer.source and 'viewport' in drawer.source
    assert '+8.0% (+6.9 to +10.2%)' in text, 'BN + ELU, fused'


def check_first_screen(drawer):
    drawer.page(some_results())
    screen = Page(drawer.source[drawer.source.index('<body>'):drawer.source.index('<nav')].replace('<body>', '')).text
    for wanted in ('A <b>CPU</b>', 'BN + ELU in a layer+8.0%+6.9 to +10.2%',
                   'Training step3000 \u00b5s2940 to 3090 \u00b5s', 'Folded network10.0 \u00b5s9.8 to 10.3 \u00b5s',
                   'BN + ELU in this step+3.0%+2.0 to +5.1%', 'than ReLU without BNundecidedtarget: at most +4.0%',
                   'Matrix product90.0%89.1 to 91.8%', '1.10 times as fast as oneDNN',
                   'Not entirely. Parts of it are missing',
                   'holdsundecidedfails', 'Matrix products111', 'Trainer1'):
        assert wanted in screen, (wanted, screen)


def check_verdicts(drawer):
    """A verdict is a sign and a word, and what is undecided never looks like what holds."""
    drawer.page(some_results())
    text = drawer.source[drawer.source.index('id="gates"'):]
    rows = re.findall(r'<tr role="row"><th role="rowheader" scope="row">.*?</tr>', text)
    assert len(rows) == 4, rows
    signs = {}
    for row in rows:
        kind, sign, word = re.search(r'class="verdict (\w+)"><svg[^>]*>(.*?)</svg>(\w+)</td>', row).groups()
        assert signs.setdefault(word, (kind, sign)) == (kind, sign) and sign, row
    assert {word: kind for word, (kind, _) in signs.items()} == {'fails': 'not', 'undecided': 'part', 'holds': 'holds'}
    assert len({sign for _, sign in signs.values()}) == 3
    closed = re.search(r'<details><summary>The gate that holds</summary>(.*?)</details>', text, re.S).group(1)
    assert 'undecided' not in closed and 'fails' not in closed


def check_counted(drawer):
    text = drawer.page(some_results())
    for wanted in ('What they cost, counted', 'Layer of 16\u00d748\u00d764', '1.00+12.8%', '2.30+35.4%'):
        assert wanted in text, wanted
    assert 'The third one shows' not in text and '+12.8%+6.9' not in text, 'this layer was not timed'
    also_timed = some_results()
    also_timed['lanefold']['costs'] = some_costs(200, 300, 784)
    text = drawer.page(also_timed)
    assert 'The third one shows' in text and '0.01+12.8%+6.9 to +10.2%' in text
    without = some_results()
    del without['lanefold']['costs']
    assert 'What they cost' not in drawer.page(without)


def check_slow_threads(drawer):
    """A speed-up below 1, as on a busy machine, lies within its axes."""
    slow = some_results()
    slow['lanefold']['scaling']['operations'][0]['measured'] = [{'threads': 2, 'seconds': 1e-1}]
    drawer.page(slow)
    chart = re.search(r'aria-label="Simulated scaling: step">(.*?)</svg>', drawer.source, re.S).group(1)
    places = [float(place) for place in re.findall(r'<use [^>]*y="([0-9.]+)"[^>]*stroke: var\(--red\)', chart)]
    assert places and max(places) < 330 - 178, places


def check_names(drawer):
    """Names are for people: the report says the same with any others."""
    drawer.page(some_results())
    before, results, names = drawer.source, some_results(), {}

    def rename(value):
        if isinstance(value, list):
            for one in value:
                rename(one)
        elif isinstance(value, dict):
            for key, one in value.items():
                if key in ('name', 'numerator', 'denominator'):
                    value[key] = names.setdefault(one, 'n%dn' % len(names))
                else:
                    rename(one)
    for part in 'cases', 'ratios', 'costs':
        rename(results['lanefold'][part])
    drawer.page(results)
    after = drawer.source
    for name, other in names.items():
        after = after.replace('>%s<' % other, '>%s<' % name)
    assert after == before


def check_poor(drawer):
    """A run that did not finish lacks parts, and each section says what is missing."""
    poor = some_results()
    poor['lanefold'] = {'format': 'lanefold-bench-3'}
    text = drawer.page(poor)
    for wanted in HEADINGS + ('No layer was measured', 'No matrix product was measured', 'No gate was measured',
                              'did not finish', 'No other library was measured'):
        assert wanted in text, wanted
    for key in ('environment', 'processes', 'scaling'):
        poor = some_results()
        del poor['lanefold'][key]
        poor['lanefold']['cases'] = poor['lanefold']['cases'][-3:]
        drawer.page(poor)
    odd = some_results()
    odd['lanefold']['interrupted'] = True
    for entry in odd['lanefold']['cases']:
        del entry['variants'][-1]['flops']
    for entry in odd['lanefold']['ratios']:
        entry.update(op='of tomorrow', form='new')
    assert 'interrupted' in drawer.page(odd)
    odd['lanefold']['ratios'][-1].update(family='of tomorrow', quantity='new', low=1e-300, high=1e300,
                                          target=-1, verdict='fails')
    assert 'of tomorrow' in drawer.page(odd)


def check_programs(drawer):
    drawer.run('check')
    assert drawer.run(code=2).startswith('lanefold bench: usage: ')
    with open(drawer.folder + '/matplotlib.py', 'w') as file:
        file.write('raise ImportError')
    drawer.run('check', code=3, PYTHONPATH=drawer.folder)  # the command then says how to install it


# ----------------------------------------------------------------------------------------------------------- bad input

def changed(value, *keys):
    """The made-up results with this value in the place of another."""
    results = some_results()
    holder = results
    for key in keys[:-1]:
        holder = holder[key]
    holder[keys[-1]] = value
    return results


NAN, LONG = float('nan'), 'gemm/' + 'n' * 25000
BAD = (  # what the file holds, the field that the message names, and what else it says
    (b'\x00\xff', '', 'not JSON'), (b'', '', 'not JSON'), (b'{"lanefold": ', '', 'not JSON'),
    (b'[' * 100000, '', 'not JSON'), ([], 'the file', 'not an object'), ({}, 'lanefold', 'missing'),
    (changed([], 'lanefold'), 'lanefold', 'not an object'),
    (changed('lanefold-bench-2', 'lanefold', 'format'), 'lanefold.format', '"lanefold-bench-3", the format of this'),
    (changed({}, 'lanefold', 'cases'), 'lanefold.cases', 'this object is not an array'),
    (changed([5], 'lanefold', 'cases'), 'lanefold.cases[0]', '5 is not an object'),
    (changed([{}], 'lanefold', 'cases'), 'lanefold.cases[0].name', 'missing'),
    (changed([{'name': 'x'}], 'lanefold', 'cases'), 'lanefold.cases[0].family', 'missing'),
    (changed('16', 'lanefold', 'cases', 3, 'm'), 'lanefold.cases[3].m', '"16" is not a whole number'),
    (changed(-1, 'lanefold', 'costs', 3, 'k'), 'lanefold.costs[3].k', '-1 is not a whole number'),
    (changed(5, 'lanefold', 'ratios', 3, 'pass'), 'lanefold.ratios[3].pass', '5 is not a string'),
    (changed('yes', 'lanefold', 'cases', 3, 'variants', 0, 'bn'), 'lanefold.cases[3].variants[0].bn', 'true or false'),
    (changed(LONG, 'lanefold', 'cases', 3, 'variants', 0, 'isa'), 'lanefold.cases[3].variants[0].isa', '25005 char'),
    (changed(NAN, 'lanefold', 'costs', 0, 'instructions'), 'lanefold.costs[0].instructions', 'NaN is not a whole'),
    (changed('ok', 'lanefold', 'ratios', 2, 'verdict'), 'lanefold.ratios[2].verdict', 'one of fails, holds, undecided'),
    (changed(['x'], 'lanefold', 'ratios', 2, 'verdict'), 'lanefold.ratios[2].verdict', 'one of fails, holds'),
    (changed(7, 'lanefold', 'processes', 0, 'peers', 0, 'how'), 'lanefold.processes[0].peers[0].how', '7 is not a'),
    (changed(None, 'lanefold', 'cases', 3, 'variants'), 'lanefold.cases[3].variants', 'null is not an array'),
    (changed('1', 'lanefold', 'cases', 3, 'threads'), 'lanefold.cases[3].threads', '"1" is not a whole number'),
    (changed(1.5, 'lanefold', 'cases', 3, 'threads'), 'lanefold.cases[3].threads', '1.5 is not a whole number'),
    (changed([1, 2], 'lanefold', 'cases', 3, 'variants', 0, 'seconds'), 'lanefold.cases[3].variants[0].seconds',
     'ends'),
    (changed([1, 0, 2], 'lanefold', 'cases', 3, 'variants', 0, 'seconds'), 'lanefold.cases[3].variants[0].seconds[1]',
     '0 is not a positive number'),
    (changed(LONG, 'lanefold', 'cases', 3, 'name'), 'lanefold.cases[3].name', '25005 characters'),
    (changed(LONG, 'lanefold', 'ratios', 2, 'name'), 'lanefold.ratios[2].name', '25005 characters'),
    (changed(NAN, 'lanefold', 'ratios', 2, 'value'), 'lanefold.ratios[2].value', 'NaN is not a number'),
    (changed(None, 'lanefold', 'ratios', 2, 'high'), 'lanefold.ratios[2].high', 'null is not a number'),
    (changed(1.5, 'lanefold', 'cases', 0, 'shared_core'), 'lanefold.cases[0].shared_core',
     '1.5 is not a number from 0 to 1'),
    (changed(0, 'lanefold', 'ratios', 2, 'low'), 'lanefold.ratios[2].low', '0 is not a positive number'),
    (changed(10 ** 400, 'lanefold', 'ratios', 2, 'low'), 'lanefold.ratios[2].low', 'not a number'),
    (changed('x', 'lanefold', 'environment', 'caches'), 'lanefold.environment.caches', '"x" is not an object'),
    (changed(1, 'lanefold', 'interrupted'), 'lanefold.interrupted', '1 is not true or false'),
    (changed([None], 'lanefold', 'warnings'), 'lanefold.warnings[0]', 'null is not a string'),
    (changed(NAN, 'lanefold', 'scaling', 'operations', 0, 'points', 1, 'speedup'),
     'lanefold.scaling.operations[0].points[1].speedup', 'NaN is not a positive number'),
    (changed(True, 'lanefold', 'cases', 0, 'rounds'), 'lanefold.cases[0].rounds', 'true is not a whole number'),
    (changed(5, 'context'), 'context', '5 is not an object'))


def check_bad(folder, run, cases=BAD):
    """run: runs a program on this file, and returns its message."""
    source = folder + '/bad.json'

    def check(field, problem):
        message = run(source)
        place = '%s: %s' % (source, field and field + ': ')
        assert message.count('\n') == 1 and place in message and problem in message, (message, place, problem)
    for content, field, problem in cases:
        with open(source, 'wb') as file:
            file.write(content if isinstance(content, bytes) else json.dumps(content).encode())
        check(field, problem)
    os.unlink(source)
    check('', 'No such file')
    os.mkfifo(source)
    check('', 'not a regular file')
    os.unlink(source)


def check_all_bad(drawer):
    html, readme = drawer.folder + '/bad.html', drawer.folder + '/bad.md'
    # All programs read a file in the same way.  This one takes half a second, because it begins with matplotlib.
    check_bad(drawer.folder, lambda source: drawer.run('bench', source, html, code=2), BAD[:2])
    check_bad(drawer.folder, lambda source: run_module('bench.report.machine_page', source, code=2))
    check_bad(drawer.folder, lambda source: run_module('bench.report.table', source, readme, code=2))
    assert not os.path.exists(html) and not os.path.exists(readme)


# ----------------------------------------------------------------------------------------------------------- the table

def check_table(folder):
    source, readme = folder + '/results.json', folder + '/README.md'
    with open(source, 'w') as file:
        json.dump(some_results(), file)
    with open(readme, 'w') as file:
        file.write('before\n<!-- results -->\nold\n<!-- /results -->\nbetween\n'
                   '<!-- peers -->\nold\n<!-- /peers -->\nafter\n')
    assert 'README.md' in run_module('bench.report.table', '--check', source, readme, code=1)
    run_module('bench.report.table', source, readme)
    run_module('bench.report.table', '--check', source, readme)
    with open(readme, encoding='utf-8') as file:
        text = file.read()
    for wanted in ('avx2, 1 / 2 threads', 'BN + ELU, \u00b5s | 3000 / 1500 |',
                   '200\u00d7300\u00d7784, \u00b5s | 1000 / 500 |', '1100 oneDNN / 550 oneDNN',
                   '16\u00d716\u00d716, ns | 120 / 60 |', 'ns per element | 0.293 / \u2013 |',
                   'forward | 1.08 / \u2013 |', 'revision abc1234, 2026-01-02', 'load 3.03; incomplete'):
        assert wanted in text, (wanted, text)
    assert text.startswith('before\n<!-- results -->\n|') and '\n<!-- /results -->\nbetween\n' in text
    run_module('bench.report.table', '--check', source, source, readme, code=1)
    for lines in 'no markers\n', '<!-- results -->\n<!-- /results -->\n':
        with open(readme, 'w') as file:
            file.write(lines)
        assert 'the lines <!-- ' in run_module('bench.report.table', source, readme, code=2)


def peers_block(folder, results):
    """What the program writes between the markers of the peers."""
    source, readme = folder + '/results.json', folder + '/README.md'
    with open(source, 'w') as file:
        json.dump(results, file)
    with open(readme, 'w') as file:
        file.write('<!-- results -->\n<!-- /results -->\n<!-- peers -->\n<!-- /peers -->\n')
    run_module('bench.report.table', source, readme)
    with open(readme, encoding='utf-8') as file:
        text = file.read()
    with open(readme, 'w', encoding='utf-8') as file:
        file.write(text.replace('| Lanefold 1', '| Lanefold 2').replace('not measured', 'measured'))
    run_module('bench.report.table', '--check', source, readme, code=1)
    return text[text.index('<!-- peers -->\n'):]


def check_peers_table(folder):
    results = some_results()
    text = peers_block(folder, results)
    rows = [row for row in text.split('\n') if row.startswith('| ')][1:]
    assert rows == ['| Lanefold 1.2.3 | 10.0 / 5.0 | 100 / 200 | 2000 / 1000 | 100 / 200 |',
                    '| ONNX Runtime | 21.0 / 10.5 | 48 / 95 | 4200 / 2100 | 48 / 95 |',
                    '| PyTorch 1.13 | 16.0 / 8.0 | 62 / 125 | 3200 / 1600 | 62 / 125 |'], rows
    for wanted in ('A <b>CPU</b>, avx2, 1 / 2 threads', 'The times of PyTorch include',
                   'NumPy was not measured: python3: No module named numpy.'):
        assert wanted in text, (wanted, text)
    own = results['lanefold']
    for process in own['processes']:
        process['missing'] = []
    assert 'NumPy was not measured: this run did not include it.' in peers_block(folder, results)
    one = [case for case in own['cases'] if case['family'] != 'network' or case['threads'] == 1]
    own['cases'] = [dict(case, variants=case['variants'][:1]) if (case['family'], case.get('m')) == ('network', 200)
                    else case for case in one]
    text = peers_block(folder, results)
    assert '| Lanefold 1.2.3 | 10.0 / \u2013 | 100 / \u2013 | 2000 / \u2013 | 100 / \u2013 |' in text, text
    assert '| PyTorch 1.13 | 16.0 / \u2013 | 62 / \u2013 | \u2013 | \u2013 |' in text, text
    own['cases'] = [case for case in own['cases'] if case['family'] != 'network']
    text = peers_block(folder, results)
    assert text.split('\n')[1:3] == ['On A <b>CPU</b>, avx2, 1 / 2 threads, the folded network was not measured.',
                                     '<!-- /peers -->'], text


def check_machine_page(folder):
    source, target = folder + '/machine.json', folder + '/machine.md'
    results = some_results()
    results.setdefault('context', {})['host_name'] = 'mine'
    results['benchmarks'] = [{'name': 'sample'}]
    with open(source, 'w') as file:
        json.dump(results, file)
    run_module('bench.report.machine_page', source)
    with open(source) as file:
        published = json.load(file)
    assert published['benchmarks'] == [] and 'mine' not in json.dumps(published)
    assert published['lanefold'] == json.loads(json.dumps(results['lanefold']))
    run_module('bench.report.machine_page', '--check', source)
    with open(target, encoding='utf-8') as file:
        text = file.read()
    for wanted in ('revision abc1234', '| nn | 200\u00d7300\u00d7784 | avx2 | 1 | 1000 |', '1100 oneDNN',
                   '| oneDNN | 2.6.3 | avx2 | matmul <with> post-ops |',
                   'Of 4 gates, 1 holds, 2 are undecided, 1 fails'):
        assert wanted in text, (wanted, text)
    with open(target, 'a') as file:
        file.write('by hand\n')
    assert 'machine.md' in run_module('bench.report.machine_page', '--check', source, code=1)


with tempfile.TemporaryDirectory() as place:
    check_table(place)
    check_peers_table(place)
    check_machine_page(place)
    checked = Drawer(python_with_matplotlib(), place)
    check_whole(checked)
    check_first_screen(checked)
    check_verdicts(checked)
    check_counted(checked)
    check_slow_threads(checked)
    check_names(checked)
    check_poor(checked)
    check_all_bad(checked)
    check_programs(checked)
