#!/usr/bin/env python3
"""training_speed.py COMMAND FOLDER [ROUNDS]: samples per second of the loop in examples/python/train.py and of
`lanefold train`, on the images in FOLDER.  Each round runs both for three epochs, in turn.  The first epoch warms up; the
others count, without the evaluation that the command makes after an epoch."""
import contextlib
import importlib.util
import io
import json
import os
import statistics
import subprocess
import sys
import time

EXAMPLE = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..', 'examples', 'python', 'train.py')


class Clock(io.TextIOBase):
    """Notes when each epoch ends: the loop then prints a line."""

    def __init__(self):
        self.times = []

    def write(self, text):
        if text.startswith('epoch'):
            self.times.append(time.perf_counter())
        return len(text)


def by_python(folder):
    spec = importlib.util.spec_from_file_location('train', EXAMPLE)
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    clock = Clock()
    with contextlib.redirect_stdout(clock):
        example.train(folder, epochs=3)
    return [later - earlier for earlier, later in zip(clock.times, clock.times[1:])]


def by_command(command, folder):
    said = subprocess.run([command, 'train', '--data', folder, '--epochs', '3', '--quiet', '--json'], check=True,
                          stdout=subprocess.PIPE, universal_newlines=True).stdout
    lines = [json.loads(line) for line in said.splitlines()]
    return [line['seconds'] for line in lines if line['event'] == 'epoch'][1:]


def main(command, folder, rounds='5'):
    samples = 60000
    seconds = {'python': [], 'command': []}
    for _ in range(int(rounds)):
        seconds['command'] += by_command(command, folder)
        seconds['python'] += by_python(folder)
    for name, values in seconds.items():
        print('%-8s median %.0f samples/s, best %.0f, epochs of %s s' % (
            name, samples / statistics.median(values), samples / min(values), ' '.join('%.3f' % v for v in values)))
    print('python / command: median %.3f, best %.3f' % (
        statistics.median(seconds['command']) / statistics.median(seconds['python']),
        min(seconds['command']) / min(seconds['python'])))


main(*sys.argv[1:])
