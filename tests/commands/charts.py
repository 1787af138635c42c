#!/usr/bin/env python3
"""charts.py LANEFOLD: pictures and the study's page, as the command draws them with matplotlib.
Exit code 77 (Meson's "skipped") where no Python here has it."""
import json
import os
import random
import re
import struct
import subprocess
import sys
import tempfile
from xml.etree import ElementTree

COMMAND = sys.argv[1]


def run(*words, code=0):
    done = subprocess.run([COMMAND, *words], capture_output=True, text=True, env=dict(os.environ, LANEFOLD_DATA=''))
    assert done.returncode == code, (words, done.returncode, done.stderr)
    return done


def has_matplotlib(python):
    try:
        return subprocess.run([python, '-c', 'import matplotlib'], stderr=subprocess.DEVNULL).returncode == 0
    except FileNotFoundError:
        return False


def write_data(folder):
    """1000 and 100 images of 6 x 6 that differ by class."""
    numbers = random.Random(1)
    for part, count in ('train', 1000), ('t10k', 100):
        labels = bytes(i % 10 for i in range(count))
        pixels = bytes(numbers.randrange(90) + 160 * (j % 10 == label) for label in labels for j in range(36))
        with open(folder + '/%s-images-idx3-ubyte' % part, 'wb') as file:
            file.write(struct.pack('>4I', 0x803, count, 6, 6) + pixels)
        with open(folder + '/%s-labels-idx1-ubyte' % part, 'wb') as file:
            file.write(struct.pack('>2I', 0x801, count) + labels)


def check_curves(folder):
    log = folder + '/log.jsonl'
    run('train', '--data', folder, '--epochs', '3', '--log', log, '--quiet')
    for kind, begin in ('svg', b'<?xml'), ('png', b'\x89PNG'), ('pdf', b'%PDF'):
        picture = '%s/curves.%s' % (folder, kind)
        assert run('plot', log, '-o', picture).stderr == ''
        with open(picture, 'rb') as file:
            assert file.read(len(begin)) == begin, kind
    ElementTree.parse(folder + '/curves.svg')
    with open(log, 'a') as file:
        file.write('{"event":"epoch","epoch":4,"loss":null,"train_accuracy":0.1,"test_loss":null,"test_accuracy":0.1}\n{"ev')
    run('plot', log, '-o', folder + '/diverged.svg')
    run('plot', log, '-o', folder + '/none/curves.svg', code=2)


def check_page(folder):
    """The page is self-contained, never relies on colour alone, suits light and dark, and has each claim."""
    run('study', '--data', folder, '-o', folder, '--epochs', '2', '--quiet')
    with open(folder + '/study.json') as file:
        report = json.load(file)
    with open(folder + '/study.html') as file:
        page = file.read()
    assert not re.search(r'<script|<link|@import|src=|url\(\s*.?(https?:|//)', page)
    assert 'prefers-color-scheme' in page and '@media print' in page and 'viewport' in page
    pictures = re.findall('<svg[^>]*>', page)
    assert len(pictures) > 20
    for picture in pictures:
        assert 'aria-hidden' in picture or ('role="img"' in picture and 'aria-label=' in picture), picture
    ids = re.findall(r'\sid="([^"]*)"', page)
    assert len(ids) == len(set(ids))
    for claim in report['claims']:
        assert claim['claim'].replace('>', '&gt;') in page and claim['verdict'] in page, claim
    # Values that are not numbers, and text that is not HTML.
    report['data'] = '<b>&"'
    report['signals_at_start']['cases'][0]['gradient_variance'] = [None] * 20
    report['sensitivity']['gains'][0].update(diverged=True, loss=None)
    with open(folder + '/odd.json', 'w') as file:
        json.dump(report, file)
    run('study', '--charts', folder + '/odd.json')
    with open(folder + '/odd.html') as file:
        assert '<b>&"' not in file.read()
    with open(folder + '/odd.json', 'w') as file:
        file.write('{}')
    message = run('study', '--charts', folder + '/odd.json', code=2).stderr
    assert message == 'lanefold charts: %s/odd.json: is not a study.json of `lanefold study`\n' % folder, message


if not any(map(has_matplotlib, ('python3', '/usr/bin/python3'))):
    print('SKIPPED: matplotlib is not installed')
    sys.exit(77)
with tempfile.TemporaryDirectory() as place:
    write_data(place)
    check_curves(place)
    check_page(place)
