"""The protocol: makes operations on shared memory, calls them and times them.

Each request is a line on standard input, and each reply a line on standard output: "ok", "ok VALUE" or "error REASON".
The first reply comes without a request, when the package has been imported.
    version              VALUE is the version of the package
    operations           VALUE names the operations that the package has
    kernels              VALUE is LIBRARY=KERNELS for each library that computes
    how                  VALUE says how the package is called
    speed                VALUE is the seconds of one call of some loops of the package
    make ID OPERATION FILE NAME:SIZE,SIZE... NAME=VALUE...   FILE holds the arrays, each at a multiple of 64 bytes
    run ID               calls the operation once and writes its results to memory; VALUE is the loss, if there is one
    time ID ITERATIONS   calls the operation many times; VALUE is the seconds, and the seconds that the threads of this
                         process waited for a CPU
    drop ID
"""
import math
import mmap
import os
import sys
import threading
import time
from typing import Optional, TextIO

from bench.peers.operation import Operation, Package


def reply(replies: TextIO, *words: object) -> None:
    print(*' '.join(str(word) for word in words).split(), file=replies, flush=True)


def make(package: Package, operation: str, file: str, *words: str) -> Operation:
    with open(file, 'r+b') as memory:
        mapped = mmap.mmap(memory.fileno(), 0)
    arrays, values, offset = {}, {}, 0
    for word in words:
        if ':' not in word:
            name, value = word.split('=')
            values[name] = value
            continue
        name, text = word.split(':')
        sizes = [int(size) for size in text.split(',')]
        count = math.prod(sizes)
        arrays[name] = package.array('int32' if name == 'labels' else 'float32', mapped, count, offset).reshape(sizes)
        offset += (4 * count + 63) // 64 * 64
    return package.operations[operation](arrays, values)


def waited_seconds() -> float:
    """The seconds that the threads of this process have waited for a CPU, 0 where the system does not tell."""
    nanoseconds = 0
    for task in os.listdir('/proc/self/task'):
        try:
            with open('/proc/self/task/%s/schedstat' % task, encoding='ascii') as schedstat:
                nanoseconds += int(schedstat.read().split()[1])
        except (OSError, IndexError):  # the thread has ended, or the system does not tell
            pass
    return 1e-9 * nanoseconds


def timed(operation: Operation, iterations: int) -> tuple[float, float]:
    """The seconds of the calls, and those that threads waited for a CPU."""
    operation.prepare()
    call = operation.call
    call()
    waited = waited_seconds()
    begin = time.perf_counter()
    for _ in range(iterations):
        call()
    seconds = time.perf_counter() - begin
    return seconds, max(0.0, waited_seconds() - waited)  # a thread may have ended


def called(operation: Operation) -> Optional[float]:
    """Calls the operation once and returns the loss, if there is one."""
    operation.prepare()
    operation.call()
    return operation.finish()


def wait_for_threads() -> None:
    """Waits until all other threads of this process sleep, because those of OpenMP spin for a while."""
    deadline = time.monotonic() + 2
    own = str(threading.get_native_id())
    while time.monotonic() < deadline:
        running = False
        for task in os.listdir('/proc/self/task'):
            try:
                with open('/proc/self/task/%s/stat' % task, encoding='ascii', errors='replace') as stat:
                    running |= task != own and stat.read().rpartition(') ')[2][0] == 'R'
            except OSError:  # the thread has ended
                pass
        if not running:
            return
        time.sleep(0.0005)


def described(package: Package, verb: str) -> Optional[str]:
    """What a request asks about the package itself, or None if it asks for something else."""
    if verb == 'version':
        return package.version
    if verb == 'operations':
        return ' '.join(package.operations)
    if verb == 'kernels':
        return ' '.join('%s=%s' % pair for pair in package.kernels.items())
    if verb == 'how':
        return package.how
    if verb == 'speed':
        return repr(package.speed())
    return None


def answer(package: Package, made: dict[str, Operation], verb: str, *words: str) -> str:
    """Does what the request asks for, and returns the VALUE of the reply.  made: the operations by their IDs."""
    about = described(package, verb)
    if about is not None:
        return about
    number, *words_left = words
    if verb == 'make':
        made[number] = make(package, *words_left)
    elif verb == 'drop':
        del made[number]
    elif verb == 'time':
        with package.mode(made[number]):
            return '%r %r' % timed(made[number], int(words_left[0]))
    elif verb == 'run':
        with package.mode(made[number]):
            loss = called(made[number])
            return '' if loss is None else repr(loss)
    return ''


def serve(package: Package, replies: TextIO) -> None:
    reply(replies, 'ok')
    made: dict[str, Operation] = {}
    for line in sys.stdin:
        try:
            value = answer(package, made, *line.split())
            wait_for_threads()
            reply(replies, 'ok', value)
        except Exception as error:
            reply(replies, 'error', '%s: %s' % (type(error).__name__, error))
