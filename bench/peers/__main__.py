"""PACKAGE THREADS: answers requests on standard input with numpy or pytorch, which computes on that many threads.
Exit code 3: the package is missing or cannot be used."""
import importlib
import os
import sys

from bench.peers.child import reply, serve
from bench.peers.operation import Missing


def main(name: str, threads: str) -> None:
    with os.fdopen(os.dup(1), 'w') as replies:
        os.dup2(2, 1)  # so that other output does not go to the replies
        sys.path = [folder for folder in sys.path if folder]  # do not import from the current folder
        try:
            package = importlib.import_module('bench.peers.%s_peer' % name).open_package(int(threads))
        except (ImportError, Missing) as error:
            reply(replies, 'error', error)
            sys.exit(3)
        serve(package, replies)


main(*sys.argv[1:])
