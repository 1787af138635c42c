"""Executors: thread pools of Python that run the tasks of a context."""
from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from ._lanefold import Task


class ThreadPool:
    """Runs the tasks of a context on a concurrent.futures.ThreadPoolExecutor.

    The thread that makes a call takes part, and never waits for a thread that has not begun.  A call therefore cannot
    hang, even if it is made from a thread of the same pool and all others are busy.

    pool     the pool
    threads  how many tasks of a call run at once, the calling thread's included

    >>> import concurrent.futures
    >>> with concurrent.futures.ThreadPoolExecutor(1) as pool:
    ...     with lanefold.Context(executor=lanefold.ThreadPool(pool, threads=2)) as context:
    ...         c = lanefold.sgemm(a, b, context=context)
    """

    def __init__(self, pool: ThreadPoolExecutor, threads: int) -> None:
        self.pool = pool
        self.threads = threads

    def __call__(self, count: int, task: Task) -> None:
        helpers = [self.pool.submit(task.work) for _ in range(min(count, self.threads) - 1)]
        task.work()
        for helper in helpers:
            helper.cancel()  # a helper that has not begun would find nothing to do
