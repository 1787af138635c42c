"""What the Python processes of python_peer.cpp share.  The program of a peer is this file and the peer's own.  It makes
operations on shared memory, calls them and times them.

Each request is a line on standard input, and each reply a line on standard output: "ok", "ok VALUE" or "error REASON".
The first reply comes without a request, when the package has been imported.
    version              VALUE is the version of the package
    operations           VALUE names the operations that the package has
    kernels              VALUE is LIBRARY=KERNELS for each library that computes
    how                  VALUE says how the package is called
    speed                VALUE is the seconds of one call of some loops of the package
    make ID OPERATION FILE NAME:SIZE,SIZE... NAME=VALUE...   FILE holds the arrays, each at a multiple of 64 bytes
    run ID               calls the operation once and writes its results to memory; VALUE is the loss, if there is one
    time ID ITERATIONS   calls the operation many times; VALUE is the seconds
    drop ID
"""
import ctypes
import mmap
import os
import sys
import threading
import time

replies = os.fdopen(os.dup(1), 'w')
os.dup2(2, 1)  # so that other output does not go to the replies
sys.path = [folder for folder in sys.path if folder]  # do not import from the current folder
THREADS = int(sys.argv[1])
RELU, ELU = 1, 3  # as in lanefold/activation.h


def reply(*words):
    print(*' '.join(str(word) for word in words).split(), file=replies, flush=True)


def missing(error):
    """Ends the process because its package cannot be imported."""
    reply('error', error)
    sys.exit(3)


class Origin(ctypes.Structure):
    """Dl_info of dladdr()."""
    _fields_ = [('file', ctypes.c_char_p), ('base', ctypes.c_void_p), ('symbol', ctypes.c_char_p),
                ('address', ctypes.c_void_p)]


def file_of(function):
    """The library that a function comes from."""
    origin = Origin()
    ctypes.CDLL(None).dladdr(ctypes.cast(function, ctypes.c_void_p), ctypes.byref(origin))
    return os.path.realpath(os.fsdecode(origin.file))


class Blas:
    """A library of matrix products.  before, after: what its functions have around their names, in builds with a BLAS
    of their own."""
    def __init__(self, file, before='', after=''):
        self.file, self.before, self.after = file, before, after
        self.library = ctypes.CDLL(file)

    def text(self, function, *arguments):
        """What a function returns, or '' if the library has no such function."""
        found = getattr(self.library, self.before + function + self.after, None)
        if found is None:
            return ''
        found.restype = ctypes.c_char_p
        return found(*arguments).decode()

    def kernels(self):
        """Its name and its kernels.  Refuses a BLAS that cannot be asked, because it may be slow for a reason of its
        own: the reference BLAS, say, has no vectors."""
        core = self.text('openblas_get_corename')
        if core:
            return {'OpenBLAS': core}
        if hasattr(self.library, 'bli_arch_query_id'):
            return {'BLIS': self.text('bli_arch_string', self.library.bli_arch_query_id())}
        if 'mkl' in os.path.basename(self.file):
            return {'MKL': 'its_own_choice'}
        missing(f'the products are those of {self.file}, whose kernels are unknown; install OpenBLAS '
                '(Debian and Ubuntu: libopenblas0-pthread)')

    def __str__(self):
        config = self.text('openblas_get_config')  # "OpenBLAS 0.3.21 NO_LAPACKE ..."
        version = ' '.join(config.split()[:2]) or self.text('bli_info_get_version_str') or self.file
        return f'{version} ({next(iter(self.kernels().values()))})'


def blas_of(module, name):
    """The library that has the function `name` which the library of a module calls."""
    names = ctypes.CDLL(module)
    for before, after in ('', ''), ('', '64_'), ('scipy_', ''), ('scipy_', '64_'):
        function = getattr(names, before + name + after, None)
        if function is not None:
            return Blas(file_of(function), before, after)
    missing(f'the BLAS of {module} is unknown')


class Operation:
    def __init__(self, arrays, values):
        self.arrays, self.values = arrays, values
        self.__dict__.update(arrays)
        self.make()

    def make(self):
        """Makes what lives as long as the operation."""

    def prepare(self):
        """Reads the inputs once, before the timed calls."""

    def call(self):
        """Computes the results once."""

    def finish(self):
        """Copies the results to shared memory if call() leaves them elsewhere."""


class Product(Operation):
    def make(self):
        if self.values['transposed_a'] == '1':
            self.a = self.a.T
        if self.values['transposed_b'] == '1':
            self.b = self.b.T


def seconds_of(function):
    """The fastest of 60 calls."""
    times = []
    for _ in range(60):
        begin = time.perf_counter()
        function()
        times.append(time.perf_counter() - begin)
    return min(times)


def fastest(functions):
    return min(functions, key=seconds_of)


def make(package, operation, file, *words):
    with open(file, 'r+b') as memory:
        mapped = mmap.mmap(memory.fileno(), 0)
    arrays, values, offset = {}, {}, 0
    for word in words:
        if ':' not in word:
            name, value = word.split('=')
            values[name] = value
            continue
        name, sizes = word.split(':')
        sizes = [int(size) for size in sizes.split(',')]
        count = 1
        for size in sizes:
            count *= size
        arrays[name] = package.array('int32' if name == 'labels' else 'float32', mapped, count, offset).reshape(sizes)
        offset += (4 * count + 63) // 64 * 64
    return package.operations[operation](arrays, values)


def timed(operation, iterations):
    operation.prepare()
    operation.call()
    begin = time.perf_counter()
    for _ in range(iterations):
        operation.call()
    return time.perf_counter() - begin


def called(operation):
    """Calls the operation once and returns the loss, or None."""
    operation.prepare()
    operation.call()
    return operation.finish()


def wait_for_threads():
    """Waits until all other threads of this process sleep, because those of OpenMP spin for a while."""
    deadline = time.monotonic() + 2
    own = str(threading.get_native_id())
    while time.monotonic() < deadline:
        running = False
        for task in os.listdir('/proc/self/task'):
            try:
                with open(f'/proc/self/task/{task}/stat', encoding='ascii', errors='replace') as stat:
                    running |= task != own and stat.read().rpartition(') ')[2][0] == 'R'
            except OSError:  # the thread has ended
                pass
        if not running:
            return
        time.sleep(0.0005)


def answer(package, made, verb, *words):
    """Does what the request asks for, and returns the VALUE of the reply.  made: the operations by their IDs."""
    if verb == 'version':
        return package.version
    if verb == 'operations':
        return ' '.join(package.operations)
    if verb == 'kernels':
        return ' '.join(f'{library}={kernels}' for library, kernels in package.kernels.items())
    if verb == 'how':
        return package.how
    if verb == 'speed':
        return repr(package.speed())
    number, *words = words
    if verb == 'make':
        made[number] = make(package, *words)
    elif verb == 'drop':
        del made[number]
    elif verb == 'time':
        with package.mode(made[number]):
            return repr(timed(made[number], int(words[0])))
    elif verb == 'run':
        with package.mode(made[number]):
            loss = called(made[number])
            return '' if loss is None else repr(loss)
    return ''


def serve(package):
    """package: its version, kernels by library, how it is called, its operations by name, the function array() that makes an array on memory, and the function
    mode() that returns the context in which an operation is called."""
    reply('ok')
    made = {}
    for line in sys.stdin:
        try:
            value = answer(package, made, *line.split())
            wait_for_threads()
            reply('ok', value)
        except Exception as error:
            reply('error', f'{type(error).__name__}: {error}')
