"""What the Python programs of lanefold share: how they end, read and write a file.
Exit code 1: a comparison that the program was asked for fails; 2: an error, told in one line."""
import os
import stat
import sys
from collections.abc import Callable

ERROR = 2


class Problem(Exception):
    """A mistake that the user can correct."""


def run(name: str, main: Callable[[list[str]], None]) -> None:
    """Runs a program.  An error becomes one line that begins with its name."""
    try:
        main(sys.argv[1:])
        return
    except Problem as problem:
        text = str(problem)
    except OSError as error:
        text = '%s: %s' % (error.filename, error.strerror)
    except KeyboardInterrupt:
        sys.exit(130)
    print('%s: %s' % (name, text), file=sys.stderr)
    sys.exit(ERROR)


def read_file(path: str) -> bytes:
    """The content of a regular file.  A pipe would keep the program waiting."""
    if not stat.S_ISREG(os.stat(path).st_mode):
        raise Problem('%s: is not a regular file' % path)
    with open(path, 'rb') as file:
        return file.read()


def replace(path: str, content: bytes) -> None:
    """Replaces the whole file, or leaves the old one as it was."""
    target = os.path.realpath(path)
    temporary = '%s.%d.tmp' % (target, os.getpid())
    try:
        with open(temporary, 'wb') as file:
            file.write(content)
        os.replace(temporary, target)
    except BaseException as error:
        if os.path.exists(temporary):
            os.unlink(temporary)
        if isinstance(error, OSError):
            raise Problem('%s: %s' % (path, error.strerror)) from None
        raise
