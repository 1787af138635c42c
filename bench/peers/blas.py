"""Which library computes the products of a package, and with which kernels."""
import ctypes
import os
from typing import Any

from bench.peers.operation import Missing


class Origin(ctypes.Structure):
    """Dl_info of dladdr()."""
    _fields_ = [('file', ctypes.c_char_p), ('base', ctypes.c_void_p), ('symbol', ctypes.c_char_p),
                ('address', ctypes.c_void_p)]


def file_of(function: Any) -> str:
    """The library that a function comes from."""
    origin = Origin()
    ctypes.CDLL(None).dladdr(ctypes.cast(function, ctypes.c_void_p), ctypes.byref(origin))
    return os.path.realpath(os.fsdecode(origin.file))


class Blas:
    """A library of matrix products.  before, after: what its functions have around their names, in builds with a BLAS
    of their own."""

    def __init__(self, file: str, before: str = '', after: str = '') -> None:
        self.file, self.before, self.after = file, before, after
        self.library = ctypes.CDLL(file)

    def text(self, function: str, *arguments: int) -> str:
        """What a function returns, or '' if the library has no such function."""
        found = getattr(self.library, self.before + function + self.after, None)
        if found is None:
            return ''
        found.restype = ctypes.c_char_p
        return str(found(*arguments).decode())

    def kernels(self) -> dict[str, str]:
        """Its name and its kernels.  Refuses a BLAS that cannot be asked, because it may be slow for a reason of its
        own: the reference BLAS, say, has no vectors."""
        core = self.text('openblas_get_corename')
        if core:
            return {'OpenBLAS': core}
        if hasattr(self.library, 'bli_arch_query_id'):
            return {'BLIS': self.text('bli_arch_string', self.library.bli_arch_query_id())}
        if 'mkl' in os.path.basename(self.file):
            return {'MKL': 'its_own_choice'}
        raise Missing('the products are those of %s, whose kernels are unknown; install OpenBLAS (Debian and Ubuntu: '
                      'libopenblas0-pthread)' % self.file)

    def __str__(self) -> str:
        config = self.text('openblas_get_config')  # "OpenBLAS 0.3.21 NO_LAPACKE ..."
        version = ' '.join(config.split()[:2]) or self.text('bli_info_get_version_str') or self.file
        return '%s (%s)' % (version, next(iter(self.kernels().values())))


def blas_of(module: str, name: str) -> Blas:
    """The library that has the function `name` which the library of a module calls."""
    names = ctypes.CDLL(module)
    for before, after in ('', ''), ('', '64_'), ('scipy_', ''), ('scipy_', '64_'):
        function = getattr(names, before + name + after, None)
        if function is not None:
            return Blas(file_of(function), before, after)
    raise Missing('the BLAS of %s is unknown' % module)
